#include "flash-head-encoder.h"

#include "flash-head-row.h"
#include "flash-head-threads.h"

#include <algorithm>
#include <math.h>
#include <string.h>

static const int64_t GROUP = FLASH_HEAD_COARSE_GROUP;
static const int64_t LANES = FLASH_HEAD_MAKE_LANES;

flash_head_residuals::flash_head_residuals(const flash_head_map & map, const flash_head_weight_rows & weight,
        ggml_type centroid_type, const void * centroids)
    : map(map), weight(weight), n_embd(weight.n_embd), kernels(*flash_head_make_kernels_here()),
      row_size(ggml_row_size(weight.type, weight.n_embd)), centroid_type(centroid_type),
      centroids((const char *) centroids), centroid_size(ggml_row_size(centroid_type, weight.n_embd)) {}

void flash_head_residuals::read(int64_t token, float * out, float * mean) const {
    const int64_t row = weight.order == FLASH_HEAD_BY_TOKEN ? token : map.position[token];
    const char * values   = (const char *) weight.data + row*row_size;
    const char * centroid = centroids + map.cluster[token]*centroid_size;
    if (weight.type == GGML_TYPE_Q8_0 && centroid_type == GGML_TYPE_Q4_0
            && kernels.read((const uint8_t *) values, (const uint8_t *) centroid, n_embd/32, out)) {
        return;
    }
    flash_head_to_float(weight.type,   values,   out,  n_embd);
    flash_head_to_float(centroid_type, centroid, mean, n_embd);
    for (int64_t i = 0; i < n_embd; i++) {
        out[i] -= mean[i];
    }
}

static int64_t round_up(int64_t n, int64_t step) {
    return (n + step - 1)/step*step;
}

static std::vector<int32_t> used_directions(const float * bits, int32_t n) {
    std::vector<int32_t> used;
    for (int32_t j = 0; j < n; j++) {
        if (bits[j] > 0.0f) {
            used.push_back(j);
        }
    }
    return used;
}

// the values of used directions, then zeros
static std::vector<float> values_of(const std::vector<int32_t> & used, const float * values) {
    std::vector<float> out(round_up((int64_t) used.size(), FLASH_HEAD_MAKE_PANEL));
    for (size_t k = 0; k < used.size(); k++) {
        out[k] = values[used[k]];
    }
    return out;
}

static flash_head_rounder coarse_rounder(const std::vector<int32_t> & used, const float * bits, const float * steps) {
    return { values_of(used, bits).data(), values_of(used, steps).data(), (int32_t) used.size() };
}

flash_head_encoder::flash_head_encoder(const flash_head_map & map, const flash_head_residuals & residuals,
        const std::vector<double> & squares, const float * all_bits, const float * all_steps, int n_threads)
    : residuals(residuals), kernels(*flash_head_make_kernels_here()), n_embd(residuals.n_embd),
      n_columns(round_up(n_embd, LANES)), coarse_bits(map.coarse_bits), n_lines(map.coarse_bits/4),
      coarse(coarse_rounder(used_directions(all_bits, map.n_directions), all_bits, all_steps)) {
    const std::vector<int32_t> used = used_directions(all_bits, map.n_directions);
    bits   = values_of(used, all_bits);
    n_used = (int32_t) bits.size();
    set_directions(map, squares, used);
    set_tables(map, used, values_of(used, all_steps).data(), n_threads);
}

// Directions in units of the columns' sizes, because in these rows are rounded: so a column with large values does not
// cost the others their bits.
void flash_head_encoder::set_directions(const flash_head_map & map, const std::vector<double> & squares,
        const std::vector<int32_t> & used) {
    double mean = 0.0;
    for (double square : squares) {
        mean += square/(double) n_embd;
    }
    std::vector<float> size(n_embd, 1.0f);
    per_size.resize(n_columns);
    for (int64_t k = 0; k < n_embd; k++) {
        const float value = (float) sqrt(squares[k] + mean/256); // rows may have what the sample lacks
        if (value > 1e-15f) {
            size[k] = value;
        }
        per_size[k] = 1.0f/size[k];
    }

    const int P = FLASH_HEAD_MAKE_PANEL;
    directions.resize(n_used*n_columns);
    sums .resize(n_used);
    units.resize(coarse.get().n);
    for (size_t j = 0; j < used.size(); j++) {
        const float * row = map.code_rows.data() + used[j]*n_embd;
        float most = 0.0f;
        for (int64_t k = 0; k < n_embd; k++) {
            most = std::max(most, fabsf(row[k]*size[k]));
        }
        const float unit = most/FLASH_HEAD_MAKE_LARGEST;
        if (!(unit > 1e-30f && isfinite(unit))) {
            continue;
        }
        units[j] = unit;
        int8_t * panel = directions.data() + j/P*P*n_columns + j%P*4;
        for (int64_t k = 0; k < n_embd; k++) {
            const int value = (int) roundf(row[k]*size[k]/unit);
            const int64_t place = flash_head_rounded_place(k);
            panel[place/4*(4*P) + place%4] = (int8_t) value;
            sums[j] += value;
        }
    }
}

// Number q of a direction stands for the sum over its bits of +-half of what the bit is worth.
void flash_head_encoder::set_tables(const flash_head_map & map, const std::vector<int32_t> & used, const float * steps,
        int n_threads) {
    std::vector<int32_t> of_bit; // the place in used; -1 for a bit without a direction
    std::vector<float>   worth;
    for (size_t j = 0; j < used.size(); j++) {
        for (int p = (int) bits[j] - 1; p >= 0; p--) {
            of_bit.push_back(used[j]);
            worth .push_back(0.5f*(float) (1 << p)*steps[j]);
        }
    }
    of_bit.resize(coarse_bits, -1);
    worth .resize(coarse_bits);

    back_units.resize(n_columns);
    tables.resize(n_columns*n_lines*16);
    const int64_t block = kernels.decode_block;
    flash_head_parallel_for(n_columns/LANES, n_threads, [&](int64_t begin, int64_t end) {
        std::vector<float> values(coarse_bits);
        for (int64_t k = begin*LANES; k < std::min(end*LANES, n_embd); k++) {
            float most = 0.0f;
            for (int32_t b = 0; b < coarse_bits; b++) {
                values[b] = of_bit[b] >= 0 ? worth[b]*map.code_activations[of_bit[b]*n_embd + k] : 0.0f;
                most += fabsf(values[b]);
            }
            const float unit = most/(INT16_MAX - FLASH_HEAD_COARSE_MAX_BITS/4); // entries are rounded up at worst
            if (!(unit > 1e-30f && isfinite(unit))) {
                continue;
            }
            back_units[k] = unit;
            int16_t * table = tables.data() + k/block*block*n_lines*16 + k%block;
            for (int32_t l = 0; l < n_lines; l++) {
                for (int m = 0; m < 16; m++) {
                    float sum = 0.0f;
                    for (int b = 0; b < 4; b++) {
                        sum += m >> b & 1 ? values[4*l + b] : -values[4*l + b];
                    }
                    table[(l*16 + m)*block] = (int16_t) roundf(sum/unit);
                }
            }
        }
    });
}

// how the columns that have slots are rounded
static flash_head_rounder fine_rounder(const flash_head_fine_plan & plan, int64_t n_columns) {
    std::vector<float> bits(n_columns), steps(n_columns);
    int32_t s = 0;
    for (int w = 0; w < FLASH_HEAD_FINE_WIDTHS; w++) {
        const int of_width = 4 >> w;
        for (const int32_t end = s + plan.n_lines[w]*(8*FLASH_HEAD_FINE_LINE/of_width); s < end; s++) {
            if (plan.columns[s] >= 0.0f) {
                bits [(int64_t) plan.columns[s]] = (float) of_width;
                steps[(int64_t) plan.columns[s]] = plan.steps[s];
            }
        }
    }
    return { bits.data(), steps.data(), (int32_t) n_columns };
}

flash_head_encoder_block::flash_head_encoder_block(const flash_head_encoder & e, const flash_head_fine_plan & plan)
    : squares(2*e.n_columns), e(e), of_coarse(e.coarse.get()), of_fine(fine_rounder(plan, e.n_columns)),
      stride(e.n_columns + 16), rows(MOST*stride), mean(e.n_embd), rounded(MOST*e.n_columns, FLASH_HEAD_MAKE_MIDDLE),
      row_units(MOST), products(MOST*e.n_used + of_coarse.n), values(of_coarse.n),
      decoded(std::max<int64_t>(of_coarse.n, e.n_columns)), numbers(e.n_columns + 1), q(GROUP*of_coarse.n),
      scales(MOST), codes(MOST*e.n_lines), sums(MOST*stride) {
    std::copy_n(plan.n_lines, FLASH_HEAD_FINE_WIDTHS, fine_lines);
    for (float column : plan.columns) {
        slot_columns.push_back((int32_t) (column >= 0.0f ? (int64_t) column : e.n_columns));
    }
}

void flash_head_encoder_block::read(int64_t token, int32_t r) {
    float * row = rows.data() + r*stride;
    e.residuals.read(token, row, mean.data());
    row_units[r] = e.kernels.round_row(row, e.per_size.data(), e.n_columns, rounded.data() + r*e.n_columns);
}

void flash_head_encoder_block::encode_rows(int32_t n, uint8_t * coarse, uint8_t * fine, uint8_t * fine_scales) {
    const flash_head_make_kernels & kernels = e.kernels;
    kernels.project(rounded.data(), (n + 3)/4, e.n_columns, e.directions.data(), e.sums.data(), e.n_used,
            products.data());
    const size_t group_size = flash_head_coarse_group_size(e.coarse_bits);
    for (int32_t first = 0; first < n; first += GROUP, coarse += group_size) {
        const int32_t n_here = std::min((int32_t) GROUP, n - first);
        for (int32_t r = 0; r < n_here; r++) {
            // products of the next row, or what fills up, have no unit
            scales[first + r] = kernels.round(&of_coarse, products.data() + (first + r)*e.n_used, e.units.data(),
                    row_units[first + r], values.data(), q.data() + r*of_coarse.n, decoded.data());
        }
        memset(coarse, 0, group_size);
        flash_head_coarse_put(coarse, e.bits.data(), e.n_used, q.data(), of_coarse.n, n_here, scales.data() + first);
        flash_head_coarse_bits(coarse, e.coarse_bits, n_here, codes.data() + first*e.n_lines);
    }

    kernels.decode(codes.data(), n, e.n_lines, e.tables.data(), e.n_columns, sums.data(), stride);
    const flash_head_rounding rounding   = of_fine.get();
    const int64_t             fine_bytes = (fine_lines[0] + fine_lines[1] + fine_lines[2])*FLASH_HEAD_FINE_LINE;
    numbers[e.n_columns] = 0; // of slots without a column
    std::fill(squares.begin(), squares.end(), 0.0f);
    for (int32_t r = 0; r < n; r++) {
        const float scale = kernels.finish(rows.data() + r*stride, sums.data() + r*stride, e.back_units.data(),
                scales[r], &rounding, numbers.data(), decoded.data(), squares.data());
        flash_head_fine_put(fine_lines, slot_columns.data(), numbers.data(), fine + r*fine_bytes);
        uint32_t bits;
        memcpy(&bits, &scale, sizeof(bits));
        const uint16_t upper = (uint16_t) (bits >> 16);
        memcpy(fine_scales + r*sizeof(upper), &upper, sizeof(upper));
    }
}
