#pragma once

// Products of a row of weights with the rows of activations. A few lanes share the columns: as many as leave few of
// them idle at the end of a row, so that short rows are taken several at a time by a simdgroup.

constant short FC_flash_head_n_rows  [[function_constant(FC_FLASH_HEAD + 0)]];
constant short FC_flash_head_n_lanes [[function_constant(FC_FLASH_HEAD + 1)]];

// Adds this lane's part of the products with those rows x [n][D] whose bits are set to sums [n]. Quantised types: 16
// columns at a time.
template <typename block_q, short nl, void (*dequantize_func)(device const block_q *, short, thread float4x4 &)>
struct flash_head_quantized {
    static void add_products(
            constant ggml_metal_kargs_flash_head & args,
            device const char * row,
            device const char * x,
            short               lane,
            uint                rows,
            thread float      * sums) {
        device const block_q * blocks = (device const block_q *) row;
        for (int i = lane; i < args.n_embd/16; i += FC_flash_head_n_lanes) {
            float4x4 w;
            dequantize_func(blocks + i/nl, i%nl, w);
            FOR_UNROLL (short r = 0; r < FC_flash_head_n_rows; r++) {
                if ((rows >> r) & 1) {
                    device const float4 * y = (device const float4 *) (x + r*args.nb_x) + 4*i;
                    sums[r] += dot(w[0], y[0]) + dot(w[1], y[1]) + dot(w[2], y[2]) + dot(w[3], y[3]);
                }
            }
        }
    }
};

// The same for plain numbers: 4 columns at a time where rows begin at multiples of 4.
template <typename T, typename T4>
struct flash_head_plain {
    static void add_products(
            constant ggml_metal_kargs_flash_head & args,
            device const char * row,
            device const char * x,
            short               lane,
            uint                rows,
            thread float      * sums) {
        if (args.n_embd % 4 == 0) {
            device const T4 * weights = (device const T4 *) row;
            for (int i = lane; i < args.n_embd/4; i += FC_flash_head_n_lanes) {
                const float4 w = float4(weights[i]);
                FOR_UNROLL (short r = 0; r < FC_flash_head_n_rows; r++) {
                    if ((rows >> r) & 1) {
                        sums[r] += dot(w, ((device const float4 *) (x + r*args.nb_x))[i]);
                    }
                }
            }
        } else {
            device const T * weights = (device const T *) row;
            for (int i = lane; i < args.n_embd; i += FC_flash_head_n_lanes) {
                const float w = float(weights[i]);
                FOR_UNROLL (short r = 0; r < FC_flash_head_n_rows; r++) {
                    if ((rows >> r) & 1) {
                        sums[r] += w*((device const float *) (x + r*args.nb_x))[i];
                    }
                }
            }
        }
    }
};

// The sum over the lanes that share a row. All lanes of the simdgroup call it.
static inline float flash_head_sum(float x) {
    FOR_UNROLL (short step = FC_flash_head_n_lanes/2; step > 0; step /= 2) {
        x += simd_shuffle_xor(x, step);
    }
    return x;
}
