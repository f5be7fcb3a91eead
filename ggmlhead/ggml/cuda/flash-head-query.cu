// The kernels that prepare x for the codes, as flash_head_query_prepare does on the CPU.

#include "flash-head-best.cuh"

#include "../../core/flash-head-basis.h"

// Columns of x in one part of a projection: few, so that there are as many blocks as a GPU has multiprocessors.
#define FLASH_HEAD_CUDA_PART 32

int flash_head_cuda_n_parts(int n_embd) {
    return (n_embd + FLASH_HEAD_CUDA_PART - 1)/FLASH_HEAD_CUDA_PART;
}

// Projects part blockIdx.x of row blockIdx.y, a thread a direction.
//
// 1. Each thread sums the products of the part's columns with one direction.
// 2. The threads after these sum their squares times the variances.
static __global__ void __launch_bounds__(FLASH_HEAD_THREADS) flash_head_project(const flash_head_call call,
        const float * projection) {
    ggml_cuda_pdl_lc();
    ggml_cuda_pdl_sync();

    const int     n         = call.codes.n_directions;
    const int     r         = blockIdx.y;
    const int     begin     = blockIdx.x*FLASH_HEAD_CUDA_PART;
    const int     end       = min(begin + FLASH_HEAD_CUDA_PART, call.n_embd);
    const float * x         = call.x + r*call.stride_x;
    const float * variances = projection + (int64_t) call.n_embd*n; // they follow
    float       * sums      = call.parts + (int64_t) (r*gridDim.x + blockIdx.x)*(n + 2);
    for (int j = flash_head_thread(); j < n + 2; j += FLASH_HEAD_THREADS) {
        float sum = 0.0f;
        if (j < n) {
#pragma unroll 8
            for (int i = begin; i < end; i++) {
                sum += x[i]*projection[(int64_t) i*n + j];
            }
        } else {
            for (int i = begin; i < end; i++) {
                sum += x[i]*x[i]*variances[(int64_t) (j - n)*call.n_embd + i];
            }
        }
        sums[j] = sum;
    }
}

struct flash_head_prepare_shared {
    float z      [FLASH_HEAD_MAX_DIRECTIONS + 2];
    int   n_bits [FLASH_HEAD_MAX_DIRECTIONS];
    float weights[FLASH_HEAD_COARSE_MAX_BITS];
    int   n_flaws;                     // that make the coarse code useless
    int   n_fine_flaws;
    float sums[FLASH_HEAD_THREADS/32]; // of warps
    int   ints[FLASH_HEAD_THREADS/32];
};

// The sum, or the greatest, of all threads' values, for all threads. scratch [warps].
template <typename T> static __device__ T flash_head_block_sum(T value, T * scratch) {
    value = warp_reduce_sum<ggml_cuda_get_physical_warp_size()>(value);
    if (threadIdx.x == 0) {
        scratch[threadIdx.y] = value;
    }
    __syncthreads();
    T sum = 0;
    for (int w = 0; w < (int) blockDim.y; w++) {
        sum += scratch[w];
    }
    __syncthreads();
    return sum;
}

static __device__ float flash_head_block_max(float value, float * scratch) {
    value = warp_reduce_max<ggml_cuda_get_physical_warp_size()>(value);
    if (threadIdx.x == 0) {
        scratch[threadIdx.y] = value;
    }
    __syncthreads();
    float most = scratch[0];
    for (int w = 1; w < (int) blockDim.y; w++) {
        most = fmaxf(most, scratch[w]);
    }
    __syncthreads();
    return most;
}

// shared.weights: what each bit of a token's code adds. All are 0 if the basis does not fit or z is not finite.
static __device__ void flash_head_weigh_bits(const flash_head_call & call, const float * bits,
        flash_head_prepare_shared & shared) {
    const int thread = flash_head_thread();
    const int n      = call.codes.n_directions;
    for (int j = thread; j < n; j += FLASH_HEAD_THREADS) {
        const bool good = flash_head_is_finite(bits[j]) && bits[j] >= 0.0f && bits[j] <= FLASH_HEAD_MOST_BITS
                && flash_head_is_finite(shared.z[j]);
        shared.n_bits[j] = good ? (int) bits[j] : 0;
        if (!good) {
            atomicAdd(&shared.n_flaws, 1);
        }
    }
    __syncthreads();
    for (int j = thread; j < n; j += FLASH_HEAD_THREADS) {
        int end = 0; // of the direction's bits
        for (int k = 0; k <= j; k++) {
            end += shared.n_bits[k];
        }
        if (end > call.codes.n_bits || (j == n - 1 && end != call.codes.n_bits)) {
            atomicAdd(&shared.n_flaws, 1);
        }
        for (int k = 0; k < shared.n_bits[j] && end - 1 - k < call.codes.n_bits; k++) {
            shared.weights[end - 1 - k] = shared.z[j]*(float) (1 << k);
        }
    }
    __syncthreads();
}

// The coarse code's part of the query, from shared.z.
static __device__ void flash_head_prepare_coarse(const flash_head_call & call, const float * bits,
        flash_head_prepare_shared & shared, flash_head_query & query) {
    const int thread = flash_head_thread();
    flash_head_weigh_bits(call, bits, shared);

    float most = 0.0f, offset = 0.0f;
    if (thread < call.codes.n_bits/4) { // a thread a line
        for (int k = 0; k < 4; k++) {
            const float weight = shared.weights[4*thread + k];
            most   += fabsf(weight);
            offset += fminf(weight, 0.0f);
        }
    }
    for (int j = thread; j < call.codes.n_directions; j += FLASH_HEAD_THREADS) {
        offset -= shared.n_bits[j] > 0 ? shared.z[j]*(float) ((1 << shared.n_bits[j]) - 1)*0.5f : 0.0f;
    }
    most   = flash_head_block_max(most,   shared.sums);
    offset = flash_head_block_sum(offset, shared.sums);
    const bool  good     = shared.n_flaws == 0 && flash_head_is_finite(most) && flash_head_is_finite(offset);
    const float unit     = good ? most/255.0f : 0.0f;
    const float per_unit = unit > 0.0f ? 1.0f/unit : 0.0f;
    for (int i = thread; i < call.codes.n_bits*4; i += FLASH_HEAD_THREADS) { // 16 entries a line
        const float * weights = shared.weights + i/16*4;
        float sum = 0.0f;
        for (int k = 0; k < 4; k++) {
            sum += (i >> k & 1 ? weights[k] : 0.0f) - fminf(weights[k], 0.0f);
        }
        query.tables[i/16][i % 16] = good ? (uint8_t) fminf(255.0f, fmaxf(0.0f, sum*per_unit) + 0.5f) : 0;
    }
    if (thread == 0) {
        query.unit   = unit;
        query.offset = good ? offset : 0.0f;
    }
}

// The fine code's part of the query: slots, and what makes a number of their sums. Without lines if the basis does not
// fit or x is not finite.
static __device__ void flash_head_prepare_fine(const flash_head_call & call,
        const flash_head_basis_parts<const float> & basis, const float * x, flash_head_prepare_shared & shared,
        signed char * slots, flash_head_query & query) {
    const int thread = flash_head_thread();
    int  n_lines[FLASH_HEAD_FINE_WIDTHS], ends[FLASH_HEAD_FINE_WIDTHS]; // of slots
    int  all_lines = 0, n_slots = 0;
    bool good = true;
    for (int w = 0; w < FLASH_HEAD_FINE_WIDTHS; w++) {
        const float n = basis.n_lines[w];
        const bool  possible = flash_head_is_finite(n) && n >= 0.0f
                && n <= FLASH_HEAD_FINE_MAX_BYTES/FLASH_HEAD_FINE_LINE;
        good       = good && possible;
        n_lines[w] = possible ? (int) n : 0;
        all_lines += n_lines[w];
        n_slots   += n_lines[w]*(8*FLASH_HEAD_FINE_LINE/(4 >> w));
        ends[w]    = n_slots;
    }
    good    = good && all_lines*FLASH_HEAD_FINE_LINE == call.codes.fine_bytes;
    n_slots = good ? n_slots : 0;

    auto value = [&](int s) {
        const float column = basis.columns[s];
        return column >= 0.0f && column < (float) call.n_embd ? x[(int) column]*basis.steps[s] : 0.0f;
    };
    float most = 0.0f;
    for (int s = thread; s < n_slots; s += FLASH_HEAD_THREADS) {
        const float size = fabsf(value(s));
        if (!flash_head_is_finite(size)) {
            atomicAdd(&shared.n_fine_flaws, 1);
        }
        most = fmaxf(most, size);
    }
    most = flash_head_block_max(most, shared.sums);
    good = good && shared.n_fine_flaws == 0;

    const float unit     = good ? most/127.0f : 0.0f;
    const float per_unit = unit > 0.0f ? 1.0f/unit : 0.0f;
    int middle = 0; // twice the sum of what the middles of the codes' ranges stand for
    for (int s = thread; good && s < n_slots; s += FLASH_HEAD_THREADS) {
        const int slot = (int) fminf(127.0f, fmaxf(-127.0f, rintf(value(s)*per_unit)));
        slots[s] = (signed char) slot;
        middle  += slot*(s < ends[0] ? 15 : s < ends[1] ? 3 : 1);
    }
    middle = flash_head_block_sum(middle, shared.ints);
    if (thread == 0) {
        for (int w = 0; w < FLASH_HEAD_FINE_WIDTHS; w++) {
            query.n_lines[w] = good ? n_lines[w] : 0;
        }
        query.fine_unit   = unit;
        query.fine_offset = -0.5f*(float) middle*unit;
    }
}

// Prepares row blockIdx.x, a block each.
//
// 1. The threads add up the parts of the projection, a direction each, and clear the bins of both choices.
// 2. Numbers of bits tell where the bits of each direction lie, and so what each bit adds.
// 3. The threads fill the tables of four bits each, rounded to bytes of one unit.
// 4. They round x for the fine code.
// 5. The last two sums of the projection are the expected squared errors of estimates by each code; the choices of tokens
//    depend on them.
static __global__ void __launch_bounds__(FLASH_HEAD_THREADS) flash_head_prepare(const flash_head_call call,
        int n_parts) {
    ggml_cuda_pdl_lc();
    ggml_cuda_pdl_sync();

    __shared__ flash_head_prepare_shared shared;
    const int   thread = flash_head_thread();
    const int   r      = blockIdx.x;
    const int   n      = call.codes.n_directions;
    const auto  basis  = flash_head_basis_at(call.codes.basis, call.n_embd, n, call.codes.fine_bytes);
    flash_head_query & query = call.queries[r];

    for (int i = thread; i < FLASH_HEAD_CHOICES*FLASH_HEAD_BEST_BINS; i += FLASH_HEAD_THREADS) {
        flash_head_bins_of(call, i/FLASH_HEAD_BEST_BINS, r)[i % FLASH_HEAD_BEST_BINS] = 0;
    }
    if (thread < FLASH_HEAD_CHOICES) {
        flash_head_best_of(call, thread, r) = { INT32_MIN, 0 };
    }
    if (thread == 0) {
        shared.n_flaws = shared.n_fine_flaws = 0;
    }
    for (int i = thread; i < FLASH_HEAD_COARSE_MAX_BITS; i += FLASH_HEAD_THREADS) {
        shared.weights[i] = 0.0f;
    }
    for (int j = thread; j < n + 2; j += FLASH_HEAD_THREADS) {
        float sum = 0.0f;
        for (int part = 0; part < n_parts; part++) {
            sum += call.parts[(int64_t) (r*n_parts + part)*(n + 2) + j];
        }
        shared.z[j] = sum;
    }
    __syncthreads();

    flash_head_prepare_coarse(call, basis.bits, shared, query);
    flash_head_prepare_fine(call, basis, call.x + r*call.stride_x, shared,
            call.slots + (int64_t) r*flash_head_fine_max_slots(call.codes.fine_bytes), query);
    if (thread < 2) {
        const float sum     = shared.z[n + thread];
        const bool  is_nan  = flash_head_key(sum) == INT32_MIN;
        query.errors   [thread] = is_nan ? 0.0f : fmaxf(sum, 0.0f);
        query.variances[thread] = fminf(0.5f*query.errors[thread], FLASH_HEAD_MAX_VARIANCE);
    }
}

void flash_head_cuda_query(const flash_head_call & call, cudaStream_t stream) {
    const int  n_parts = flash_head_cuda_n_parts(call.n_embd);
    const dim3 block   = flash_head_block_dims(ggml_cuda_get_device());
    const auto basis   = flash_head_basis_at(call.codes.basis, call.n_embd, call.codes.n_directions,
            call.codes.fine_bytes);

    const ggml_cuda_kernel_launch_params projecting(dim3(n_parts, call.n_rows, 1), block, 0, stream);
    ggml_cuda_kernel_launch(flash_head_project, projecting, call, basis.projection);

    const ggml_cuda_kernel_launch_params preparing(dim3(call.n_rows, 1, 1), block, 0, stream);
    ggml_cuda_kernel_launch(flash_head_prepare, preparing, call, n_parts);
}
