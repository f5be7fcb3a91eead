#pragma once

// Dot products of a row of any type with rows of activations, by the lanes of a warp together.

#include "flash-head-call.cuh"
#include "ggml-cuda/vecdotq.cuh"

// All types of rows, for F.
#define FLASH_HEAD_TYPES(F) \
    F(F32)  F(F16)  F(BF16) \
    F(Q1_0) F(Q2_0) F(Q4_0) F(Q4_1) F(Q5_0) F(Q5_1) F(Q8_0) F(MXFP4) F(NVFP4) \
    F(Q2_K) F(Q3_K) F(Q4_K) F(Q5_K) F(Q6_K) \
    F(IQ1_S) F(IQ1_M) F(IQ2_XXS) F(IQ2_XS) F(IQ2_S) F(IQ3_XXS) F(IQ3_S) F(IQ4_NL) F(IQ4_XS)

// How ggml dots a part of a block of a quantised type with activations: vdr integers of 32 bits from the part-th
// on.
template <ggml_type type> struct flash_head_quants;

#define FLASH_HEAD_QUANTS(TYPE, NAME, VDR) \
    template <> struct flash_head_quants<GGML_TYPE_##TYPE> { \
        static constexpr int vdr = VDR; \
        static __device__ __forceinline__ float dot(const void * row, const block_q8_1 * x, int block, int part) { \
            return vec_dot_##NAME##_q8_1(row, x, block, part); \
        } \
    };

FLASH_HEAD_QUANTS(Q1_0,    q1_0,    VDR_Q1_0_Q8_1_MMVQ)
FLASH_HEAD_QUANTS(Q2_0,    q2_0,    VDR_Q2_0_Q8_1_MMVQ)
FLASH_HEAD_QUANTS(Q4_0,    q4_0,    VDR_Q4_0_Q8_1_MMVQ)
FLASH_HEAD_QUANTS(Q4_1,    q4_1,    VDR_Q4_1_Q8_1_MMVQ)
FLASH_HEAD_QUANTS(Q5_0,    q5_0,    VDR_Q5_0_Q8_1_MMVQ)
FLASH_HEAD_QUANTS(Q5_1,    q5_1,    VDR_Q5_1_Q8_1_MMVQ)
FLASH_HEAD_QUANTS(Q8_0,    q8_0,    VDR_Q8_0_Q8_1_MMVQ)
FLASH_HEAD_QUANTS(MXFP4,   mxfp4,   VDR_MXFP4_Q8_1_MMVQ)
FLASH_HEAD_QUANTS(NVFP4,   nvfp4,   VDR_NVFP4_Q8_1_MMVQ)
FLASH_HEAD_QUANTS(Q2_K,    q2_K,    VDR_Q2_K_Q8_1_MMVQ)
FLASH_HEAD_QUANTS(Q3_K,    q3_K,    VDR_Q3_K_Q8_1_MMVQ)
FLASH_HEAD_QUANTS(Q4_K,    q4_K,    VDR_Q4_K_Q8_1_MMVQ)
FLASH_HEAD_QUANTS(Q5_K,    q5_K,    VDR_Q5_K_Q8_1_MMVQ)
FLASH_HEAD_QUANTS(Q6_K,    q6_K,    VDR_Q6_K_Q8_1_MMVQ)
FLASH_HEAD_QUANTS(IQ1_S,   iq1_s,   VDR_IQ1_S_Q8_1_MMVQ)
FLASH_HEAD_QUANTS(IQ1_M,   iq1_m,   VDR_IQ1_M_Q8_1_MMVQ)
FLASH_HEAD_QUANTS(IQ2_XXS, iq2_xxs, VDR_IQ2_XXS_Q8_1_MMVQ)
FLASH_HEAD_QUANTS(IQ2_XS,  iq2_xs,  VDR_IQ2_XS_Q8_1_MMVQ)
FLASH_HEAD_QUANTS(IQ2_S,   iq2_s,   VDR_IQ2_S_Q8_1_MMVQ)
FLASH_HEAD_QUANTS(IQ3_XXS, iq3_xxs, VDR_IQ3_XXS_Q8_1_MMVQ)
FLASH_HEAD_QUANTS(IQ3_S,   iq3_s,   VDR_IQ3_S_Q8_1_MMVQ)
FLASH_HEAD_QUANTS(IQ4_NL,  iq4_nl,  VDR_IQ4_NL_Q8_1_MMVQ)
FLASH_HEAD_QUANTS(IQ4_XS,  iq4_xs,  VDR_IQ4_XS_Q8_1_MMVQ)

static constexpr __host__ __device__ bool flash_head_is_float(ggml_type type) {
    return type == GGML_TYPE_F32 || type == GGML_TYPE_F16 || type == GGML_TYPE_BF16;
}

// A float of 2 bytes.
template <ggml_type type> static __device__ __forceinline__ float flash_head_to_float(uint16_t bits) {
    if constexpr (type == GGML_TYPE_F16) {
        return __half2float(__ushort_as_half(bits));
    } else {
        return __uint_as_float((uint32_t) bits << 16);
    }
}

// The floats in a word: one, or the two of 2 bytes.
template <ggml_type type> static __device__ __forceinline__ void flash_head_unpack(uint32_t word, float * values) {
    if constexpr (type == GGML_TYPE_F32) {
        values[0] = __uint_as_float(word);
    } else {
        values[0] = flash_head_to_float<type>((uint16_t) word);
        values[1] = flash_head_to_float<type>((uint16_t) (word >> 16));
    }
}

// The activations of row r of the call; the last ones for rows that it does not have.
static __device__ __forceinline__ int flash_head_row(const flash_head_call & call, int r) {
    return r < call.n_rows ? r : call.n_rows - 1;
}

template <ggml_type type, int n_rows>
static __device__ __forceinline__ void flash_head_dot_floats(const flash_head_call & call, const char * row, bool wide,
        int r0, int lane, float * sums) {
    constexpr int warp_size = ggml_cuda_get_physical_warp_size();
    constexpr int size      = type == GGML_TYPE_F32 ? 4 : 2; // bytes of a weight

    if (wide) {
        constexpr int n = 16/size;
        for (int i = lane*n; i < call.n_embd; i += warp_size*n) {
            const int4 words = *(const int4 *) (row + (int64_t) i*size);
            float w[n];
            flash_head_unpack<type>(words.x, w);
            flash_head_unpack<type>(words.y, w + 1*n/4);
            flash_head_unpack<type>(words.z, w + 2*n/4);
            flash_head_unpack<type>(words.w, w + 3*n/4);
#pragma unroll
            for (int r = 0; r < n_rows; r++) {
                const float * x = call.x + flash_head_row(call, r0 + r)*call.stride_x + i;
#pragma unroll
                for (int j = 0; j < n; j += 4) {
                    const float4 v = *(const float4 *) (x + j);
                    sums[r] += w[j]*v.x + w[j + 1]*v.y + w[j + 2]*v.z + w[j + 3]*v.w;
                }
            }
        }
    } else {
        for (int i = lane; i < call.n_embd; i += warp_size) {
            float w;
            if constexpr (type == GGML_TYPE_F32) {
                w = ((const float *) row)[i];
            } else {
                w = flash_head_to_float<type>(((const uint16_t *) row)[i]);
            }
#pragma unroll
            for (int r = 0; r < n_rows; r++) {
                sums[r] += w*call.x[flash_head_row(call, r0 + r)*call.stride_x + i];
            }
        }
    }
}

template <ggml_type type, int n_rows>
static __device__ __forceinline__ void flash_head_dot_quants(const flash_head_call & call, const char * row, int r0,
        int lane, float * sums) {
    constexpr int warp_size = ggml_cuda_get_physical_warp_size();
    constexpr int qk        = ggml_cuda_type_traits<type>::qk;
    constexpr int vdr       = flash_head_quants<type>::vdr;
    constexpr int n_parts   = ggml_cuda_type_traits<type>::qi/vdr; // lanes that share a block
    static_assert(n_parts >= 1 && warp_size % n_parts == 0, "lanes do not share blocks evenly");

    const int part     = lane % n_parts*vdr;
    const int stride_x = call.n_embd/QK8_1;
    for (int block = lane/n_parts; block < call.n_embd/qk; block += warp_size/n_parts) {
#pragma unroll
        for (int r = 0; r < n_rows; r++) {
            const block_q8_1 * x = call.x_q8_1 + flash_head_row(call, r0 + r)*stride_x + block*(qk/QK8_1);
            sums[r] += flash_head_quants<type>::dot(row, x, block, part);
        }
    }
}

// sums [n_rows]: row i of rows, times the activations of rows r0 .. r0 + n_rows - 1 of the call. All lanes of a warp
// get all.
template <ggml_type type, int n_rows>
static __device__ __forceinline__ void flash_head_dot(const flash_head_call & call, const flash_head_rows & rows, int i,
        int r0, int lane, float * sums) {
    const char * row = rows.data + i*rows.row_size;
#pragma unroll
    for (int r = 0; r < n_rows; r++) {
        sums[r] = 0.0f;
    }
    if constexpr (flash_head_is_float(type)) {
        flash_head_dot_floats<type, n_rows>(call, row, rows.wide, r0, lane, sums);
    } else {
        flash_head_dot_quants<type, n_rows>(call, row, r0, lane, sums);
    }
#pragma unroll
    for (int r = 0; r < n_rows; r++) {
        sums[r] = warp_reduce_sum<ggml_cuda_get_physical_warp_size()>(sums[r]);
    }
}
