#pragma once

// Prepares x for the codes, as flash_head_query_prepare of core/flash-head-codes.cpp.

// Where the parts of a basis begin, as in core/flash-head-basis.h.
struct flash_head_basis {
    device const float * n_lines;
    device const float * bits;
    device const float * projection;
    device const float * variances;
    device const float * columns;
    device const float * steps;
};

static inline flash_head_basis flash_head_basis_at(constant ggml_metal_kargs_flash_head & args,
        device const float * basis) {
    flash_head_basis b;
    b.n_lines    = basis;
    b.bits       = b.n_lines    + 4;
    b.projection = b.bits       + args.n_directions;
    b.variances  = b.projection + args.n_embd*args.n_directions;
    b.columns    = b.variances  + 2*args.n_embd;
    b.steps      = b.columns    + 8*args.fine_bytes;
    return b;
}

// Projects part tgpig.x of row tgpig.y, a thread a direction.
//
// 1. Each thread sums the products of the part's columns with one direction.
// 2. The threads after these sum their squares times the variances.
kernel void kernel_flash_head_project(
        constant ggml_metal_kargs_flash_head & args,
        device const char  * x,
        device const float * basis,
        device       float * parts,
        uint3   tgpig[[threadgroup_position_in_grid]],
        ushort  tiitg[[thread_index_in_threadgroup]],
        ushort3 ntg  [[threads_per_threadgroup]]) {
    const flash_head_basis b = flash_head_basis_at(args, basis);
    const int n     = args.n_directions;
    const int begin = tgpig.x*FLASH_HEAD_METAL_PART;
    const int end   = MIN(begin + FLASH_HEAD_METAL_PART, args.n_embd);
    device const float * row  = (device const float *) (x + tgpig.y*args.nb_x);
    device       float * sums = parts + (tgpig.y*args.n_parts + tgpig.x)*(n + 2);
    for (int j = tiitg; j < n + 2; j += ntg.x) {
        float sum = 0.0f;
        for (int i = begin; i < end; i++) {
            sum += j < n ? row[i]*b.projection[i*n + j] : row[i]*row[i]*b.variances[(j - n)*args.n_embd + i];
        }
        sums[j] = sum;
    }
}

// The sum, or the greatest, of all threads' values, for all threads. scratch [simdgroups].
static inline float flash_head_block_sum(float value, threadgroup float * scratch, short group, short lane, short n) {
    value = simd_sum(value);
    if (lane == 0) {
        scratch[group] = value;
    }
    threadgroup_barrier(mem_flags::mem_threadgroup);
    float sum = 0.0f;
    for (short i = 0; i < n; i++) {
        sum += scratch[i];
    }
    threadgroup_barrier(mem_flags::mem_threadgroup);
    return sum;
}

static inline float flash_head_block_max(float value, threadgroup float * scratch, short group, short lane, short n) {
    value = simd_max(value);
    if (lane == 0) {
        scratch[group] = value;
    }
    threadgroup_barrier(mem_flags::mem_threadgroup);
    float most = scratch[0];
    for (short i = 1; i < n; i++) {
        most = MAX(most, scratch[i]);
    }
    threadgroup_barrier(mem_flags::mem_threadgroup);
    return most;
}

// What slot s holds of x before it is rounded.
static inline float flash_head_slot_value(constant ggml_metal_kargs_flash_head & args, flash_head_basis b,
        device const float * row, int s) {
    const float column = b.columns[s];
    return column >= 0.0f && column < float(args.n_embd) ? row[int(column)]*b.steps[s] : 0.0f;
}

// Prepares row tgpig.x. shmem: products with the directions [258], their numbers of bits [256], what each bit adds
// [256], scratch [32], flaws of the coarse and of the fine code
//
// 1. The threads add up the parts of the projection, a direction each, and clear the bins of both choices.
// 2. Numbers of bits tell where the bits of each direction lie, and so what each bit adds.
// 3. The threads fill the tables of four bits each, rounded to bytes of one unit.
// 4. They round x for the fine code.
// 5. The last two sums of the projection are the expected squared errors of estimates by each code; the choices of tokens
//    depend on them.
kernel void kernel_flash_head_prepare(
        constant ggml_metal_kargs_flash_head & args,
        device const char  * x,
        device const float * basis,
        device const float * parts,
        device       ggml_metal_flash_head_query * queries,
        device       int8_t * slots,
        device       uint   * near_bins,
        device       uint   * exact_bins,
        device       uint   * near_most,
        device       uint   * exact_most,
        threadgroup  uint   * shmem [[threadgroup(0)]],
        uint3   tgpig[[threadgroup_position_in_grid]],
        ushort  tiitg[[thread_index_in_threadgroup]],
        ushort  sgitg[[simdgroup_index_in_threadgroup]],
        ushort  tiisg[[thread_index_in_simdgroup]],
        ushort3 ntg  [[threads_per_threadgroup]]) {
    threadgroup float       * z       = (threadgroup float *) shmem;
    threadgroup int         * n_bits  = (threadgroup int   *) (shmem + 258);
    threadgroup float       * weights = (threadgroup float *) (shmem + 514);
    threadgroup float       * scratch = (threadgroup float *) (shmem + 770);
    threadgroup atomic_uint * flaws   = (threadgroup atomic_uint *) (shmem + 802);

    const flash_head_basis b = flash_head_basis_at(args, basis);
    const int   r       = tgpig.x;
    const int   n       = args.n_directions;
    const short n_simds = ntg.x/32;
    device const float * row = (device const float *) (x + r*args.nb_x);
    device ggml_metal_flash_head_query & query = queries[r];

    for (int i = tiitg; i < FLASH_HEAD_METAL_BINS; i += ntg.x) {
        near_bins [r*FLASH_HEAD_METAL_BINS + i] = 0;
        exact_bins[r*FLASH_HEAD_METAL_BINS + i] = 0;
    }
    if (tiitg == 0) {
        near_most[r] = exact_most[r] = 0;
        atomic_store_explicit(&flaws[0], 0u, memory_order_relaxed);
        atomic_store_explicit(&flaws[1], 0u, memory_order_relaxed);
    }
    for (int i = tiitg; i < FLASH_HEAD_METAL_MAX_BITS; i += ntg.x) {
        weights[i] = 0.0f;
    }
    for (int j = tiitg; j < n + 2; j += ntg.x) {
        float sum = 0.0f;
        for (int part = 0; part < args.n_parts; part++) {
            sum += parts[(r*args.n_parts + part)*(n + 2) + j];
        }
        z[j] = sum;
    }
    threadgroup_barrier(mem_flags::mem_threadgroup);

    for (int j = tiitg; j < n; j += ntg.x) {
        const float bits = b.bits[j];
        const bool  good = flash_head_is_finite(bits) && bits >= 0.0f && bits <= 5.0f && flash_head_is_finite(z[j]);
        n_bits[j] = good ? int(bits) : 0;
        if (!good) {
            atomic_fetch_add_explicit(&flaws[0], 1u, memory_order_relaxed);
        }
    }
    threadgroup_barrier(mem_flags::mem_threadgroup);
    for (int j = tiitg; j < n; j += ntg.x) {
        int end = 0; // of the direction's bits
        for (int k = 0; k <= j; k++) {
            end += n_bits[k];
        }
        if (end > args.n_bits || (j == n - 1 && end != args.n_bits)) {
            atomic_fetch_add_explicit(&flaws[0], 1u, memory_order_relaxed);
        }
        for (int k = 0; k < n_bits[j] && end - 1 - k < args.n_bits; k++) {
            weights[end - 1 - k] = z[j]*float(1 << k);
        }
    }
    threadgroup_barrier(mem_flags::mem_threadgroup);

    float most = 0.0f, offset = 0.0f;
    for (int line = tiitg; line < args.n_bits/4; line += ntg.x) {
        float size = 0.0f;
        for (short k = 0; k < 4; k++) {
            size   += fabs(weights[4*line + k]);
            offset += MIN(weights[4*line + k], 0.0f);
        }
        most = MAX(most, size);
    }
    for (int j = tiitg; j < n; j += ntg.x) {
        offset -= n_bits[j] > 0 ? z[j]*float((1 << n_bits[j]) - 1)*0.5f : 0.0f;
    }
    most   = flash_head_block_max(most,   scratch, sgitg, tiisg, n_simds);
    offset = flash_head_block_sum(offset, scratch, sgitg, tiisg, n_simds);
    const bool  good     = atomic_load_explicit(&flaws[0], memory_order_relaxed) == 0
            && flash_head_is_finite(most) && flash_head_is_finite(offset);
    const float unit     = good ? most/255.0f : 0.0f;
    const float per_unit = unit > 0.0f ? 1.0f/unit : 0.0f;
    for (int i = tiitg; i < args.n_bits*4; i += ntg.x) { // 16 entries a line
        float sum = 0.0f;
        for (short k = 0; k < 4; k++) {
            const float weight = weights[i/16*4 + k];
            sum += ((i >> k) & 1 ? weight : 0.0f) - MIN(weight, 0.0f);
        }
        query.tables[i/16][i%16] = good ? uint8_t(MIN(255.0f, MAX(0.0f, sum*per_unit) + 0.5f)) : 0;
    }

    int  n_lines[3], ends[3]; // of slots
    int  all_lines = 0, n_slots = 0;
    bool fits = true;
    for (short w = 0; w < 3; w++) {
        const float lines    = b.n_lines[w];
        const bool  possible = flash_head_is_finite(lines) && lines >= 0.0f && lines <= 64.0f;
        fits       = fits && possible;
        n_lines[w] = possible ? int(lines) : 0;
        all_lines += n_lines[w];
        n_slots   += n_lines[w]*(256/(4 >> w));
        ends[w]    = n_slots;
    }
    fits    = fits && all_lines*FLASH_HEAD_METAL_LINE == args.fine_bytes;
    n_slots = fits ? n_slots : 0;

    float largest = 0.0f;
    for (int s = tiitg; s < n_slots; s += ntg.x) {
        const float size = fabs(flash_head_slot_value(args, b, row, s));
        if (!flash_head_is_finite(size)) {
            atomic_fetch_add_explicit(&flaws[1], 1u, memory_order_relaxed);
        }
        largest = MAX(largest, size);
    }
    largest = flash_head_block_max(largest, scratch, sgitg, tiisg, n_simds);
    fits    = fits && atomic_load_explicit(&flaws[1], memory_order_relaxed) == 0;

    const float fine_unit     = fits ? largest/127.0f : 0.0f;
    const float per_fine_unit = fine_unit > 0.0f ? 1.0f/fine_unit : 0.0f;
    int middle = 0; // twice the sum of what the middles of the codes' ranges stand for
    for (int s = tiitg; fits && s < n_slots; s += ntg.x) {
        const float value = rint(flash_head_slot_value(args, b, row, s)*per_fine_unit);
        const int   slot  = int(MIN(127.0f, MAX(-127.0f, value)));
        slots[r*8*args.fine_bytes + s] = int8_t(slot);
        middle += slot*(s < ends[0] ? 15 : s < ends[1] ? 3 : 1);
    }
    // a float holds each thread's sum, and all of them but for rounding
    const float middles = flash_head_block_sum(float(middle), scratch, sgitg, tiisg, n_simds);

    if (tiitg == 0) {
        query.unit        = unit;
        query.offset      = good ? offset : 0.0f;
        query.fine_unit   = fine_unit;
        query.fine_offset = -0.5f*middles*fine_unit;
        for (short w = 0; w < 3; w++) {
            query.n_lines[w] = fits ? n_lines[w] : 0;
        }
        for (short i = 0; i < 2; i++) {
            const float sum = z[n + i];
            query.errors   [i] = flash_head_key(sum) == FLASH_HEAD_METAL_NAN_KEY ? 0.0f : MAX(sum, 0.0f);
            query.variances[i] = MIN(0.5f*query.errors[i], 0.5f);
        }
    }
}
