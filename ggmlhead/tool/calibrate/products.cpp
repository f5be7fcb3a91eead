#include "products.h"

#include <algorithm>
#include <cstring>

static const int64_t FHC_TILE  = 256;     // rows of either operand of a task
static const int64_t FLASH_HEAD_BLOCK = 1024;    // rows of a sum of squares at a time: two tiles of them stay near the L2 cache
static const int64_t FHC_LINE  = 16;      // floats of a cache line

void fhc_matrix_init(fhc_matrix * m, int64_t n_rows, int64_t n_cols) {
    m->n_rows   = n_rows;
    m->n_cols   = n_cols;
    m->n_stride = GGML_PAD(n_cols, 32);
    m->buffer.resize(n_rows*m->n_stride*sizeof(float));
    memset(m->buffer.data, 0, m->buffer.size);
}

fhc_products::~fhc_products() {
    for (flash_head_matmul * mm : matmul) {
        flash_head_matmul_free(mm);
    }
}

bool fhc_products_init(fhc_products * p, flash_head_pool * pool) {
    const int n_threads = flash_head_pool_n_threads(pool);
    p->pool = pool;
    p->out  = std::vector<flash_head_aligned_buffer>(n_threads);
    for (int i = 0; i < n_threads; i++) {
        p->matmul.push_back(flash_head_matmul_new());
        if (p->matmul.back() == nullptr) {
            return false;
        }
    }
    fhc_products_reserve(p, FHC_TILE*FHC_TILE);
    return true;
}

void fhc_products_reserve(fhc_products * p, int64_t n) {
    for (flash_head_aligned_buffer & buffer : p->out) {
        if (buffer.size < n*sizeof(float)) {
            buffer.resize(n*sizeof(float));
        }
    }
}

float * fhc_products_tile(fhc_products * p, int worker) {
    return (float *) p->out[worker].data;
}

void fhc_product(fhc_products * p, int worker, const fhc_matrix * a, int64_t i0, int64_t n_a, const fhc_matrix * b, int64_t j0, int64_t n_b, float * out) {
    const bool ok = flash_head_matmul_run(p->matmul[worker], GGML_TYPE_F32, a->n_stride, a->row(i0), n_a, b->row(j0), n_b, out);
    GGML_ASSERT(ok && "matrix product failed");
}

void fhc_gram_add(fhc_products * p, const fhc_matrix * x, float sign, fhc_matrix * out, int64_t first) {
    const int64_t n_tiles = (x->n_rows + FHC_TILE - 1)/FHC_TILE;
    flash_head_pool_run(p->pool, n_tiles*(n_tiles + 1)/2, [&](int worker, int64_t task) {
        int64_t ti = 0, tj = task;    // tile row by tile row, up to the diagonal
        while (tj > ti) {
            tj -= ++ti;
        }
        const int64_t i0 = ti*FHC_TILE, n_i = std::min(FHC_TILE, x->n_rows - i0);
        const int64_t j0 = tj*FHC_TILE, n_j = std::min(FHC_TILE, x->n_rows - j0);
        float * tile = fhc_products_tile(p, worker);
        fhc_product(p, worker, x, j0, n_j, x, i0, n_i, tile);
        for (int64_t i = 0; i < n_i; i++) {
            float * dst = out->row(first + i0 + i) + first + j0;
            for (int64_t j = 0; j < n_j; j++) {
                dst[j] += sign*tile[i*n_j + j];
            }
        }
    });
}

void fhc_apply(fhc_products * p, const fhc_matrix * a, const fhc_matrix * x, fhc_matrix * out) {
    fhc_products_reserve(p, FHC_TILE*x->n_rows);
    flash_head_pool_run(p->pool, (a->n_rows + FHC_TILE - 1)/FHC_TILE, [&](int worker, int64_t task) {
        const int64_t i0 = task*FHC_TILE, n_i = std::min(FHC_TILE, a->n_rows - i0);
        float * tile = fhc_products_tile(p, worker);
        fhc_product(p, worker, a, i0, n_i, x, 0, x->n_rows, tile);
        for (int64_t j = 0; j < x->n_rows; j++) {
            memcpy(out->row(j) + i0, tile + j*n_i, n_i*sizeof(float));
        }
    });
}

void fhc_second_moment(fhc_products * p, int64_t n, int64_t d, const std::function<void(int64_t, float *)> & fill,
        const std::function<void(double)> & progress, fhc_matrix * out) {
    fhc_matrix_init(out, d, d);
    // the product sums along rows, so each block of rows is turned: a column of it is a row there
    fhc_matrix turned;
    fhc_matrix_init(&turned, d, FLASH_HEAD_BLOCK);
    std::vector<std::vector<float>> lines(flash_head_pool_n_threads(p->pool), std::vector<float>(FHC_LINE*d));
    for (int64_t begin = 0; begin < n; begin += FLASH_HEAD_BLOCK) {
        flash_head_pool_run(p->pool, FLASH_HEAD_BLOCK/FHC_LINE, [&](int worker, int64_t task) {
            const int64_t i0 = begin + task*FHC_LINE;
            std::vector<float> & x = lines[worker];
            std::fill(x.begin(), x.end(), 0.0f);
            for (int64_t i = i0; i < std::min(i0 + FHC_LINE, n); i++) {
                fill(i, x.data() + (i - i0)*d);
            }
            for (int64_t k = 0; k < d; k++) {
                float * dst = turned.row(k) + task*FHC_LINE;
                for (int64_t i = 0; i < FHC_LINE; i++) {
                    dst[i] = x[i*d + k];
                }
            }
        });
        fhc_gram_add(p, &turned, 1.0f, out, 0);
        progress((double) std::min(begin + FLASH_HEAD_BLOCK, n)/n);
    }
    for (int64_t i = 0; i < d; i++) {
        for (int64_t j = 0; j < i; j++) {
            out->row(j)[i] = out->row(i)[j];
        }
    }
}
