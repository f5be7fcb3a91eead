#include "flash-head-dense.h"

#include "flash-head-dense-unpack.h"
#include "flash-head-prefetch.h"

#include <algorithm>
#include <atomic>
#include <new>

// Rows of the weight whose logits are written together, so that whole cache lines are: with V a power of two, the lines
// of several rows of logits compete for the same places in the cache.
static const int64_t LINE = 32;

// Bytes of the weight that vec_dot finds prefetched: what comes from memory while some rows are multiplied. A processor
// that is left to itself stops at the end of each page.
static const int64_t PREFETCHED = 8192;

// Rows of the weight that a thread takes at once. Threads take them in turn, because a processor may be slower or busy.
static const int64_t CHUNK = 16*LINE;

static size_t align64(size_t n) {
    return (n + 63) & ~(size_t) 63;
}

namespace {

// Lists the kernels that this processor can run.
struct known_kernels {
    flash_head_dense_kernels list[4];
    int n;

    known_kernels() {
        n = flash_head_dense_kernels_x86(list);
        n += flash_head_dense_kernels_arm(list + n);
    }
};

} // namespace

const struct flash_head_dense_kernels * flash_head_dense_kernels_all(int * n) {
    static const known_kernels known;
    *n = known.n;
    return known.list;
}

static const flash_head_dense_kernels * fastest() {
    int n;
    const flash_head_dense_kernels * kernels = flash_head_dense_kernels_all(&n);
    return n > 0 ? kernels : nullptr;
}

static const flash_head_dense_kernels *& used() {
    static const flash_head_dense_kernels * kernels = fastest();
    return kernels;
}

void flash_head_dense_use(const struct flash_head_dense_kernels * kernels) {
    used() = kernels;
}

// The kernels for n rows; NULL: vec_dot.
static const flash_head_dense_kernels * kernels_for(const flash_head_dense * dense, int n) {
    const flash_head_dense_kernels * kernels = used();
    const bool fit = kernels && dense_has_kernel(dense->type) && n >= kernels->least_rows(dense->type);
    return fit ? kernels : nullptr;
}

namespace {

// Scratch memory, as thread ith sees it.
struct dense_work {
    std::atomic<int64_t> * next; // the first row of the weight that no thread has taken
    char  * acts;                // [n] activations as vec_dot takes them
    size_t  act;                 // bytes from one to the next
    flash_head_dense_lanes lanes;
    char  * of_kernel;           // this thread's
    float * out;                 // this thread's: [LINE][n_vectors*lanes]
    size_t  size;
};

} // namespace

// With a null base it only measures.
static dense_work lay_out(const flash_head_dense * dense, int n, char * base, int ith, int nth) {
    const flash_head_dense_kernels * kernels = kernels_for(dense, n);
    const int64_t D = dense->n_embd;
    dense_work w = {};
    const auto take = [&](size_t bytes) {
        char * p = base ? base + w.size : nullptr;
        w.size += align64(bytes);
        return p;
    };
    w.act  = align64(dense->dot.act_size);
    w.next = (std::atomic<int64_t> *) take(sizeof(*w.next));
    w.acts = take(n*w.act);
    if (!kernels) {
        return w;
    }
    const int64_t n_padded = (n + kernels->lanes - 1)/kernels->lanes*kernels->lanes;
    const int     columns  = kernels->form(dense->type).columns;
    w.lanes.n_vectors = (int) n_padded/kernels->lanes;
    w.lanes.values    = take(D/columns*n_padded*sizeof(float));
    if (dense_has_minimums(dense->type)) {
        w.lanes.sums = (float *) take(D/32*n_padded*sizeof(float));
    }
    const int64_t n_parts = D/dense_part(dense->type);
    if (columns > 1) {
        w.lanes.scales = (float *) take(n_parts*n_padded*sizeof(float));
    }
    if (columns == 4) {
        w.lanes.offsets = (int32_t *) take(n_parts*n_padded*sizeof(int32_t));
    }
    for (int i = 0; i < nth; i++) {
        char  * of_kernel = take(kernels->work_size(D));
        float * out       = (float *) take(LINE*n_padded*sizeof(float));
        if (i == ith) {
            w.of_kernel = of_kernel;
            w.out       = out;
        }
    }
    return w;
}

bool flash_head_dense_is_exact(const struct flash_head_dense * dense, int n) {
    return kernels_for(dense, n) == nullptr;
}

size_t flash_head_dense_work_size(const struct flash_head_dense * dense, int n, int n_threads) {
    return 64 + lay_out(dense, n, nullptr, 0, n_threads).size;
}

namespace {

// A lane of the activations, to be written.
struct dense_lane {
    int64_t n_lanes, part;
    flash_head_dense_form form;
    float   * floats;  // the first value, by form, at [column*n_lanes]
    int16_t * words;   // at [column/2*n_lanes*2 + column % 2]
    int8_t  * bytes;   // at [column/4*n_lanes*4 + column % 4]
    float   * sums;    // these at [i*n_lanes]
    float   * scales  = nullptr;
    int32_t * offsets = nullptr;

    dense_lane(const flash_head_dense * dense, const flash_head_dense_kernels * kernels,
            const flash_head_dense_lanes & lanes, int r)
        : n_lanes(kernels->lanes), part(dense_part(dense->type)), form(kernels->form(dense->type)) {
        const int64_t D = dense->n_embd, vector = r/n_lanes, lane = r % n_lanes, n_parts = D/part;
        // kernels only read what this writes
        char * values = (char *) const_cast<void *>(lanes.values);
        floats = (float *) values + vector*(D/form.columns)*n_lanes + lane;
        words  = (int16_t *) floats;
        bytes  = (int8_t  *) floats;
        sums = lanes.sums ? const_cast<float *>(lanes.sums) + vector*(D/32)*n_lanes + lane : nullptr;
        if (lanes.scales) {
            scales = const_cast<float *>(lanes.scales) + vector*n_parts*n_lanes + lane;
        }
        if (lanes.offsets) {
            offsets = const_cast<int32_t *>(lanes.offsets) + vector*n_parts*n_lanes + lane;
        }
    }

    // columns begin .. begin + n - 1, rounded to 8 bits
    void put(int64_t begin, int64_t n, const int8_t * values, float scale) const {
        for (int64_t i = 0; i < n; i++) {
            const int64_t c = begin + i;
            if (form.columns == 2) {
                words[c/2*n_lanes*2 + c % 2] = values[i];
            } else {
                bytes[c/4*n_lanes*4 + c % 4] = values[i];
            }
        }
        for (int64_t p = 0; p < n/part; p++) {
            scales[(begin/part + p)*n_lanes] = scale;
            if (offsets) {
                offsets[(begin/part + p)*n_lanes] = -form.offset*sum(values + p*part, part);
            }
        }
    }

    static int32_t sum(const int8_t * values, int64_t n) {
        int32_t s = 0;
        for (int64_t i = 0; i < n; i++) {
            s += values[i];
        }
        return s;
    }
};

} // namespace

// Puts activations, rounded as vec_dot takes them, into a lane.
static void lay_row(int32_t type, int64_t n_embd, const char * act, const dense_lane & lane) {
    const int64_t block = dense_block(type);
    const size_t  size  = type == FLASH_HEAD_DENSE_F32 ? sizeof(float) : sizeof(uint16_t);
    for (int64_t c = 0; block == 1 && c < n_embd; c++) {
        dense_floats(type, (const uint8_t *) act + c*size, 1, lane.floats + c*lane.n_lanes);
    }
    for (int64_t c = 0; block == 32 && c < n_embd; c += 32) { // Q8_0: scale, values. Q8_1: scale, scaled sum, values
        const uint8_t * p = (const uint8_t *) act;
        const float scale = dense_half(p);
        p += 2;
        if (dense_has_minimums(type)) {
            lane.sums[c/32*lane.n_lanes] = dense_half(p);
            p += 2;
        }
        lane.put(c, 32, (const int8_t *) p, scale);
        act = (const char *) p + 32;
    }
    for (int64_t c = 0; block == 256 && c < n_embd; c += 256) { // Q8_K: scale, values, sums of 16 values
        float scale;
        memcpy(&scale, act, sizeof(scale));
        const int8_t * values = (const int8_t *) act + sizeof(scale);
        lane.put(c, 256, values, scale);
        for (int e = 0; dense_has_minimums(type) && e < 8; e++) {
            lane.sums[(c/32 + e)*lane.n_lanes] = scale*(float) dense_lane::sum(values + 32*e, 32);
        }
        act += sizeof(scale) + 256 + 16*sizeof(int16_t);
    }
}

// One call, as one thread sees it.
namespace {
struct dense_call {
    const flash_head_dense         * dense;
    const flash_head_dense_kernels * kernels;
    const dense_work               * w;
    int    n;
    char * logits;
    size_t stride;

    float      * out(int r)       const { return (float *) (logits + r*stride); }
    const char * row(int64_t v)   const { return (const char *) dense->weight + v*dense->dot.row_size; }
    const char * act(int r)       const { return w->acts + r*w->act; }
    int64_t      width()          const { return (int64_t) w->lanes.n_vectors*kernels->lanes; } // of w->out
};
} // namespace

// logits of rows begin .. end - 1 of the weight by vec_dot; each row is in the cache after its first product
static void score_by_vec_dot(const dense_call & c, int64_t begin, int64_t end) {
    const int64_t row_size = (int64_t) c.dense->dot.row_size, ahead = (PREFETCHED + row_size - 1)/row_size;
    for (int64_t v = begin; v < end; v++) {
        if (v + ahead < c.dense->n_vocab) {
            flash_head_prefetch(c.row(v + ahead), row_size);
        }
        for (int r = 0; r < c.n; r++) {
            c.dense->dot.vec_dot((int) c.dense->n_embd, c.out(r) + v, 0, c.row(v), 0, c.act(r), 0, 1);
        }
    }
}

// Copies what a kernel put out for n tokens from begin on, [n][width], to the rows of logits: in squares, which compilers
// turn into shuffles.
static void store_line(const dense_call & c, int64_t begin, int64_t n) {
    const int     SIDE  = 4;
    const int64_t width = c.width();
    for (int r = 0; r < c.n; r += SIDE) {
        for (int64_t i = 0; i < n; i += SIDE) {
            float square[SIDE][SIDE];
            for (int j = 0; j < SIDE; j++) {
                for (int k = 0; k < SIDE; k++) {
                    square[k][j] = c.w->out[(i + j)*width + r + k];
                }
            }
            for (int k = 0; k < std::min(SIDE, c.n - r); k++) {
                float * logits = c.out(r + k) + begin + i;
                if (i + SIDE <= n) {
                    memcpy(logits, square[k], sizeof(square[k]));
                } else {
                    std::copy_n(square[k], n - i, logits);
                }
            }
        }
    }
}

// As score_by_vec_dot, by a kernel; at most LINE rows.
static void score_line(const dense_call & c, int64_t begin, int64_t end) {
    const int64_t width = c.width();
    for (int64_t v = begin; v < end; v += FLASH_HEAD_DENSE_TILE) {
        flash_head_dense_rows rows;
        rows.type      = c.dense->type;
        rows.next      = c.row(v + FLASH_HEAD_DENSE_TILE);
        rows.next_size = FLASH_HEAD_DENSE_TILE*c.dense->dot.row_size;
        for (int i = 0; i < FLASH_HEAD_DENSE_TILE; i++) {
            rows.at[i] = c.row(std::min(v + i, end - 1)); // the last one again, whose result is then not used
        }
        c.kernels->score(&rows, c.dense->n_embd, &c.w->lanes, c.w->of_kernel, c.w->out + (v - begin)*width);
    }
    store_line(c, begin, end - begin);
}

void flash_head_dense_run(const struct flash_head_dense * dense, const float * x, size_t stride_x, int n,
        float * logits, size_t stride_logits, void * work, struct flash_head_thread thread) {
    char * base = (char *) (((uintptr_t) work + 63) & ~(uintptr_t) 63);
    const dense_work w = lay_out(dense, n, base, thread.ith, thread.nth);
    const dense_call c = { dense, kernels_for(dense, n), &w, n, (char *) logits, stride_logits };

    if (thread.ith == 0) {
        new (w.next) std::atomic<int64_t>(0);
    }
    const int n_padded = c.kernels ? w.lanes.n_vectors*c.kernels->lanes : 0;
    for (int r = thread.ith; r < n; r += thread.nth) {
        dense->dot.from_float((const float *) ((const char *) x + r*stride_x), w.acts + r*w.act, dense->n_embd);
        for (int lane = r; lane < n_padded; lane += n) { // idle lanes get rows again, so that all are numbers
            lay_row(dense->type, dense->n_embd, c.act(r), dense_lane(dense, c.kernels, w.lanes, lane));
        }
    }
    thread.barrier(thread.barrier_data);

    const int64_t V = dense->n_vocab;
    for (int64_t begin; (begin = w.next->fetch_add(CHUNK, std::memory_order_relaxed)) < V;) {
        const int64_t end = std::min(begin + CHUNK, V);
        for (int64_t v = begin; v < end; v += LINE) {
            const int64_t line_end = std::min(v + LINE, end);
            if (c.kernels) {
                score_line(c, v, line_end);
            } else {
                score_by_vec_dot(c, v, line_end);
            }
        }
    }
}

void flash_head_dense_exact(const struct flash_head_dense * dense, const float * x, const int32_t * tokens,
        int64_t n_tokens, float * logits, void * work) {
    const int64_t AHEAD = 4;
    const auto row_of = [&](int64_t i) { return (const char *) dense->weight + tokens[i]*dense->dot.row_size; };
    dense->dot.from_float(x, work, dense->n_embd);
    flash_head_each_ahead(n_tokens, AHEAD,
        [&](int64_t i) { flash_head_prefetch(row_of(i), dense->dot.row_size); },
        [&](int64_t i) {
            dense->dot.vec_dot((int) dense->n_embd, logits + tokens[i], 0, row_of(i), 0, work, 0, 1);
        });
}
