#include "products.h"

#include <algorithm>
#include <cstring>

static const int64_t TILE_ROWS   = 256;  // rows of either operand of a task
static const int64_t MOMENT_ROWS = 1024; // rows of a second moment at a time: two tiles of them stay near the L2 cache
static const int64_t LINE_FLOATS = 16;   // floats of a cache line

void flash_head_matrix_init(flash_head_matrix * m, int64_t n_rows, int64_t n_cols) {
    m->n_rows   = n_rows;
    m->n_cols   = n_cols;
    m->n_stride = GGML_PAD(n_cols, 32);
    m->buffer.resize(n_rows*m->n_stride*sizeof(float));
    memset(m->buffer.data, 0, m->buffer.size);
}

flash_head_products::flash_head_products(flash_head_pool * pool) : pool(pool), out(flash_head_pool_n_threads(pool)) {
    for (size_t i = 0; i < out.size(); i++) {
        matmul.push_back(flash_head_matmul_new());
    }
    flash_head_products_reserve(this, TILE_ROWS*TILE_ROWS);
}

void flash_head_products_reserve(flash_head_products * p, int64_t n) {
    for (flash_head_aligned_buffer & buffer : p->out) {
        if (buffer.size < n*sizeof(float)) {
            buffer.resize(n*sizeof(float));
        }
    }
}

float * flash_head_products_tile(flash_head_products * p, int worker) {
    return (float *) p->out[worker].data;
}

void flash_head_multiply(flash_head_products * p, int worker, const flash_head_span & a, const flash_head_span & b,
        float * out) {
    const bool ok = flash_head_matmul_run(p->matmul[worker].get(), GGML_TYPE_F32, a.matrix->n_stride,
            a.matrix->row(a.first), a.n, b.matrix->row(b.first), b.n, out);
    GGML_ASSERT(ok && "matrix product failed");
}

void flash_head_gram_add(flash_head_products * p, const flash_head_matrix * x, float sign, flash_head_matrix * out,
        int64_t first) {
    const int64_t n_tiles = (x->n_rows + TILE_ROWS - 1)/TILE_ROWS;
    flash_head_pool_run(p->pool, n_tiles*(n_tiles + 1)/2, [&](int worker, int64_t task) {
        int64_t ti = 0, tj = task;    // tile row by tile row, up to the diagonal
        while (tj > ti) {
            tj -= ++ti;
        }
        const int64_t i0 = ti*TILE_ROWS, n_i = std::min(TILE_ROWS, x->n_rows - i0);
        const int64_t j0 = tj*TILE_ROWS, n_j = std::min(TILE_ROWS, x->n_rows - j0);
        float * tile = flash_head_products_tile(p, worker);
        flash_head_multiply(p, worker, { x, j0, n_j }, { x, i0, n_i }, tile);
        for (int64_t i = 0; i < n_i; i++) {
            float * dst = out->row(first + i0 + i) + first + j0;
            for (int64_t j = 0; j < n_j; j++) {
                dst[j] += sign*tile[i*n_j + j];
            }
        }
    });
}

void flash_head_apply(flash_head_products * p, const flash_head_matrix * a, const flash_head_matrix * x,
        flash_head_matrix * out) {
    flash_head_products_reserve(p, TILE_ROWS*x->n_rows);
    flash_head_pool_run(p->pool, (a->n_rows + TILE_ROWS - 1)/TILE_ROWS, [&](int worker, int64_t task) {
        const int64_t i0 = task*TILE_ROWS, n_i = std::min(TILE_ROWS, a->n_rows - i0);
        float * tile = flash_head_products_tile(p, worker);
        flash_head_multiply(p, worker, { a, i0, n_i }, { x, 0, x->n_rows }, tile);
        for (int64_t j = 0; j < x->n_rows; j++) {
            memcpy(out->row(j) + i0, tile + j*n_i, n_i*sizeof(float));
        }
    });
}

void flash_head_second_moment(flash_head_products * p, const flash_head_row_source & rows,
        const std::function<void(double)> & progress, flash_head_matrix * out) {
    const int64_t n = rows.n, d = rows.d;
    flash_head_matrix_init(out, d, d);
    // products sum along rows, so each block of rows is transposed
    flash_head_matrix turned;
    flash_head_matrix_init(&turned, d, MOMENT_ROWS);
    std::vector<std::vector<float>> lines(flash_head_pool_n_threads(p->pool), std::vector<float>(LINE_FLOATS*d));
    for (int64_t begin = 0; begin < n; begin += MOMENT_ROWS) {
        flash_head_pool_run(p->pool, MOMENT_ROWS/LINE_FLOATS, [&](int worker, int64_t task) {
            const int64_t i0 = begin + task*LINE_FLOATS;
            std::vector<float> & x = lines[worker];
            std::fill(x.begin(), x.end(), 0.0f);
            for (int64_t i = i0; i < std::min(i0 + LINE_FLOATS, n); i++) {
                rows.fill(i, x.data() + (i - i0)*d);
            }
            for (int64_t k = 0; k < d; k++) {
                float * dst = turned.row(k) + task*LINE_FLOATS;
                for (int64_t i = 0; i < LINE_FLOATS; i++) {
                    dst[i] = x[i*d + k];
                }
            }
        });
        flash_head_gram_add(p, &turned, 1.0f, out, 0);
        progress((double) std::min(begin + MOMENT_ROWS, n)/n);
    }
    for (int64_t i = 0; i < d; i++) {
        for (int64_t j = 0; j < i; j++) {
            out->row(j)[i] = out->row(i)[j];
        }
    }
}
