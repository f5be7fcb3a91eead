#pragma once

// The kernels that read the codes: coarse estimates of all tokens, and fine ones of the best.

// A BF16 value as float.
static inline float flash_head_scale(device const ushort * scales, int i) {
    return as_type<float>(uint(scales[i]) << 16);
}

// Estimates all tokens of row tgpig.y, a simdgroup a group of 64 tokens. shmem: the row's tables
//
// 1. The threadgroup copies the row's tables.
// 2. Eight lanes read a line of four bits of each token, a word each, and look up what these add. Another four lines
//    are read by the next lanes at the same time.
// 3. Lanes with the same word add up their sums. Then each completes two of the word's eight tokens.
// 4. The greatest estimate is noted.
kernel void kernel_flash_head_estimate(
        constant ggml_metal_kargs_flash_head & args,
        device const ggml_metal_flash_head_query * queries,
        device const uchar       * coarse,
        device const int         * clusters,
        device const float       * scores,
        device const float       * bias,
        device       atomic_uint * most,
        device       char        * dst,
        threadgroup  uint        * shmem [[threadgroup(0)]],
        uint3   tgpig[[threadgroup_position_in_grid]],
        ushort  tiitg[[thread_index_in_threadgroup]],
        ushort  sgitg[[simdgroup_index_in_threadgroup]],
        ushort  tiisg[[thread_index_in_simdgroup]],
        ushort3 ntg  [[threads_per_threadgroup]]) {
    threadgroup uchar * tables = (threadgroup uchar *) shmem;
    const int r       = tgpig.y;
    const int n_lines = args.n_bits/4;
    device const ggml_metal_flash_head_query & query = queries[r];
    for (int i = tiitg; i < n_lines*16; i += ntg.x) {
        tables[i] = query.tables[i/16][i%16];
    }
    threadgroup_barrier(mem_flags::mem_threadgroup);

    const int g = tgpig.x*(ntg.x/32) + sgitg;
    if (g*FLASH_HEAD_METAL_GROUP >= args.n_vocab) {
        return; // the whole simdgroup, and there are no more barriers
    }
    const short word  = tiisg%8;
    const short share = tiisg/8;
    device const uchar * group = coarse
            + ulong(g)*(2*FLASH_HEAD_METAL_GROUP + n_lines*FLASH_HEAD_METAL_LINE);
    uint sums[4] = { 0, 0, 0, 0 }; // of each byte of the word: of the low half's token, and 16 bits higher of the other
    for (int line = share; line < n_lines; line += 4) {
        const uint bits = ((device const uint *) (group + 2*FLASH_HEAD_METAL_GROUP + line*FLASH_HEAD_METAL_LINE))[word];
        FOR_UNROLL (short k = 0; k < 4; k++) {
            sums[k] += tables[16*line + ((bits >> 8*k) & 15)]
                    | (uint(tables[16*line + ((bits >> (8*k + 4)) & 15)]) << 16);
        }
    }
    FOR_UNROLL (short k = 0; k < 4; k++) {
        sums[k] += simd_shuffle_xor(sums[k], 8);
        sums[k] += simd_shuffle_xor(sums[k], 16);
    }
    const uint both = share == 0 ? sums[0] : share == 1 ? sums[1] : share == 2 ? sums[2] : sums[3];

    device float * logits = (device float *) (dst + r*args.nb_dst);
    uint greatest = 0;
    for (short half_of = 0; half_of < 2; half_of++) {
        const short t = 32*half_of + 4*word + share; // in the group
        const int   v = g*FLASH_HEAD_METAL_GROUP + t;
        if (v < args.n_vocab) {
            const float sum = float((both >> 16*half_of) & 0xffff);
            float estimate = flash_head_scale((device const ushort *) group, t)*(sum*query.unit + query.offset)
                    + (scores[r*args.n_cluster + clusters[v]] + query.variances[0]);
            if (args.has_bias) {
                estimate += flash_head_finite(bias[v]);
            }
            logits[v] = estimate;
            greatest  = MAX(greatest, flash_head_rank_of(estimate));
        }
    }
    flash_head_note_most(greatest, most + r, tiisg);
}

// This lane's share of the sum of a fine code's values times slots: a word of each line.
static inline int flash_head_sum_fine(device const ggml_metal_flash_head_query & query, device const uint * code,
        device const int8_t * slots, short word) {
    int sum = 0;
    for (short w = 0; w < 3; w++) {
        const short bits = 4 >> w;
        const uint  mask = (1u << bits) - 1;
        for (int line = 0; line < query.n_lines[w]; line++) {
            const uint values = code[word];
            for (short shift = 0; shift < 8; shift += bits) {
                FOR_UNROLL (short k = 0; k < 4; k++) {
                    sum += int((values >> (8*k + shift)) & mask)*int(slots[4*word + k]);
                }
                slots += FLASH_HEAD_METAL_LINE;
            }
            code += FLASH_HEAD_METAL_LINE/4;
        }
    }
    return sum;
}

// Adds the fine code of those tokens of row tgpig.y whose coarse estimates are best. shmem: how many are listed, and
// which
//
// 1. Each thread looks at one token of the threadgroup's runs. If its coarse estimate is among the best, the thread
//    lists it.
// 2. Eight lanes together read the code of a listed token, a word of each line. The first adds its estimate.
// 3. The greatest of all estimates is noted, fine ones and coarse ones.
kernel void kernel_flash_head_refine(
        constant ggml_metal_kargs_flash_head & args,
        device const ggml_metal_flash_head_query * queries,
        device const uchar       * fine,
        device const int8_t      * slots,
        device const int2        * best,
        device       atomic_uint * most,
        device       char        * dst,
        threadgroup  uint        * shmem [[threadgroup(0)]],
        uint3   tgpig[[threadgroup_position_in_grid]],
        ushort  tiitg[[thread_index_in_threadgroup]],
        ushort  tiisg[[thread_index_in_simdgroup]],
        ushort3 ntg  [[threads_per_threadgroup]]) {
    threadgroup atomic_uint * n_listed = (threadgroup atomic_uint *) shmem;
    threadgroup uint        * list     = shmem + 1;
    if (tiitg == 0) {
        atomic_store_explicit(n_listed, 0u, memory_order_relaxed);
    }
    threadgroup_barrier(mem_flags::mem_threadgroup);

    const int r = tgpig.y;
    device float * logits = (device float *) (dst + r*args.nb_dst);
    const int run   = tiitg/FLASH_HEAD_METAL_CHUNK*args.n_blocks + tgpig.x; // neighbours are dealt to threadgroups
    const int token = run*FLASH_HEAD_METAL_CHUNK + tiitg%FLASH_HEAD_METAL_CHUNK;
    uint greatest = 0;
    if (token < args.n_vocab) {
        const float estimate = logits[token];
        if (flash_head_is_best(best[r], estimate)) {
            list[atomic_fetch_add_explicit(n_listed, 1u, memory_order_relaxed)] = uint(token);
        } else {
            greatest = flash_head_rank_of(estimate);
        }
    }
    threadgroup_barrier(mem_flags::mem_threadgroup);

    device const ggml_metal_flash_head_query & query = queries[r];
    device const ushort * scales = (device const ushort *) (fine + ulong(args.n_vocab)*args.fine_bytes);
    const short word = tiisg%8;
    const int   n    = atomic_load_explicit(n_listed, memory_order_relaxed);
    for (int begin = 0; begin < n; begin += ntg.x/8) {
        const int i = begin + tiitg/8;
        const int v = list[MIN(i, n - 1)]; // all lanes work, as they add up together
        int sum = flash_head_sum_fine(query, (device const uint *) (fine + ulong(v)*args.fine_bytes),
                slots + r*8*args.fine_bytes, word);
        FOR_UNROLL (short step = 1; step < 8; step *= 2) {
            sum += simd_shuffle_xor(sum, step);
        }
        if (i < n && word == 0) {
            const float estimate = logits[v] + (flash_head_scale(scales, v)*(float(sum)*query.fine_unit
                    + query.fine_offset) + (query.variances[1] - query.variances[0]));
            logits[v] = estimate;
            greatest  = MAX(greatest, flash_head_rank_of(estimate));
        }
    }
    flash_head_note_most(greatest, most + r, tiisg);
}
