#pragma once

// The best tokens of a row by their estimates, as in cuda/flash-head-best.cuh: tokens are counted by how far they are
// estimated below the greatest, in bins of a float of 1 + that distance with 8 bits of fraction.

static inline bool flash_head_is_finite(float x) {
    return (as_type<uint>(x) & 0x7fffffff) < 0x7f800000;
}

// x, or 0 if it is not finite
static inline float flash_head_finite(float x) {
    return flash_head_is_finite(x) ? x : 0.0f;
}

// Keys as numbers that atomic_uint ranks alike.
static inline uint flash_head_rank_of(float estimate) {
    return uint(flash_head_key(estimate)) ^ 0x80000000u;
}

static inline float flash_head_estimate_of(uint rank) {
    const int key = int(rank ^ 0x80000000u);
    return as_type<float>(key ^ ((key >> 31) & 0x7fffffff));
}

// The bin at a distance of 0 or more; the last one for infinity and NaN.
static inline int flash_head_bin_at(float distance) {
    const int bin = (as_type<int>(1.0f + distance) - 0x3f800000) >> 15;
    return bin >= 0 && bin < FLASH_HEAD_METAL_LAST_BIN ? bin : FLASH_HEAD_METAL_LAST_BIN;
}

// The least distance of a bin.
static inline float flash_head_distance_of(int bin) {
    return as_type<float>((bin << 15) + 0x3f800000) - 1.0f;
}

// best: the rank of the greatest estimate, and the last bin that is chosen. An estimate that is NaN never is.
static inline bool flash_head_is_best(int2 best, float estimate) {
    return flash_head_key(estimate) != FLASH_HEAD_METAL_NAN_KEY
        && flash_head_bin_at(flash_head_estimate_of(uint(best.x)) - estimate) <= best.y;
}

// Notes the greatest rank. All lanes of the simdgroup call it.
static inline void flash_head_note_most(uint rank, device atomic_uint * most, short lane) {
    rank = simd_max(rank);
    if (lane == 0 && rank > atomic_load_explicit(most, memory_order_relaxed)) {
        atomic_fetch_max_explicit(most, rank, memory_order_relaxed);
    }
}

// Counts the tokens of row tgpig.y by bins. shmem: a threadgroup's bins
//
// 1. The threadgroup clears its own bins.
// 2. Its threads count their tokens in them.
// 3. Bins that have some are added to the row's.
kernel void kernel_flash_head_count(
        constant ggml_metal_kargs_flash_head & args,
        device const char        * dst,
        device const uint        * most,
        device       atomic_uint * bins,
        threadgroup  uint        * shmem [[threadgroup(0)]],
        uint3   tgpig[[threadgroup_position_in_grid]],
        ushort  tiitg[[thread_index_in_threadgroup]],
        ushort3 ntg  [[threads_per_threadgroup]]) {
    threadgroup atomic_uint * counts = (threadgroup atomic_uint *) shmem;
    for (int i = tiitg; i < FLASH_HEAD_METAL_BINS; i += ntg.x) {
        atomic_store_explicit(&counts[i], 0u, memory_order_relaxed);
    }
    threadgroup_barrier(mem_flags::mem_threadgroup);

    device const float * logits   = (device const float *) (dst + tgpig.y*args.nb_dst);
    const float          greatest = flash_head_estimate_of(most[tgpig.y]);
    for (int v = tgpig.x*ntg.x + tiitg; v < args.n_vocab; v += args.n_blocks*ntg.x) {
        const float estimate = logits[v];
        if (flash_head_key(estimate) != FLASH_HEAD_METAL_NAN_KEY) {
            atomic_fetch_add_explicit(&counts[flash_head_bin_at(greatest - estimate)], 1u, memory_order_relaxed);
        }
    }
    threadgroup_barrier(mem_flags::mem_threadgroup);

    for (int i = tiitg; i < FLASH_HEAD_METAL_BINS; i += ntg.x) {
        const uint count = atomic_load_explicit(&counts[i], memory_order_relaxed);
        if (count > 0) {
            atomic_fetch_add_explicit(&bins[tgpig.y*FLASH_HEAD_METAL_BINS + i], count, memory_order_relaxed);
        }
    }
}

// How much of the mass may keep its estimates, as a share of all; a negative number for any.
static inline float flash_head_kept_share(constant ggml_metal_kargs_flash_head & args, float error) {
    if (!(args.tolerance > 0.0f)) {
        return -1.0f;
    }
    const float share = 2.0f*args.tolerance/error*exp(-args.steepness*MAX(0.0f, error - args.limit));
    return flash_head_is_finite(share) && share < 1.0f ? share : -1.0f;
}

// The last bin of which the mass counts: for an exact logit, only that of tokens with a fine estimate.
static inline int flash_head_from_bin(constant ggml_metal_kargs_flash_head & args, int2 near, uint most) {
    if (args.choice == 0 || near.y >= FLASH_HEAD_METAL_LAST_BIN) {
        return FLASH_HEAD_METAL_LAST_BIN;
    }
    const float from = flash_head_estimate_of(uint(near.x)) - flash_head_distance_of(near.y + 1);
    return flash_head_bin_at(MAX(0.0f, flash_head_estimate_of(most) - from));
}

// Finds the last bin of row tgpig.x that is chosen. Sums go from the far end, where tokens are many and light, so that
// their masses are not lost. shmem: for each simdgroup its tokens, its mass that counts, all of its mass; the result
//
// 1. Each thread adds up the tokens in a few bins, and their masses: exp(-distance), as a share of the best one's.
// 2. Sums over the threads before it tell what lies further away.
// 3. A bin is chosen if too few tokens are in better ones, or if it and those further away have more of the mass than
//    may keep its estimates. The last such bin is the result.
kernel void kernel_flash_head_best(
        constant ggml_metal_kargs_flash_head & args,
        device const ggml_metal_flash_head_query * queries,
        device const uint * bins,
        device const uint * most,
        device const int2 * near,
        device       int2 * found,
        threadgroup  uint * shmem [[threadgroup(0)]],
        uint3   tgpig[[threadgroup_position_in_grid]],
        ushort  tiitg[[thread_index_in_threadgroup]],
        ushort  sgitg[[simdgroup_index_in_threadgroup]],
        ushort  tiisg[[thread_index_in_simdgroup]],
        ushort3 ntg  [[threads_per_threadgroup]]) {
    threadgroup uint        * counts = (threadgroup uint  *) shmem;
    threadgroup float       * masses = (threadgroup float *) (shmem + 32);
    threadgroup float       * totals = (threadgroup float *) (shmem + 64);
    threadgroup atomic_uint * last   = (threadgroup atomic_uint *) (shmem + 96);

    const int   r     = tgpig.x;
    const float share = flash_head_kept_share(args, queries[r].errors[args.choice]);
    const int   from  = flash_head_from_bin(args, near[r], most[r]);
    const int   n     = (FLASH_HEAD_METAL_BINS + ntg.x - 1)/ntg.x; // of a thread
    const int   begin = FLASH_HEAD_METAL_LAST_BIN - tiitg*n;       // and those below
    const int   end   = MAX(begin - n, -1);
    device const uint * row = bins + r*FLASH_HEAD_METAL_BINS;

    uint  count = 0;
    float mass  = 0.0f, total = 0.0f;
    for (int bin = begin; bin > end; bin--) {
        const float here = float(row[bin])*exp(-flash_head_distance_of(bin));
        count += row[bin];
        total += here;
        mass  += bin <= from ? here : 0.0f;
    }
    uint  beyond      = simd_prefix_exclusive_sum(count);
    float beyond_mass = simd_prefix_exclusive_sum(mass);
    total = simd_sum(total);
    if (tiisg == 31) {
        counts[sgitg] = beyond + count;
        masses[sgitg] = beyond_mass + mass;
        totals[sgitg] = total;
    }
    if (tiitg == 0) {
        atomic_store_explicit(last, 0u, memory_order_relaxed);
    }
    threadgroup_barrier(mem_flags::mem_threadgroup);

    uint  n_all = 0;
    float all   = 0.0f;
    for (int i = 0; i < ntg.x/32; i++) {
        n_all       += counts[i];
        all         += totals[i];
        beyond      += i < sgitg ? counts[i] : 0;
        beyond_mass += i < sgitg ? masses[i] : 0.0f;
    }
    int mine = 0;
    for (int bin = begin; bin > end; bin--) {
        beyond      += row[bin];
        beyond_mass += bin <= from ? float(row[bin])*exp(-flash_head_distance_of(bin)) : 0.0f;
        if (n_all - beyond < uint(args.n_best) || (share >= 0.0f && beyond_mass > share*all)) {
            mine = MAX(mine, bin);
        }
    }
    atomic_fetch_max_explicit(last, uint(mine), memory_order_relaxed);
    threadgroup_barrier(mem_flags::mem_threadgroup);
    if (tiitg == 0) {
        found[r] = int2(int(most[r]), int(atomic_load_explicit(last, memory_order_relaxed)));
    }
}
