// Kernels for x86-64 in vectors of 256 bits.
//
// AVX2 sums products of bytes in 16 bits, which holds those of weights of up to 6 bits. Q8_0 is widened to 16 bits, whose
// products take half the multiplications of floats. AVX-VNNI, of processors without AVX-512, takes all integers as bytes.

#include "flash-head-dense-x86.h"

#if defined(__x86_64__) && defined(__GNUC__)
#pragma GCC diagnostic ignored "-Wuninitialized" // GCC 12's own header (its bug 105593)
#if !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>

static const int LANES = 8;
static const int TILE  = FLASH_HEAD_DENSE_TILE;

static const int64_t STEP = 32; // columns of floats from one prefetch to the next

TARGET_AVX2 static inline __m256i load_256(const void * p) { return _mm256_loadu_si256((const __m256i *) p); }

TARGET_AVX2 static inline __m256i four_bytes(const void * p) {
    int32_t bytes;
    memcpy(&bytes, p, sizeof(bytes));
    return _mm256_set1_epi32(bytes);
}

// add_fours: each 32-bit lane of a sum gets the products of four unsigned bytes of a with signed ones of b.
#if defined(FLASH_HEAD_DENSE_EMULATED) // a test's, for processors without VNNI
#define TARGET_VNNI TARGET_AVX2
#define HAS_VNNI    true
#define VNNI_NAME   "emulated AVX-VNNI"

TARGET_AVX2 static inline __m256i add_fours(__m256i sum, __m256i a, __m256i b) {
    const __m256i even = _mm256_madd_epi16(_mm256_and_si256(a, _mm256_set1_epi16(255)),
            _mm256_srai_epi16(_mm256_slli_epi16(b, 8), 8));
    const __m256i odd  = _mm256_madd_epi16(_mm256_srli_epi16(a, 8), _mm256_srai_epi16(b, 8));
    return _mm256_add_epi32(sum, _mm256_add_epi32(even, odd));
}
#else
#define TARGET_VNNI __attribute__((target("avx2,f16c,fma,avxvnni")))
#define HAS_VNNI    __builtin_cpu_supports("avxvnni")
#define VNNI_NAME   "AVX-VNNI"

TARGET_VNNI static inline __m256i add_fours(__m256i sum, __m256i a, __m256i b) {
    return _mm256_dpbusd_avx_epi32(sum, a, b);
}
#endif

TARGET_AVX2 static inline float half_at(const char * p) {
    int16_t half;
    memcpy(&half, p, sizeof(half));
    return _mm_cvtss_f32(_mm_cvtph_ps(_mm_set1_epi16(half)));
}

// Converts a row of floats.
TARGET_AVX2 static void unpack_floats(int32_t type, const char * row, int64_t n, float * out) {
    int64_t c = 0;
    for (; type == FLASH_HEAD_DENSE_F16 && c + 8 <= n; c += 8) {
        _mm256_storeu_ps(out + c, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *) (row + 2*c))));
    }
    dense_floats(type, (const uint8_t *) row + c*(type == FLASH_HEAD_DENSE_F32 ? 4 : 2), n - c, out + c);
}

// Where T rows of a tile and N vectors of activations meet.
template <int T, int N> struct dense_totals {
    __m256 of[T][N];
};

// totals = the minimums' share
template <int T, int N> TARGET_AVX2 ALWAYS_INLINE void begin_totals(dense_totals<T, N> & totals,
        const dense_tile & tile, int t0, int64_t n_embd, const float * sums) {
    for (int t = 0; t < T; t++) {
        for (int k = 0; k < N; k++) {
            totals.of[t][k] = _mm256_setzero_ps();
        }
    }
    for (int64_t e = 0; sums && e < n_embd/32; e++) {
        for (int t = 0; t < T; t++) {
            for (int k = 0; k < N; k++) {
                totals.of[t][k] = _mm256_fmadd_ps(_mm256_set1_ps(tile.mins[t0 + t][e]),
                        _mm256_loadu_ps(sums + (k*(n_embd/32) + e)*LANES), totals.of[t][k]);
            }
        }
    }
}

template <int T, int N> TARGET_AVX2 ALWAYS_INLINE void write_totals(const dense_totals<T, N> & totals, float * out,
        int64_t width) {
    for (int t = 0; t < T; t++) {
        for (int k = 0; k < N; k++) {
            _mm256_storeu_ps(out + t*width + k*LANES, totals.of[t][k]);
        }
    }
}

// rows t0 .. t0 + T - 1 of the tile times vectors v .. v + N - 1 of activations
template <int T, int N> TARGET_AVX2 static void score_floats(const dense_tile & tile, int t0, int64_t n_embd,
        const flash_head_dense_lanes * x, int v, spread_prefetch & prefetch, float * out) {
    const float * values = (const float *) x->values + v*n_embd*LANES;
    const int64_t width  = (int64_t) x->n_vectors*LANES;
    dense_totals<T, N> totals;
    begin_totals(totals, tile, t0, n_embd, nullptr);
    for (int64_t c = 0; c < n_embd; c++) {
        if (c % STEP == 0) {
            prefetch();
        }
        __m256 columns[N];
        for (int k = 0; k < N; k++) {
            columns[k] = _mm256_loadu_ps(values + (k*n_embd + c)*LANES);
        }
        for (int t = 0; t < T; t++) {
            const __m256 weight = _mm256_set1_ps(tile.floats[t0 + t][c]);
            for (int k = 0; k < N; k++) {
                totals.of[t][k] = _mm256_fmadd_ps(weight, columns[k], totals.of[t][k]);
            }
        }
    }
    write_totals(totals, out + t0*width + v*LANES, width);
}

// Where products of a part meet.
template <int T, int N> struct dense_products {
    __m256i of[T][N];
};

template <int T, int N> TARGET_AVX2 ALWAYS_INLINE void begin_products(dense_products<T, N> & products,
        const int32_t * offsets, int64_t n_parts) {
    for (int k = 0; k < N; k++) {
        const __m256i offset = offsets ? load_256(offsets + k*n_parts*LANES) : _mm256_setzero_si256();
        for (int t = 0; t < T; t++) {
            products.of[t][k] = offset;
        }
    }
}

// totals += products of part p, scaled
template <int T, int N> TARGET_AVX2 ALWAYS_INLINE void add_products(dense_totals<T, N> & totals,
        const dense_products<T, N> & products, const dense_tile & tile, int t0, int64_t p, const float * scales,
        int64_t n_parts) {
    for (int t = 0; t < T; t++) {
        const __m256 scale = _mm256_set1_ps(tile.scales[t0 + t][p]);
        for (int k = 0; k < N; k++) {
            totals.of[t][k] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(products.of[t][k]),
                    _mm256_mul_ps(scale, _mm256_loadu_ps(scales + (k*n_parts + p)*LANES)), totals.of[t][k]);
        }
    }
}

// the same in integers of 16 bits, with parts of 32 columns
template <int T, int N> TARGET_AVX2 static void score_words(const dense_tile & tile, int t0, int64_t n_embd,
        const flash_head_dense_lanes * x, int v, spread_prefetch & prefetch, float * out) {
    const int64_t   n_parts = n_embd/32, width = (int64_t) x->n_vectors*LANES;
    const int16_t * values  = (const int16_t *) x->values + v*n_embd*LANES;
    dense_totals<T, N> totals;
    begin_totals(totals, tile, t0, n_embd, nullptr);
    for (int64_t p = 0; p < n_parts; p++) {
        prefetch();
        dense_products<T, N> products;
        begin_products(products, nullptr, n_parts);
#pragma GCC unroll 4
        for (int i = 0; i < 16; i++) {
            const int64_t c = 32*p + 2*i;
            __m256i columns[N];
            for (int k = 0; k < N; k++) {
                columns[k] = load_256(values + (k*n_embd + c)*LANES);
            }
            for (int t = 0; t < T; t++) {
                const __m256i weights = four_bytes(tile.words[t0 + t] + c);
                for (int k = 0; k < N; k++) {
                    products.of[t][k] = _mm256_add_epi32(products.of[t][k], _mm256_madd_epi16(weights, columns[k]));
                }
            }
        }
        add_products(totals, products, tile, t0, p, x->scales + v*n_parts*LANES, n_parts);
    }
    write_totals(totals, out + t0*width + v*LANES, width);
}

// The same in bytes, of a type with parts of PART columns, for weights of up to 6 bits. 16 bits hold the sum of
// 4*GROUP columns.
template <int PART, int GROUP, int T, int N> TARGET_AVX2 static void score_small(const dense_tile & tile, int t0,
        int64_t n_embd, const flash_head_dense_lanes * x, int v, spread_prefetch & prefetch, float * out) {
    const int64_t  n_parts = n_embd/PART, width = (int64_t) x->n_vectors*LANES;
    const int8_t * values  = (const int8_t *) x->values + v*n_embd*LANES;
    dense_totals<T, N> totals;
    begin_totals(totals, tile, t0, n_embd, x->sums ? x->sums + v*(n_embd/32)*LANES : nullptr);
    for (int64_t p = 0; p < n_parts; p++) {
        prefetch();
        dense_products<T, N> products;
        begin_products(products, x->offsets + (v*n_parts + p)*LANES, n_parts);
        for (int64_t g = p*PART; g < (p + 1)*PART; g += 4*GROUP) {
            __m256i pairs[T][N];
#pragma GCC unroll 8
            for (int i = 0; i < GROUP; i++) {
                const int64_t c = g + 4*i;
                for (int t = 0; t < T; t++) {
                    const __m256i weights = four_bytes(tile.bytes[t0 + t] + c);
                    for (int k = 0; k < N; k++) {
                        const __m256i pair = _mm256_maddubs_epi16(weights, load_256(values + (k*n_embd + c)*LANES));
                        pairs[t][k] = i == 0 ? pair : _mm256_add_epi16(pairs[t][k], pair);
                    }
                }
            }
            for (int t = 0; t < T; t++) {
                for (int k = 0; k < N; k++) {
                    products.of[t][k] = _mm256_add_epi32(products.of[t][k],
                            _mm256_madd_epi16(pairs[t][k], _mm256_set1_epi16(1)));
                }
            }
        }
        add_products(totals, products, tile, t0, p, x->scales + v*n_parts*LANES, n_parts);
    }
    write_totals(totals, out + t0*width + v*LANES, width);
}

// the same with VNNI, for all weights of integers
template <int PART, int T, int N> TARGET_VNNI static void score_integers(const dense_tile & tile, int t0,
        int64_t n_embd, const flash_head_dense_lanes * x, int v, spread_prefetch & prefetch, float * out) {
    const int64_t  n_parts = n_embd/PART, width = (int64_t) x->n_vectors*LANES;
    const int8_t * values  = (const int8_t *) x->values + v*n_embd*LANES;
    dense_totals<T, N> totals;
    begin_totals(totals, tile, t0, n_embd, x->sums ? x->sums + v*(n_embd/32)*LANES : nullptr);
    for (int64_t p = 0; p < n_parts; p++) {
        prefetch();
        dense_products<T, N> products;
        begin_products(products, x->offsets + (v*n_parts + p)*LANES, n_parts);
        for (int i = 0; i < PART/4; i++) {
            const int64_t c = p*PART + 4*i;
            __m256i columns[N];
            for (int k = 0; k < N; k++) {
                columns[k] = load_256(values + (k*n_embd + c)*LANES);
            }
            for (int t = 0; t < T; t++) {
                const __m256i weights = four_bytes(tile.bytes[t0 + t] + c);
                for (int k = 0; k < N; k++) {
                    products.of[t][k] = add_fours(products.of[t][k], weights, columns[k]);
                }
            }
        }
        add_products(totals, products, tile, t0, p, x->scales + v*n_parts*LANES, n_parts);
    }
    write_totals(totals, out + t0*width + v*LANES, width);
}

typedef void (*score_part)(const dense_tile & tile, int t0, int64_t n_embd, const flash_head_dense_lanes * x, int v,
        spread_prefetch & prefetch, float * out);

// A whole tile: T rows with two vectors, or 2*T with one. Each prefetches after so many columns.
template <int T> static void score_tile(score_part two, score_part one, const flash_head_dense_rows & rows,
        int64_t columns, const dense_tile & tile, int64_t n_embd, const flash_head_dense_lanes * x, float * out) {
    const int64_t n_scores = x->n_vectors/2*(TILE/T) + x->n_vectors % 2*(TILE/(2*T));
    spread_prefetch prefetch(rows.next, rows.next_size, n_scores*((n_embd + columns - 1)/columns));
    int v = 0;
    for (; v + 2 <= x->n_vectors; v += 2) {
        for (int t = 0; t < TILE; t += T) {
            two(tile, t, n_embd, x, v, prefetch, out);
        }
    }
    for (int t = 0; t < TILE && v < x->n_vectors; t += 2*T) {
        one(tile, t, n_embd, x, v, prefetch, out);
    }
}

TARGET_AVX2 static void unpack_words(const char * const * rows, int64_t n_embd, const dense_tile & tile) {
    for (int t = 0; t < TILE; t++) {
        const char * in = rows[t];
        for (int64_t c = 0; c < n_embd; c += 32, in += 34) {
            tile.scales[t][c/32] = half_at(in);
            for (int i = 0; i < 32; i += 16) {
                _mm256_storeu_si256((__m256i *) (tile.words[t] + c + i),
                        _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *) (in + 2 + i))));
            }
        }
    }
}

TARGET_AVX2 static void unpack_q8_0(const char * const * rows, int64_t n_embd, const dense_tile & tile) {
    for (int t = 0; t < TILE; t++) {
        const char * in = rows[t];
        for (int64_t c = 0; c < n_embd; c += 32, in += 34) {
            tile.scales[t][c/32] = half_at(in);
            _mm256_storeu_si256((__m256i *) (tile.bytes[t] + c),
                    _mm256_xor_si256(load_256(in + 2), _mm256_set1_epi8(-128)));
        }
    }
}

template <int32_t TYPE> TARGET_AVX2 static void unpack_quantised(const char * const * rows, int64_t n_embd,
        const dense_tile & tile) {
    for (int t = 0; t < TILE; t++) {
        dense_unpack_row(TYPE, rows[t], n_embd, tile.bytes[t], tile.scales[t], tile.mins[t]);
    }
}

// Each type has code of its own.
void flash_head_dense_unpack_avx2(const struct flash_head_dense_rows & rows, int64_t n_embd, const dense_tile & tile) {
    switch (rows.type) {
        case FLASH_HEAD_DENSE_Q4_0: return unpack_quantised<FLASH_HEAD_DENSE_Q4_0>(rows.at, n_embd, tile);
        case FLASH_HEAD_DENSE_Q4_1: return unpack_quantised<FLASH_HEAD_DENSE_Q4_1>(rows.at, n_embd, tile);
        case FLASH_HEAD_DENSE_Q5_0: return unpack_quantised<FLASH_HEAD_DENSE_Q5_0>(rows.at, n_embd, tile);
        case FLASH_HEAD_DENSE_Q5_1: return unpack_quantised<FLASH_HEAD_DENSE_Q5_1>(rows.at, n_embd, tile);
        case FLASH_HEAD_DENSE_Q8_0: return unpack_q8_0(rows.at, n_embd, tile);
        case FLASH_HEAD_DENSE_Q4_K: return unpack_quantised<FLASH_HEAD_DENSE_Q4_K>(rows.at, n_embd, tile);
        case FLASH_HEAD_DENSE_Q5_K: return unpack_quantised<FLASH_HEAD_DENSE_Q5_K>(rows.at, n_embd, tile);
        default:                    return unpack_quantised<FLASH_HEAD_DENSE_Q6_K>(rows.at, n_embd, tile);
    }
}

static flash_head_dense_form form_avx2(int32_t type) {
    return type == FLASH_HEAD_DENSE_Q8_0 ? flash_head_dense_form { 2, 0 } : dense_form_vnni(type);
}

// Measured on Zen 1. On Zen 3 vec_dot of F16 is the faster one for up to 32 rows.
static int least_rows_avx2(int32_t type) {
    return type == FLASH_HEAD_DENSE_Q8_0 ? 8 : dense_block(type) == 256 ? 6 : 4;
}

static void score_avx2(const struct flash_head_dense_rows * rows, int64_t n_embd,
        const struct flash_head_dense_lanes * x, void * work, float * out) {
    const dense_tile tile = dense_tile_at(work, n_embd);
    switch (form_avx2(rows->type).columns) {
        case 1:
            for (int t = 0; t < TILE; t++) {
                unpack_floats(rows->type, rows->at[t], n_embd, tile.floats[t]);
            }
            return score_tile<4>(score_floats<4, 2>, score_floats<8, 1>, *rows, STEP, tile, n_embd, x, out);
        case 2:
            unpack_words(rows->at, n_embd, tile);
            return score_tile<4>(score_words<4, 2>, score_words<8, 1>, *rows, 32, tile, n_embd, x, out);
    }
    flash_head_dense_unpack_avx2(*rows, n_embd, tile);
    if (dense_part(rows->type) == 16) {
        score_tile<2>(score_small<16, 2, 2, 2>, score_small<16, 2, 4, 1>, *rows, 16, tile, n_embd, x, out);
    } else if (dense_greatest(rows->type) == 31) {
        score_tile<2>(score_small<32, 4, 2, 2>, score_small<32, 4, 4, 1>, *rows, 32, tile, n_embd, x, out);
    } else {
        score_tile<4>(score_small<32, 8, 4, 2>, score_small<32, 8, 8, 1>, *rows, 32, tile, n_embd, x, out);
    }
}

static void score_vnni(const struct flash_head_dense_rows * rows, int64_t n_embd,
        const struct flash_head_dense_lanes * x, void * work, float * out) {
    if (dense_form_vnni(rows->type).columns == 1) {
        return score_avx2(rows, n_embd, x, work, out);
    }
    const dense_tile tile = dense_tile_at(work, n_embd);
    flash_head_dense_unpack_avx2(*rows, n_embd, tile);
    if (dense_part(rows->type) == 16) {
        score_tile<4>(score_integers<16, 4, 2>, score_integers<16, 8, 1>, *rows, 16, tile, n_embd, x, out);
    } else {
        score_tile<4>(score_integers<32, 4, 2>, score_integers<32, 8, 1>, *rows, 32, tile, n_embd, x, out);
    }
}

int flash_head_dense_kernels_x86(struct flash_head_dense_kernels * list) {
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("f16c") || !__builtin_cpu_supports("fma")) {
        return 0;
    }
    int n = flash_head_dense_kernels_avx512(list[0]) ? 1 : 0;
    if (HAS_VNNI) {
        list[n++] = { VNNI_NAME, LANES, dense_least_rows_vnni, dense_form_vnni, dense_tile_size, score_vnni };
    }
    list[n++] = { "AVX2", LANES, least_rows_avx2, form_avx2, dense_tile_size, score_avx2 };
    return n;
}

#else

int flash_head_dense_kernels_x86(struct flash_head_dense_kernels * list) {
    (void) list;
    return 0;
}

#endif
