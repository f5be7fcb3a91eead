#include "flash-head-codes.h"

#include "flash-head-basis.h"
#include "flash-head-codes-kernels.h"
#include "flash-head-group.h"
#include "flash-head-prefetch.h"

#include <algorithm>
#include <math.h>

static const int64_t GROUP = FLASH_HEAD_COARSE_GROUP;

// Groups to prefetch ahead: some 5 KB. Processors prefetch what is read in sequence by themselves, but too late.
static const int64_t GROUPS_AHEAD = 4;

static flash_head_basis_parts<const float> basis_of(const flash_head_codes * codes, int64_t n_embd) {
    return flash_head_basis_at(codes->basis, n_embd, codes->n_directions, codes->fine_bytes);
}

void flash_head_project_part(const struct flash_head_codes * codes, const float * x, int64_t n_embd, int64_t part,
        float * sums) {
    const auto    basis = basis_of(codes, n_embd);
    const int32_t n     = codes->n_directions;
    const int64_t begin = part*FLASH_HEAD_PART_COLUMNS;
    const int64_t end   = std::min(begin + FLASH_HEAD_PART_COLUMNS, n_embd);
    float local[FLASH_HEAD_MAX_DIRECTIONS] = {};
    float variances[2] = {};
    for (int64_t i = begin; i < end; i++) {
        const float * row = basis.projection + i*n;
        for (int32_t j = 0; j < n; j++) {
            local[j] += x[i]*row[j];
        }
        variances[0] += x[i]*x[i]*basis.variances[i];
        variances[1] += x[i]*x[i]*basis.variances[n_embd + i];
    }
    memcpy(sums, local, n*sizeof(float));
    memcpy(sums + n, variances, sizeof(variances));
}

// The tables of n_bits weights: bit k of a line adds weights[4*line + k]. Entries are rounded to bytes of one unit.
static void make_tables(const float * weights, int32_t n_bits, flash_head_query * query) {
    float most = 0.0f;
    for (int32_t i = 0; i < n_bits; i += 4) {
        most = std::max(most, fabsf(weights[i]) + fabsf(weights[i + 1])
                            + fabsf(weights[i + 2]) + fabsf(weights[i + 3]));
    }
    query->unit = most/255.0f;
    const float per_unit = query->unit > 0.0f ? 1.0f/query->unit : 0.0f;
    for (int32_t i = 0; i < n_bits; i += 4) {
        float least = 0.0f;
        for (int k = 0; k < 4; k++) {
            least += std::min(weights[i + k], 0.0f);
        }
        query->offset += least;
        for (int m = 0; m < 16; m++) {
            float sum = -least;
            for (int k = 0; k < 4; k++) {
                sum += m >> k & 1 ? weights[i + k] : 0.0f;
            }
            query->tables[i/4][m] = (uint8_t) std::min(255.0f, std::max(0.0f, sum*per_unit) + 0.5f);
        }
    }
}

// The coarse code's part of query, from z [n_directions]. Returns false if the basis does not fit or z is not finite.
static bool prepare_coarse(const flash_head_codes * codes, const float * bits, const float * z,
        flash_head_query * query) {
    float   weights[FLASH_HEAD_COARSE_MAX_BITS];
    int32_t n = 0;
    query->offset = 0.0f;
    for (int32_t j = 0; j < codes->n_directions; j++) {
        if (!(bits[j] >= 0.0f && bits[j] <= FLASH_HEAD_MOST_BITS && isfinite(z[j]))) { // NaN, too, is no number of bits
            return false;
        }
        const int32_t b = (int32_t) bits[j];
        if (n + b > codes->n_bits) {
            return false;
        }
        for (int32_t k = b - 1; k >= 0; k--) {
            weights[n++] = z[j]*(float) (1 << k);
        }
        query->offset -= z[j]*(float) ((1 << b) - 1)*0.5f;
    }
    if (n != codes->n_bits) {
        return false;
    }
    make_tables(weights, n, query);
    return isfinite(query->unit) && isfinite(query->offset);
}

// The fine code's part of query. Returns false if the basis does not fit or x is not finite.
static bool prepare_fine(const flash_head_codes * codes, const flash_head_basis_parts<const float> & basis,
        const float * x, int64_t n_embd, flash_head_query * query, int8_t * slots) {
    int64_t n_lines = 0, n_slots = 0;
    for (int w = 0; w < FLASH_HEAD_FINE_WIDTHS; w++) {
        const float n = basis.n_lines[w];
        if (!(n >= 0.0f && n <= FLASH_HEAD_FINE_MAX_BYTES/FLASH_HEAD_FINE_LINE)) {
            return false;
        }
        query->n_lines[w] = (int32_t) n;
        n_lines += query->n_lines[w];
        n_slots += query->n_lines[w]*(8*FLASH_HEAD_FINE_LINE/FLASH_HEAD_FINE_BITS[w]);
    }
    if (n_lines*FLASH_HEAD_FINE_LINE != codes->fine_bytes) {
        return false;
    }
    auto value = [&](int64_t s) {
        const float column = basis.columns[s];
        return column >= 0.0f && column < (float) n_embd ? x[(int64_t) column]*basis.steps[s] : 0.0f;
    };
    float most = 0.0f;
    for (int64_t s = 0; s < n_slots; s++) {
        const float size = fabsf(value(s));
        if (!isfinite(size)) {
            return false;
        }
        most = std::max(most, size);
    }
    query->fine_unit = most/127.0f;
    const float per_unit = query->fine_unit > 0.0f ? 1.0f/query->fine_unit : 0.0f;
    float   middle = 0.0f;
    int64_t s      = 0;
    for (int w = 0; w < FLASH_HEAD_FINE_WIDTHS; w++) {
        int32_t sum = 0;
        for (int64_t end = s + query->n_lines[w]*(8*FLASH_HEAD_FINE_LINE/FLASH_HEAD_FINE_BITS[w]); s < end; s++) {
            slots[s] = (int8_t) lrintf(value(s)*per_unit);
            sum += slots[s];
        }
        middle += (float) sum*((1 << FLASH_HEAD_FINE_BITS[w]) - 1)*0.5f;
    }
    query->fine_offset = -middle*query->fine_unit;
    return isfinite(query->fine_offset);
}

void flash_head_query_prepare(const struct flash_head_codes * codes, const float * x, int64_t n_embd,
        const float * parts, struct flash_head_query * query, int8_t * slots) {
    const auto    basis = basis_of(codes, n_embd);
    const int32_t n     = codes->n_directions;
    float sums[FLASH_HEAD_MAX_DIRECTIONS + 2] = {};
    for (int64_t part = 0; part < flash_head_n_parts(n_embd); part++) {
        for (int32_t j = 0; j < n + 2; j++) {
            sums[j] += parts[part*(n + 2) + j];
        }
    }
    for (int i = 0; i < 2; i++) {
        query->errors   [i] = sums[n + i] >= 0.0f ? sums[n + i] : 0.0f; // NaN gives 0
        query->variances[i] = std::min(0.5f*query->errors[i], FLASH_HEAD_MAX_VARIANCE);
    }
    if (!prepare_coarse(codes, basis.bits, sums, query)) {
        memset(query->tables, 0, sizeof(query->tables));
        query->unit = query->offset = 0.0f;
    }
    if (!prepare_fine(codes, basis, x, n_embd, query, slots)) {
        memset(query->n_lines, 0, sizeof(query->n_lines));
        query->fine_unit = query->fine_offset = 0.0f;
    }
}

void flash_head_coarse_estimate(const struct flash_head_codes * codes, const struct flash_head_query * query,
        const int32_t * cluster, const float * scores, int64_t begin, int64_t end, float * out) {
    const auto  * kernels    = flash_head_code_kernels_here();
    const size_t  group_size = flash_head_coarse_group_size(codes->n_bits);
    const float   add        = query->variances[0];
    for (int64_t v = begin; v < end; v += GROUP) {
        const uint8_t * group = (const uint8_t *) codes->coarse + v/GROUP*group_size;
        uint16_t sums[GROUP];
        flash_head_prefetch(group + GROUPS_AHEAD*group_size, group_size); // which may lie behind the last one
        kernels->coarse(group + GROUP*sizeof(uint16_t), codes->n_bits/4, query->tables, sums);
        if (v + GROUP <= end) {
            kernels->finish(sums, group, query->unit, query->offset, add, cluster + v, scores, out + v);
        } else {
            int32_t clusters[GROUP]; // missing tokens repeat the last one's
            float   values  [GROUP];
            for (int64_t t = 0; t < GROUP; t++) {
                clusters[t] = cluster[std::min(v + t, end - 1)];
            }
            kernels->finish(sums, group, query->unit, query->offset, add, clusters, scores, values);
            memcpy(out + v, values, (end - v)*sizeof(float));
        }
    }
}

void flash_head_fine_estimate(const struct flash_head_codes * codes, const struct flash_head_query * query,
        const int8_t * slots, int64_t n_vocab, const int32_t * list, int64_t n, float * logits) {
    const auto      fine   = flash_head_code_kernels_here()->fine;
    const int32_t   size   = codes->fine_bytes;
    const uint8_t * all    = (const uint8_t *) codes->fine;
    const uint8_t * scales = all + n_vocab*size;
    const float     add    = query->variances[1] - query->variances[0];
    const int64_t   ahead  = 16;
    flash_head_each_ahead(n, ahead,
        [&](int64_t i) {
            flash_head_prefetch(all + (int64_t) list[i]*size, size);
            flash_head_prefetch(scales + list[i]*sizeof(uint16_t), 1);
        },
        [&](int64_t i) {
            const int64_t v = list[i];
            uint16_t scale;
            memcpy(&scale, scales + v*sizeof(scale), sizeof(scale));
            const int32_t sum = fine(all + v*size, query->n_lines, slots);
            logits[v] += flash_head_upper_to_float(scale)*((float) sum*query->fine_unit + query->fine_offset) + add;
        });
}

static void coarse(const uint8_t * lines, int32_t n_lines, const uint8_t (*tables)[16], uint16_t * sums) {
    memset(sums, 0, GROUP*sizeof(*sums));
    for (int32_t i = 0; i < n_lines; i++) {
        for (int t = 0; t < FLASH_HEAD_COARSE_LINE; t++) {
            const uint8_t byte = lines[i*FLASH_HEAD_COARSE_LINE + t];
            sums[t]                          += tables[i][byte & 15];
            sums[t + FLASH_HEAD_COARSE_LINE] += tables[i][byte >> 4];
        }
    }
}

static void finish(const uint16_t * sums, const uint8_t * scales, float unit, float offset, float add,
        const int32_t * cluster, const float * scores, float * out) {
    for (int t = 0; t < GROUP; t++) {
        uint16_t scale;
        memcpy(&scale, scales + t*sizeof(scale), sizeof(scale));
        out[t] = flash_head_upper_to_float(scale)*((float) sums[t]*unit + offset) + (scores[cluster[t]] + add);
    }
}

static int32_t fine(const uint8_t * code, const int32_t * n_lines, const int8_t * slots) {
    int32_t sum = 0;
    for (int w = 0; w < FLASH_HEAD_FINE_WIDTHS; w++) {
        const int bits = FLASH_HEAD_FINE_BITS[w];
        for (int32_t line = 0; line < n_lines[w]; line++) {
            for (int shift = 0; shift < 8; shift += bits) {
                for (int i = 0; i < FLASH_HEAD_FINE_LINE; i++) {
                    sum += (code[i] >> shift & ((1 << bits) - 1))*slots[i];
                }
                slots += FLASH_HEAD_FINE_LINE;
            }
            code += FLASH_HEAD_FINE_LINE;
        }
    }
    return sum;
}

// Lists the kernels that this processor can run, the portable one last.
struct known_code_kernels {
    flash_head_code_kernels list[4];
    int n = 0;

    known_code_kernels() {
        n = flash_head_code_kernels_x86(list);
        n += flash_head_code_kernels_arm(list + n);
        list[n++] = { "plain", coarse, finish, fine, flash_head_reach };
    }
};

const struct flash_head_code_kernels * flash_head_code_kernels_all(int * n) {
    static const known_code_kernels known;
    *n = known.n;
    return known.list;
}

static const flash_head_code_kernels * chosen = nullptr;

void flash_head_code_kernels_use(const struct flash_head_code_kernels * kernels) {
    chosen = kernels;
}

const struct flash_head_code_kernels * flash_head_code_kernels_here(void) {
    int n;
    return chosen ? chosen : flash_head_code_kernels_all(&n);
}
