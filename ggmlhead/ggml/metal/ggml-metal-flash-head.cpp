// Launches the kernels of flash_head.metal. For each block of at most 8 rows of activations:
//
//   stream     if clusters are drawn: the random numbers' stream of each row
//   centroids  scores of the centroids
//   select     the threshold
//   finish     the logits
//
// or, where tokens are selected by their codes:
//
//   centroids, project  scores of the centroids; products of x with the directions
//   prepare             x as the codes need it
//   estimate            coarse estimates of all tokens, to the logits
//   count, best         the tokens whose fine code is read
//   refine              their fine estimates
//   count, best         the tokens that are scored exactly
//   finish              exact logits
//
// with a barrier between any two lines, as each reads what the one before wrote.

#include "ggml-metal-flash-head.h"

#include "flash-head-allowance.h"
#include "flash-head-codes.h"
#include "flash-head-kargs.h"
#include "ggml-backend-impl.h"
#include "ggml-flash-head.h"

#include <algorithm>
#include <initializer_list>

static const int N_THREADS = 256; // of a threadgroup, but for select
// of finish, at least, if there are so many chunks: a few for each core of a large GPU
static const int N_GROUPS  = 256;
// of count, at most: each clears and adds up all bins
static const int N_COUNTING = 64;

static_assert(sizeof(((ggml_metal_flash_head_query *) nullptr)->tables) == sizeof(flash_head_query::tables)
        && FLASH_HEAD_METAL_GROUP == FLASH_HEAD_COARSE_GROUP && FLASH_HEAD_METAL_LINE == FLASH_HEAD_COARSE_LINE
        && FLASH_HEAD_METAL_LINE == FLASH_HEAD_FINE_LINE && FLASH_HEAD_METAL_MAX_BITS == FLASH_HEAD_MAX_DIRECTIONS,
        "the kernels read other codes");

static bool selects_tokens(const ggml_tensor * op) {
    return op->src[GGML_FLASH_HEAD_SRC_COARSE] && ggml_flash_head_get_params(op).mode == GGML_FLASH_HEAD_TOP;
}

static int32_t fine_bytes_of(const ggml_tensor * op) {
    return (int32_t) (op->src[GGML_FLASH_HEAD_SRC_FINE]->ne[0] - sizeof(uint16_t));
}

static int32_t n_parts_of(const ggml_tensor * op) {
    return (int32_t) ((op->src[GGML_FLASH_HEAD_SRC_WEIGHT]->ne[0] + FLASH_HEAD_METAL_PART - 1)/FLASH_HEAD_METAL_PART);
}

static bool has_kernels(ggml_type type) {
    switch (type) {
        case GGML_TYPE_F32:
        case GGML_TYPE_F16:
        case GGML_TYPE_BF16:
#define FLASH_HEAD_CASE(type, name, nl) case GGML_TYPE_##type:
        FLASH_HEAD_METAL_QUANTIZED_TYPES(FLASH_HEAD_CASE)
            return true;
        default:
            return false;
    }
}

bool ggml_metal_op_flash_head_supported(const ggml_tensor * op) {
    const ggml_tensor * weight    = op->src[GGML_FLASH_HEAD_SRC_WEIGHT];
    const ggml_tensor * x         = op->src[GGML_FLASH_HEAD_SRC_X];
    const ggml_tensor * centroids = op->src[GGML_FLASH_HEAD_SRC_CENTROIDS];

    // rows of activations are read 4 columns at a time
    const bool is_aligned = x->ne[0] % 4 != 0 || (x->nb[1] % 16 == 0 && x->view_offs % 16 == 0);

    return has_kernels(weight->type) && has_kernels(centroids->type)
        && (op->src[GGML_FLASH_HEAD_SRC_COARSE] != NULL || op->src[GGML_FLASH_HEAD_SRC_ORDERED] == NULL)
        && !ggml_flash_head_get_params(op).grouped
        && ggml_flash_head_get_params(op).mode != GGML_FLASH_HEAD_DENSE
        && is_aligned
        && (weight->buffer == NULL || !ggml_backend_buffer_is_host(weight->buffer));
}

// Work memory, behind the logits; of one block of rows, used by all blocks in turn. Offsets from the start of the
// logits, in bytes.
struct work_layout {
    size_t streams;    // ulong [n]
    size_t thresholds; // int2  [n]
    size_t scores;     // float [n][K]
    size_t keys;       // int   [n][K]
    // of codes
    size_t parts;      // float [n][parts][n_directions + 2]
    size_t queries;    // [n]
    size_t slots;      // int8  [n][8*fine_bytes]
    size_t bins[2];    // uint  [n][FLASH_HEAD_METAL_BINS], of tokens for a fine estimate and for an exact logit
    size_t most[2];    // uint  [n]: ranks of the greatest estimates
    size_t near;       // int2  [n]: as thresholds, of tokens for a fine estimate
    size_t end;

    explicit work_layout(const ggml_tensor * op) {
        const int64_t n         = std::min<int64_t>(op->ne[1], FLASH_HEAD_METAL_ROWS);
        const int64_t n_cluster = op->src[GGML_FLASH_HEAD_SRC_OFFSETS]->ne[0] - 1;

        size_t at = GGML_PAD(ggml_nbytes(op), 16);
        auto take = [&](size_t size) {
            const size_t offset = at;
            at += GGML_PAD(size, 16);
            return offset;
        };
        streams    = take(n*sizeof(uint64_t));
        thresholds = take(n*2*sizeof(int32_t));
        scores     = take(n*n_cluster*sizeof(float));
        keys       = take(n*n_cluster*sizeof(int32_t));
        if (selects_tokens(op)) {
            parts   = take(n*n_parts_of(op)*(ggml_flash_head_get_params(op).n_directions + 2)*sizeof(float));
            queries = take(n*sizeof(ggml_metal_flash_head_query));
            slots   = take(n*flash_head_fine_max_slots(fine_bytes_of(op)));
            near    = take(n*2*sizeof(int32_t));
            for (int i = 0; i < 2; i++) {
                bins[i] = take(n*FLASH_HEAD_METAL_BINS*sizeof(uint32_t));
                most[i] = take(n*sizeof(uint32_t));
            }
        }
        end = at;
    }
};

size_t ggml_metal_op_flash_head_extra(const ggml_tensor * op) {
    if (ggml_flash_head_flaw(op) != NULL) { // a client of RPC may ask for the size of anything
        return 0;
    }
    return work_layout(op).end - ggml_nbytes(op);
}

static ggml_metal_buffer_id buffer_of(const ggml_tensor * t, size_t offset = 0) {
    const ggml_backend_buffer_t buffer = t->view_src ? t->view_src->buffer : t->buffer;

    ggml_metal_buffer_id id = ggml_metal_buffer_get_id((ggml_metal_buffer_t) buffer->context, t);
    id.offs += offset;
    return id;
}

static ggml_metal_pipeline_with_params get_pipeline(ggml_metal_library_t lib, const char * base) {
    ggml_metal_pipeline_with_params pipeline = ggml_metal_library_get_pipeline(lib, base);
    if (!pipeline.pipeline) {
        pipeline = ggml_metal_library_compile_pipeline(lib, base, base, nullptr);
    }
    return pipeline;
}

// How many lanes share the columns of a row of n_embd weights: the more the better neighbours are read together, but
// few should be idle in the last step.
static int n_lanes_of(ggml_type type, int64_t n_embd) {
    const int64_t n_steps = ggml_is_quantized(type) ? n_embd/16 : n_embd % 4 == 0 ? n_embd/4 : n_embd;
    int best = 32;
    for (int n = 32; n >= 4; n /= 2) {
        const int64_t idle      = GGML_PAD(n_steps, n)    - n_steps;
        const int64_t idle_best = GGML_PAD(n_steps, best) - n_steps;
        if (idle_best*8 > n_steps && idle < idle_best) {
            best = n;
        }
    }
    return best;
}

// The kernel `stage` for rows of this type, and how many lanes it gives to a row (nr0).
static ggml_metal_pipeline_with_params get_pipeline_rows(ggml_metal_library_t lib, const char * stage,
        const ggml_tensor * rows, int64_t n) {
    const int n_lanes = n_lanes_of(rows->type, rows->ne[0]);
    char base[128];
    char name[256];
    snprintf(base, sizeof(base), "kernel_flash_head_%s_%s", stage, ggml_type_name(rows->type));
    snprintf(name, sizeof(name), "%s_n=%d_lanes=%d", base, (int) n, n_lanes);

    ggml_metal_pipeline_with_params pipeline = ggml_metal_library_get_pipeline(lib, name);
    if (!pipeline.pipeline) {
        ggml_metal_cv_t cv = ggml_metal_cv_init();
        ggml_metal_cv_set_int16(cv, (int16_t) n,       FC_FLASH_HEAD + 0);
        ggml_metal_cv_set_int16(cv, (int16_t) n_lanes, FC_FLASH_HEAD + 1);
        pipeline = ggml_metal_library_compile_pipeline(lib, base, name, cv);
        ggml_metal_cv_free(cv);
    }
    pipeline.nr0 = n_lanes;
    return pipeline;
}

static ggml_metal_kargs_flash_head kargs_of(const ggml_tensor * op) {
    const ggml_tensor * weight    = op->src[GGML_FLASH_HEAD_SRC_WEIGHT];
    const ggml_tensor * centroids = op->src[GGML_FLASH_HEAD_SRC_CENTROIDS];
    const ggml_tensor * offsets   = op->src[GGML_FLASH_HEAD_SRC_OFFSETS];
    const ggml_tensor * pinned    = op->src[GGML_FLASH_HEAD_SRC_PINNED];

    const ggml_flash_head_params params = ggml_flash_head_get_params(op);

    ggml_metal_kargs_flash_head args = {};
    args.n_embd      = (int32_t) weight->ne[0];
    args.n_vocab     = (int32_t) weight->ne[1];
    args.n_cluster   = (int32_t) offsets->ne[0] - 1;
    args.n_pinned    = pinned ? (int32_t) pinned->ne[0] : 0;
    args.nb_weight   = weight->nb[1];
    args.nb_centroid = centroids->nb[1];
    args.nb_x        = op->src[GGML_FLASH_HEAD_SRC_X]->nb[1];
    args.nb_dst      = op->nb[1];
    args.sample      = params.mode == GGML_FLASH_HEAD_SAMPLE;
    args.temperature = params.temperature;
    args.seed        = params.seed;
    args.n_probe     = params.n_probe;

    const int32_t n_chunks = (args.n_vocab + FLASH_HEAD_METAL_CHUNK - 1)/FLASH_HEAD_METAL_CHUNK;
    args.n_chunks = std::min(std::max(n_chunks/N_GROUPS, 1), FLASH_HEAD_METAL_MAX_CHUNKS);
    args.n_groups = (n_chunks + args.n_chunks - 1)/args.n_chunks;
    if (selects_tokens(op)) {
        args.n_directions = params.n_directions;
        args.n_bits       = ggml_flash_head_coarse_bits(op->src[GGML_FLASH_HEAD_SRC_COARSE]);
        args.fine_bytes   = fine_bytes_of(op);
        args.n_parts      = n_parts_of(op);
        args.has_bias     = ggml_flash_head_get_bias(op) != nullptr;
    }
    return args;
}

// One block of n rows, from row r0 on.
struct block_encoder {
    ggml_metal_library_t lib;
    ggml_metal_encoder_t enc;
    const ggml_tensor  * op;
    int64_t              r0;
    int64_t              n;
    ggml_metal_kargs_flash_head args;
    work_layout                 work;

    const ggml_tensor * src(ggml_flash_head_src i) const { return op->src[i]; }

    ggml_metal_buffer_id x()                     const { return buffer_of(src(GGML_FLASH_HEAD_SRC_X), r0*args.nb_x); }
    ggml_metal_buffer_id dst()                   const { return buffer_of(op, r0*args.nb_dst); }
    ggml_metal_buffer_id work_at(size_t offset)  const { return buffer_of(op, offset); }

    void encode() {
        if (args.sample) {
            stream();
            barrier();
        }
        centroids();
        if (selects_tokens(op)) {
            project();
            barrier();
            prepare();
            barrier();
            estimate();
            barrier();
            choose(0);
            refine();
            barrier();
            choose(1);
        } else {
            barrier();
            select();
            barrier();
        }
        finish();
    }

private:
    const ggml_tensor * bias() const { // not read if there is none
        const ggml_tensor * bias = ggml_flash_head_get_bias(op);
        return bias ? bias : src(GGML_FLASH_HEAD_SRC_PLACES);
    }

    void barrier() { ggml_metal_encoder_memory_barrier(enc); }

    void begin(ggml_metal_pipeline_with_params pipeline) {
        ggml_metal_encoder_set_pipeline(enc, pipeline);
        ggml_metal_encoder_set_bytes(enc, &args, sizeof(args), 0);
    }

    void set_buffers(std::initializer_list<ggml_metal_buffer_id> buffers) {
        int i = 1;
        for (ggml_metal_buffer_id buffer : buffers) {
            ggml_metal_encoder_set_buffer(enc, buffer, i++);
        }
    }

    void set_shared(size_t size) { ggml_metal_encoder_set_threadgroup_memory_size(enc, GGML_PAD(size, 16), 0); }

    // Threads of a threadgroup, a multiple of a simdgroup's.
    static int n_threads(ggml_metal_pipeline_with_params pipeline, int most) {
        return std::min(most, ggml_metal_pipeline_max_theads_per_threadgroup(pipeline)/32*32);
    }

    void stream() {
        const auto pipeline = get_pipeline(lib, "kernel_flash_head_stream");
        const int  nth      = n_threads(pipeline, N_THREADS);
        begin(pipeline);
        set_buffers({ x(), work_at(work.streams) });
        set_shared(nth*sizeof(uint64_t));
        ggml_metal_encoder_dispatch_threadgroups(enc, (int) n, 1, 1, nth, 1, 1);
    }

    void centroids() {
        const auto pipeline = get_pipeline_rows(lib, "centroids", src(GGML_FLASH_HEAD_SRC_CENTROIDS), n);
        const int  nth      = n_threads(pipeline, N_THREADS/2); // small ones spread better
        const int  n_rows   = nth/pipeline.nr0;
        begin(pipeline);
        set_buffers({ buffer_of(src(GGML_FLASH_HEAD_SRC_CENTROIDS)), x(), work_at(work.streams), work_at(work.scores),
                work_at(work.keys) });
        ggml_metal_encoder_dispatch_threadgroups(enc, (args.n_cluster + n_rows - 1)/n_rows, 1, 1, nth, 1, 1);
    }

    void select() {
        const auto pipeline = get_pipeline(lib, "kernel_flash_head_select");
        begin(pipeline);
        set_buffers({ work_at(work.keys), work_at(work.thresholds) });
        set_shared((256*FLASH_HEAD_METAL_COPIES + 3)*sizeof(uint32_t));
        ggml_metal_encoder_dispatch_threadgroups(enc, (int) n, 1, 1, n_threads(pipeline, 1024), 1, 1);
    }

    void project() {
        const auto pipeline = get_pipeline(lib, "kernel_flash_head_project");
        begin(pipeline);
        set_buffers({ x(), buffer_of(src(GGML_FLASH_HEAD_SRC_BASIS)), work_at(work.parts) });
        ggml_metal_encoder_dispatch_threadgroups(enc, args.n_parts, (int) n, 1,
                n_threads(pipeline, GGML_PAD(args.n_directions + 2, 32)), 1, 1);
    }

    void prepare() {
        const auto pipeline = get_pipeline(lib, "kernel_flash_head_prepare");
        begin(pipeline);
        set_buffers({ x(), buffer_of(src(GGML_FLASH_HEAD_SRC_BASIS)), work_at(work.parts), work_at(work.queries),
                work_at(work.slots), work_at(work.bins[0]), work_at(work.bins[1]), work_at(work.most[0]),
                work_at(work.most[1]) });
        set_shared(804*sizeof(uint32_t));
        ggml_metal_encoder_dispatch_threadgroups(enc, (int) n, 1, 1, n_threads(pipeline, N_THREADS), 1, 1);
    }

    void estimate() {
        const auto pipeline = get_pipeline(lib, "kernel_flash_head_estimate");
        const int  nth      = n_threads(pipeline, N_THREADS);
        const int  n_groups = (int) flash_head_coarse_n_groups(args.n_vocab);
        begin(pipeline);
        set_buffers({ work_at(work.queries), buffer_of(src(GGML_FLASH_HEAD_SRC_COARSE)),
                buffer_of(src(GGML_FLASH_HEAD_SRC_PLACES)), work_at(work.scores), buffer_of(bias()),
                work_at(work.most[0]), dst() });
        set_shared(args.n_bits*4);
        ggml_metal_encoder_dispatch_threadgroups(enc, (n_groups + nth/32 - 1)/(nth/32), (int) n, 1, nth, 1, 1);
    }

    // Tokens for a fine estimate (0) or for an exact logit (1); ends with a barrier.
    void choose(int choice) {
        const ggml_flash_head_params params = ggml_flash_head_get_params(op);
        const int64_t n_exact = flash_head_least_exact(params.n_probe, args.n_vocab, args.n_cluster);
        const int64_t n_near  = std::min<int64_t>(flash_head_least_near(params.n_near, n_exact), INT32_MAX);
        const auto    others  = choice == 0 ? flash_head_allowance_of_far (params.tolerance)
                : flash_head_allowance_of_near(params.tolerance);
        args.choice    = choice;
        args.n_best    = (int32_t) (choice == 0 ? n_near : n_exact);
        args.tolerance = others.tolerance;
        args.limit     = others.limit;
        args.steepness = others.steepness;

        const auto counting = get_pipeline(lib, "kernel_flash_head_count");
        const int  nth      = n_threads(counting, N_THREADS);
        args.n_blocks = std::min((args.n_vocab + nth - 1)/nth, N_COUNTING);
        begin(counting);
        set_buffers({ dst(), work_at(work.most[choice]), work_at(work.bins[choice]) });
        set_shared(FLASH_HEAD_METAL_BINS*sizeof(uint32_t));
        ggml_metal_encoder_dispatch_threadgroups(enc, args.n_blocks, (int) n, 1, nth, 1, 1);
        barrier();

        const auto finding = get_pipeline(lib, "kernel_flash_head_best");
        begin(finding);
        set_buffers({ work_at(work.queries), work_at(work.bins[choice]), work_at(work.most[choice]), work_at(work.near),
                work_at(choice == 0 ? work.near : work.thresholds) });
        set_shared(97*sizeof(uint32_t));
        ggml_metal_encoder_dispatch_threadgroups(enc, (int) n, 1, 1, n_threads(finding, 1024), 1, 1);
        barrier();
    }

    void refine() {
        const auto pipeline = get_pipeline(lib, "kernel_flash_head_refine");
        const int  nth      = n_threads(pipeline, N_THREADS);
        args.n_blocks = (args.n_vocab + nth - 1)/nth;
        begin(pipeline);
        set_buffers({ work_at(work.queries), buffer_of(src(GGML_FLASH_HEAD_SRC_FINE)), work_at(work.slots),
                work_at(work.near), work_at(work.most[1]), dst() });
        set_shared((1 + nth)*sizeof(uint32_t));
        ggml_metal_encoder_dispatch_threadgroups(enc, args.n_blocks, (int) n, 1, nth, 1, 1);
    }

    void finish() {
        const auto pipeline = get_pipeline_rows(lib, "finish", src(GGML_FLASH_HEAD_SRC_WEIGHT), n);
        const ggml_tensor * places = src(GGML_FLASH_HEAD_SRC_PLACES);
        const ggml_tensor * pinned = src(GGML_FLASH_HEAD_SRC_PINNED);
        begin(pipeline);
        // not read if there are none
        set_buffers({ buffer_of(src(GGML_FLASH_HEAD_SRC_WEIGHT)), x(), buffer_of(places),
                buffer_of(pinned ? pinned : places),
                work_at(work.scores), work_at(work.keys), work_at(work.thresholds), buffer_of(bias()),
                dst() });
        set_shared((1 + args.n_chunks*FLASH_HEAD_METAL_CHUNK)*sizeof(uint32_t));
        ggml_metal_encoder_dispatch_threadgroups(enc, args.n_groups, 1, 1, n_threads(pipeline, N_THREADS), 1, 1);
    }
};

int ggml_metal_op_flash_head(ggml_metal_library_t lib, ggml_metal_encoder_t enc, const ggml_tensor * op) {
    GGML_ASSERT(op->nb[0] == sizeof(float));

    for (int64_t r0 = 0; r0 < op->ne[1]; r0 += FLASH_HEAD_METAL_ROWS) {
        const int64_t n = std::min<int64_t>(op->ne[1] - r0, FLASH_HEAD_METAL_ROWS);
        if (r0 > 0) {
            ggml_metal_encoder_memory_barrier(enc); // the scratch memory is that of the block before
        }
        block_encoder{ lib, enc, op, r0, n, kargs_of(op), work_layout(op) }.encode();
    }
    return 1;
}
