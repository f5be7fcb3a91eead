// GGML_OP_FLASH_HEAD on Metal. What it computes: core/flash-head.h; how it is launched: ggml-metal-flash-head.cpp.
//
// The name is one that ggml-metal gives its libraries. A build puts the included files in the place of their #include
// lines.

#include "common.h"
#include "dequantize.h"

#include "flash-head-kargs.h"
#include "flash-head-rows.h"
#include "flash-head-keys.h"
#include "flash-head-best.h"
#include "flash-head-query.h"
#include "flash-head-estimate.h"

// The stream of random numbers that belongs to row r of x, one threadgroup a row. shmem: a ulong for each thread
//
// 1. Threads stride over the columns, hash each with its number and sum the hashes: the order does not matter.
// 2. The first thread adds up the sums and the hash of the seed, and hashes the result.
kernel void kernel_flash_head_stream(
        constant ggml_metal_kargs_flash_head & args,
        device const char * x,
        device      ulong * streams,
        threadgroup uint  * shmem [[threadgroup(0)]],
        uint3   tgpig[[threadgroup_position_in_grid]],
        ushort  tiitg[[thread_index_in_threadgroup]],
        ushort3 ntg  [[threads_per_threadgroup]]) {
    device const uint * bits = (device const uint *) (x + tgpig.x*args.nb_x);
    ulong sum = 0;
    for (int i = tiitg; i < args.n_embd; i += ntg.x) {
        sum += flash_head_mix((ulong(i) << 32) | bits[i]);
    }
    threadgroup ulong * sums = (threadgroup ulong *) shmem;
    sums[tiitg] = sum;
    threadgroup_barrier(mem_flags::mem_threadgroup);

    if (tiitg == 0) {
        ulong stream = flash_head_mix(args.seed);
        for (int i = 0; i < ntg.x; i++) {
            stream += sums[i];
        }
        streams[tgpig.x] = flash_head_mix(stream);
    }
}

// scores [n][K] and keys [n][K]. A few lanes share one centroid.
//
// 1. The lanes of a centroid compute its products with all rows of x, each on some of the columns, and add them up.
// 2. The first of them writes the scores and the keys that rank the clusters: the score, or when drawing
//    score/temperature plus Gumbel noise.
template <typename row_t>
kernel void kernel_flash_head_centroids(
        constant ggml_metal_kargs_flash_head & args,
        device const char  * centroids,
        device const char  * x,
        device const ulong * streams,
        device       float * scores,
        device       int   * keys,
        uint3   tgpig[[threadgroup_position_in_grid]],
        ushort  tiitg[[thread_index_in_threadgroup]],
        ushort3 ntg  [[threads_per_threadgroup]]) {
    const short n_lanes = FC_flash_head_n_lanes;
    const short lane    = tiitg%n_lanes;
    const int   cluster = tgpig.x*(ntg.x/n_lanes) + tiitg/n_lanes;
    const int   c       = MIN(cluster, args.n_cluster - 1); // all lanes work, as they add up together

    float sums[FLASH_HEAD_METAL_ROWS] = { 0.0f };
    row_t::add_products(args, centroids + c*args.nb_centroid, x, lane, 0xff, sums);

    FOR_UNROLL (short r = 0; r < FC_flash_head_n_rows; r++) {
        const float score = flash_head_sum(sums[r]);
        if (cluster == c && lane == r%n_lanes) {
            scores[r*args.n_cluster + c] = score;
            const float rank = args.sample ? score/args.temperature + flash_head_gumbel(streams[r], c) : score;
            keys[r*args.n_cluster + c] = flash_head_key(rank);
        }
    }
}

// The threshold that n_probe of keys [n][K] reach, of equal keys those with the lower indices; one threadgroup a row.
// shmem: counts [256][FLASH_HEAD_METAL_COPIES], then what was found: bin, how many of it, how many are in it
//
// A radix select:
// 1. For each digit of 8 bits from the top, count the digits of those keys that agree with the digits found so far.
// 2. Descend into the bin that holds the n_probe-th key. What lies in better bins is selected and no longer counted.
// 3. Stop when all of the bin is selected.
kernel void kernel_flash_head_select(
        constant ggml_metal_kargs_flash_head & args,
        device const int  * keys,
        device       int2 * thresholds,
        threadgroup  uint * shmem [[threadgroup(0)]],
        uint3   tgpig[[threadgroup_position_in_grid]],
        ushort  tiitg[[thread_index_in_threadgroup]],
        ushort  sgitg[[simdgroup_index_in_threadgroup]],
        ushort  tiisg[[thread_index_in_simdgroup]],
        ushort3 ntg  [[threads_per_threadgroup]]) {
    threadgroup atomic_uint * counts = (threadgroup atomic_uint *) shmem;
    threadgroup uint        * found  = shmem + 256*FLASH_HEAD_METAL_COPIES;

    device const int * row = keys + tgpig.x*args.n_cluster;

    ulong prefix = 0; // the digits so far of the worst that is selected
    uint  wanted = args.n_probe;
    for (int shift = 56; shift >= 0; shift -= 8) {
        for (int i = tiitg; i < 256*FLASH_HEAD_METAL_COPIES; i += ntg.x) {
            atomic_store_explicit(&counts[i], 0u, memory_order_relaxed);
        }
        threadgroup_barrier(mem_flags::mem_threadgroup);

        for (int i = tiitg; i < args.n_cluster; i += ntg.x) {
            // better ones are greater: the key, then how low the number is
            const ulong rank = (ulong(uint(row[i]) ^ 0x80000000u) << 32) | uint(~i);
            if (shift == 56 || (rank >> (shift + 8)) == (prefix >> (shift + 8))) {
                const uint bin = uint(rank >> shift) & 255;
                atomic_fetch_add_explicit(&counts[bin*FLASH_HEAD_METAL_COPIES + tiisg%FLASH_HEAD_METAL_COPIES], 1u,
                        memory_order_relaxed);
            }
        }
        threadgroup_barrier(mem_flags::mem_threadgroup);

        if (sgitg == 0) { // a lane has 8 bins, the first lane the best
            uint in_bin[8];
            uint total = 0;
            for (short j = 0; j < 8; j++) {
                const uint bin = 255 - 8*tiisg - j;
                in_bin[j] = 0;
                for (short copy = 0; copy < FLASH_HEAD_METAL_COPIES; copy++) {
                    in_bin[j] += atomic_load_explicit(&counts[bin*FLASH_HEAD_METAL_COPIES + copy],
                            memory_order_relaxed);
                }
                total += in_bin[j];
            }
            uint better = simd_prefix_exclusive_sum(total);
            if (better < wanted && better + total >= wanted) {
                for (short j = 0; j < 8; j++) {
                    if (better + in_bin[j] >= wanted) {
                        found[0] = 255 - 8*tiisg - j;
                        found[1] = wanted - better;
                        found[2] = in_bin[j];
                        break;
                    }
                    better += in_bin[j];
                }
            }
        }
        threadgroup_barrier(mem_flags::mem_threadgroup);

        prefix |= ulong(found[0]) << shift;
        wanted  = found[1];
        if (wanted == found[2]) {
            break; // the whole bin
        }
    }
    if (tiitg == 0) {
        thresholds[tgpig.x] = int2(int(uint(prefix >> 32) ^ 0x80000000u), int(MIN(~uint(prefix), 0x7fffffffu)));
    }
}

// Bit i is set if token v0 + i is pinned. All lanes of the simdgroup call it.
static inline uint flash_head_pinned(device const int * pinned, int n_pinned, int v0, short lane) {
    int low = 0, high = n_pinned; // where the first is that is not below v0
    while (low < high) {
        const int middle = (low + high)/2;
        if (pinned[middle] < v0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    const int at    = low + lane;
    const int ahead = at < n_pinned ? pinned[at] - v0 : FLASH_HEAD_METAL_CHUNK;
    return simd_or(ahead < FLASH_HEAD_METAL_CHUNK ? 1u << ahead : 0u);
}

// The logits. shmem: how many tokens are listed; for each its place in the threadgroup's chunks and, in the low 8 bits,
// the rows to score it for
//
// 1. A threadgroup takes n_chunks chunks of tokens, every n_groups-th: the best tokens are often neighbours.
// 2. For each token and row it writes the background if that is all there is to do, and lists the other tokens. With
//    codes there is an estimate instead, and the best tokens are listed.
// 3. All its lanes score the listed tokens exactly, a few lanes for each token.
template <typename row_t>
kernel void kernel_flash_head_finish(
        constant ggml_metal_kargs_flash_head & args,
        device const char  * weight,
        device const char  * x,
        device const int   * clusters,
        device const int   * pinned,
        device const float * scores,
        device const int   * keys,
        device const int2  * thresholds,
        device const float * bias,
        device       char  * dst,
        threadgroup  uint  * shmem [[threadgroup(0)]],
        uint3   tgpig[[threadgroup_position_in_grid]],
        ushort  tiitg[[thread_index_in_threadgroup]],
        ushort  sgitg[[simdgroup_index_in_threadgroup]],
        ushort  tiisg[[thread_index_in_simdgroup]],
        ushort3 ntg  [[threads_per_threadgroup]]) {
    threadgroup atomic_uint * n_listed = (threadgroup atomic_uint *) shmem;
    threadgroup uint        * list     = shmem + 1;
    if (tiitg == 0) {
        atomic_store_explicit(n_listed, 0u, memory_order_relaxed);
    }
    threadgroup_barrier(mem_flags::mem_threadgroup);

    for (int i = sgitg; i < args.n_chunks; i += ntg.x/FLASH_HEAD_METAL_CHUNK) {
        const int  v0        = (tgpig.x + i*args.n_groups)*FLASH_HEAD_METAL_CHUNK;
        const int  v         = v0 + tiisg;
        const bool is_pinned = (flash_head_pinned(pinned, args.n_pinned, v0, tiisg) >> tiisg) & 1;
        if (v >= args.n_vocab) {
            continue;
        }
        const int c = clusters[v];
        uint rows = 0;
        for (short r = 0; r < FC_flash_head_n_rows; r++) {
            if (args.n_directions > 0) { // the logit is an estimate, which may stay
                device float * logit = (device float *) (dst + r*args.nb_dst) + v;
                const bool is_exact = is_pinned || flash_head_is_best(thresholds[r], *logit);
                if (!is_exact && args.has_bias) {
                    *logit -= flash_head_finite(bias[v]); // which the graph adds
                }
                rows |= uint(is_exact) << r;
                continue;
            }
            const float score    = scores[r*args.n_cluster + c];
            const int   key      = args.sample ? keys[r*args.n_cluster + c] : flash_head_key(score);
            const bool  is_exact = is_pinned || flash_head_selected(thresholds[r], key, c);
            if (!is_exact) {
                ((device float *) (dst + r*args.nb_dst))[v] = score;
            }
            rows |= uint(is_exact) << r;
        }
        if (rows != 0) {
            list[atomic_fetch_add_explicit(n_listed, 1u, memory_order_relaxed)] =
                    (uint(i*FLASH_HEAD_METAL_CHUNK + tiisg) << 8) | rows;
        }
    }
    threadgroup_barrier(mem_flags::mem_threadgroup);

    const short n_lanes = FC_flash_head_n_lanes;
    const short lane    = tiitg%n_lanes;
    const int   n       = atomic_load_explicit(n_listed, memory_order_relaxed);
    for (int begin = 0; begin < n; begin += ntg.x/n_lanes) {
        const int  at    = begin + tiitg/n_lanes;
        const uint entry = list[MIN(at, n - 1)]; // all lanes work, as they add up together
        const uint rows  = entry & 0xff;
        const int  i     = (entry >> 8)/FLASH_HEAD_METAL_CHUNK;
        const int  v     = (tgpig.x + i*args.n_groups)*FLASH_HEAD_METAL_CHUNK + (entry >> 8)%FLASH_HEAD_METAL_CHUNK;

        float sums[FLASH_HEAD_METAL_ROWS] = { 0.0f };
        row_t::add_products(args, weight + v*args.nb_weight, x, lane, rows, sums);

        FOR_UNROLL (short r = 0; r < FC_flash_head_n_rows; r++) {
            const float logit = flash_head_sum(sums[r]);
            if (at < n && ((rows >> r) & 1) && lane == r%n_lanes) {
                ((device float *) (dst + r*args.nb_dst))[v] = logit;
            }
        }
    }
}

#define FLASH_HEAD_KERNELS(name, ...) \
    template [[host_name("kernel_flash_head_centroids_" #name)]] \
    kernel decltype(kernel_flash_head_centroids<__VA_ARGS__>) kernel_flash_head_centroids<__VA_ARGS__>; \
    template [[host_name("kernel_flash_head_finish_"    #name)]] \
    kernel decltype(kernel_flash_head_finish   <__VA_ARGS__>) kernel_flash_head_finish   <__VA_ARGS__>;

#define FLASH_HEAD_QUANTIZED_KERNELS(type, name, nl) \
    FLASH_HEAD_KERNELS(name, flash_head_quantized<block_##name, nl, dequantize_##name>)

FLASH_HEAD_KERNELS(f32, flash_head_plain<float, float4>)
FLASH_HEAD_KERNELS(f16, flash_head_plain<half,  half4>)
#if defined(GGML_METAL_HAS_BF16)
FLASH_HEAD_KERNELS(bf16, flash_head_plain<bfloat, bfloat4>)
#endif
FLASH_HEAD_METAL_QUANTIZED_TYPES(FLASH_HEAD_QUANTIZED_KERNELS)
