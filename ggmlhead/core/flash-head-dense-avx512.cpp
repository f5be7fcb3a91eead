// Kernels for x86-64 with AVX-512: 16 rows of activations in a vector. VNNI multiplies four pairs of bytes in each
// lane.

#include "flash-head-dense-x86.h"

#if defined(__x86_64__) && defined(__GNUC__)
#pragma GCC diagnostic ignored "-Wpsabi" // vectors are passed to inlined functions only

static const int LANES = 16;
static const int TILE  = FLASH_HEAD_DENSE_TILE;

static const int64_t COLUMNS = 32; // of floats, from one prefetch to the next

typedef float   floats __attribute__((vector_size(64)));
typedef int32_t ints   __attribute__((vector_size(64)));

#if defined(FLASH_HEAD_DENSE_EMULATED) // a test's, for processors without VNNI
#define TARGET_AVX512 TARGET_AVX2
#define AVX512_NAME   "emulated AVX-512 VNNI"

static bool has_avx512() { return true; }

TARGET_AVX512 ALWAYS_INLINE ints add_fours(ints sum, ints weights, ints columns) {
    for (int i = 0; i < 32; i += 8) {
        sum += (weights >> i & 255)*(columns << (24 - i) >> 24);
    }
    return sum;
}

TARGET_AVX512 ALWAYS_INLINE floats multiply_add(floats a, floats b, floats c) { return a*b + c; }

TARGET_AVX512 ALWAYS_INLINE floats sixteen_halves(const uint8_t * p) {
    floats f;
    for (int i = 0; i < 16; i++) {
        f[i] = dense_half(p + 2*i);
    }
    return f;
}
#else
#if !defined(__clang__)
#pragma GCC diagnostic ignored "-Wuninitialized" // GCC 12's own header (its bug 105593)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>

#define TARGET_AVX512 __attribute__((target("avx2,f16c,fma,avx512f,avx512bw,avx512vl,avx512vnni")))
#define AVX512_NAME   "AVX-512 VNNI"

static bool has_avx512() {
    return __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512vl")
        && __builtin_cpu_supports("avx512bw");
}

// Each 32-bit lane of sum gets the products of four unsigned bytes of weights with signed ones of columns.
TARGET_AVX512 ALWAYS_INLINE ints add_fours(ints sum, ints weights, ints columns) {
    return (ints) _mm512_dpbusd_epi32((__m512i) sum, (__m512i) weights, (__m512i) columns);
}

TARGET_AVX512 ALWAYS_INLINE floats multiply_add(floats a, floats b, floats c) {
    return (floats) _mm512_fmadd_ps((__m512) a, (__m512) b, (__m512) c);
}

TARGET_AVX512 ALWAYS_INLINE floats sixteen_halves(const uint8_t * p) {
    return (floats) _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *) p));
}
#endif

template <typename V> TARGET_AVX512 ALWAYS_INLINE V load(const void * p) {
    V v;
    memcpy(&v, p, sizeof(v));
    return v;
}

// the same number in all lanes
TARGET_AVX512 ALWAYS_INLINE floats all(float f) { return f - floats{}; }

TARGET_AVX512 ALWAYS_INLINE ints all_fours(const uint8_t * p) {
    int32_t fours;
    memcpy(&fours, p, sizeof(fours));
    return fours - ints{};
}

TARGET_AVX512 static void unpack_floats(int32_t type, const char * row, int64_t n, float * out) {
    int64_t c = 0;
    for (; type == FLASH_HEAD_DENSE_F16 && c + 16 <= n; c += 16) {
        const floats sixteen = sixteen_halves((const uint8_t *) row + 2*c);
        memcpy(out + c, &sixteen, sizeof(sixteen));
    }
    dense_floats(type, (const uint8_t *) row + c*(type == FLASH_HEAD_DENSE_F32 ? 4 : 2), n - c, out + c);
}

// the tile times all N vectors of activations
template <int N> TARGET_AVX512 static void score_floats(const dense_tile & tile, int64_t n_embd,
        const flash_head_dense_lanes * x, spread_prefetch prefetch, float * out) {
    const float * values = (const float *) x->values;
    floats totals[TILE][N] = {};
    for (int64_t c = 0; c < n_embd; c++) {
        if (c % COLUMNS == 0) {
            prefetch();
        }
        floats columns[N];
        for (int k = 0; k < N; k++) {
            columns[k] = load<floats>(values + (k*n_embd + c)*LANES);
        }
        for (int t = 0; t < TILE; t++) {
            for (int k = 0; k < N; k++) {
                totals[t][k] = multiply_add(all(tile.floats[t][c]), columns[k], totals[t][k]);
            }
        }
    }
    for (int t = 0; t < TILE; t++) {
        memcpy(out + t*N*LANES, totals[t], sizeof(totals[t]));
    }
}

// the same in integers, of a type with parts of PART columns
template <int PART, int N> TARGET_AVX512 static void score_integers(const dense_tile & tile, int64_t n_embd,
        const flash_head_dense_lanes * x, spread_prefetch prefetch, float * out) {
    const int64_t  n_parts = n_embd/PART;
    const int8_t * values  = (const int8_t *) x->values;
    floats totals[TILE][N] = {};
    for (int64_t e = 0; x->sums && e < n_embd/32; e++) {
        for (int t = 0; t < TILE; t++) {
            for (int k = 0; k < N; k++) {
                const floats sums = load<floats>(x->sums + (k*(n_embd/32) + e)*LANES);
                totals[t][k] = multiply_add(all(tile.mins[t][e]), sums, totals[t][k]);
            }
        }
    }
    for (int64_t p = 0; p < n_parts; p++) {
        prefetch();
        ints products[TILE][N];
        for (int k = 0; k < N; k++) {
            const ints offset = load<ints>(x->offsets + (k*n_parts + p)*LANES);
            for (int t = 0; t < TILE; t++) {
                products[t][k] = offset;
            }
        }
#pragma GCC unroll 8
        for (int i = 0; i < PART/4; i++) {
            const int64_t c = p*PART + 4*i;
            ints columns[N];
            for (int k = 0; k < N; k++) {
                columns[k] = load<ints>(values + (k*n_embd + c)*LANES);
            }
            for (int t = 0; t < TILE; t++) {
                const ints weights = all_fours(tile.bytes[t] + c);
                for (int k = 0; k < N; k++) {
                    products[t][k] = add_fours(products[t][k], weights, columns[k]);
                }
            }
        }
        for (int k = 0; k < N; k++) {
            const floats scale = load<floats>(x->scales + (k*n_parts + p)*LANES);
            for (int t = 0; t < TILE; t++) {
                totals[t][k] = multiply_add(__builtin_convertvector(products[t][k], floats),
                        all(tile.scales[t][p])*scale, totals[t][k]);
            }
        }
    }
    for (int t = 0; t < TILE; t++) {
        memcpy(out + t*N*LANES, totals[t], sizeof(totals[t]));
    }
}

static_assert(FLASH_HEAD_DENSE_MAX_ROWS <= 2*LANES, "one or two vectors");

// The tile times all N vectors of activations; prefetches the rows that come next.
template <int N> static void score_vectors(const flash_head_dense_rows & rows, const dense_tile & tile, int64_t n_embd,
        const flash_head_dense_lanes * x, float * out) {
    const auto prefetch = [&](int64_t n_steps) { return spread_prefetch(rows.next, rows.next_size, n_steps); };
    if (dense_form_vnni(rows.type).columns == 1) {
        score_floats<N>(tile, n_embd, x, prefetch((n_embd + COLUMNS - 1)/COLUMNS), out);
    } else if (dense_part(rows.type) == 16) {
        score_integers<16, N>(tile, n_embd, x, prefetch(n_embd/16), out);
    } else {
        score_integers<32, N>(tile, n_embd, x, prefetch(n_embd/32), out);
    }
}

static void score(const struct flash_head_dense_rows * rows, int64_t n_embd, const struct flash_head_dense_lanes * x,
        void * work, float * out) {
    const dense_tile tile = dense_tile_at(work, n_embd);
    if (dense_form_vnni(rows->type).columns > 1) {
        flash_head_dense_unpack_avx2(*rows, n_embd, tile);
    } else {
        for (int t = 0; t < TILE; t++) {
            unpack_floats(rows->type, rows->at[t], n_embd, tile.floats[t]);
        }
    }
    (x->n_vectors == 2 ? score_vectors<2> : score_vectors<1>)(*rows, tile, n_embd, x, out);
}

bool flash_head_dense_kernels_avx512(struct flash_head_dense_kernels & kernels) {
    kernels = { AVX512_NAME, LANES, dense_least_rows_vnni, dense_form_vnni, dense_tile_size, score };
    return has_avx512();
}

#else

bool flash_head_dense_kernels_avx512(struct flash_head_dense_kernels & kernels) {
    (void) kernels;
    return false;
}

#endif
