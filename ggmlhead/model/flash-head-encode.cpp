#include "flash-head-encode.h"

#include "flash-head-basis.h"
#include "flash-head-project.h"
#include "flash-head-row.h"
#include "flash-head-threads.h"

#include <algorithm>
#include <math.h>
#include <numeric>
#include <string.h>

// rows from which the columns' mean squares are taken
static const int64_t N_SAMPLE = 4096;
// Parts of the tokens that are summed one by one, so that the sums do not depend on the number of threads.
static const int64_t N_PARTS  = 128;
// rows that are projected together
static const int32_t BLOCK    = 8;

std::vector<float> flash_head_coarse_plan(const std::vector<float> & variances, int32_t coarse_bits) {
    const size_t n = variances.size();
    std::vector<int>    bits(n, 0);
    std::vector<double> gains(n);
    auto gain = [&](size_t j) {
        const int b = bits[j];
        return b == FLASH_HEAD_MOST_BITS ? -1.0
            : variances[j]*((double) flash_head_distortion_of(b) - flash_head_distortion_of(b + 1));
    };
    for (size_t j = 0; j < n; j++) {
        gains[j] = gain(j);
    }
    for (int32_t i = 0; i < coarse_bits; i++) {
        const size_t best = std::max_element(gains.begin(), gains.end()) - gains.begin();
        bits[best]++;
        gains[best] = gain(best);
    }
    return std::vector<float>(bits.begin(), bits.end());
}

// the number of bits a column in lines of kind w
static int fine_bits(int w) {
    return 4 >> w;
}

static int64_t slots_per_line(int w) {
    return 8*FLASH_HEAD_FINE_LINE/fine_bits(w);
}

flash_head_fine_plan flash_head_fine_plan_of(const std::vector<double> & squares, const std::vector<float> & weights,
        int32_t n_bytes) {
    const int64_t n     = (int64_t) squares.size();
    const int32_t lines = n_bytes/FLASH_HEAD_FINE_LINE;

    std::vector<int32_t> order(n);
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
        return squares[a]*weights[a] > squares[b]*weights[b];
    });
    std::vector<double> sums(n + 1, 0.0); // of the first i columns
    for (int64_t i = 0; i < n; i++) {
        sums[i + 1] = sums[i] + squares[order[i]]*weights[order[i]];
    }

    flash_head_fine_plan plan;
    double least = INFINITY;
    for (int32_t four = 0; four <= lines; four++) {
        for (int32_t two = 0; four + two <= lines; two++) {
            const int32_t n_lines[FLASH_HEAD_FINE_WIDTHS] = { four, two, lines - four - two };
            double  error = 0.0;
            int64_t begin = 0;
            for (int w = 0; w < FLASH_HEAD_FINE_WIDTHS; w++) {
                const int64_t end = std::min(n, begin + n_lines[w]*slots_per_line(w));
                error += (sums[end] - sums[begin])*flash_head_distortion_of(fine_bits(w));
                begin = end;
            }
            error += sums[n] - sums[begin];
            if (error < least) {
                least = error;
                std::copy_n(n_lines, FLASH_HEAD_FINE_WIDTHS, plan.n_lines);
            }
        }
    }

    plan.columns.assign(flash_head_fine_max_slots(n_bytes), -1.0f);
    plan.steps  .assign(flash_head_fine_max_slots(n_bytes), 0.0f);
    int64_t s = 0;
    for (int w = 0; w < FLASH_HEAD_FINE_WIDTHS; w++) {
        for (const int64_t end = s + plan.n_lines[w]*slots_per_line(w); s < end; s++) {
            const float step = s < n ? flash_head_step_of(fine_bits(w))*(float) sqrt(squares[order[s]]) : 0.0f;
            if (step > 0.0f) {
                plan.columns[s] = (float) order[s];
                plan.steps[s]   = step;
            }
        }
    }
    return plan;
}

namespace {

// What all threads read.
struct encoder {
    const flash_head_map         & map;
    const flash_head_weight_rows & weight;
    const size_t                   row_size;
    const ggml_type                centroid_type;
    const char                   * centroids;
    const size_t                   centroid_size;

    const int64_t n_embd = weight.n_embd;
    // Columns, as flash_head_project takes them, and some more: at strides of a power of two lines share few places of
    // the cache.
    const int64_t n_wide = (n_embd + 7)/8*8 + 8;

    // the directions that have bits, filled up to a multiple of 8
    int32_t            n_used = 0;
    std::vector<float> bits, steps; // [n_used]
    std::vector<float> there;       // [n_embd][n_used]: residual to products
    std::vector<float> back;        // [n_used][n_wide]: products to residual

    encoder(const flash_head_map & map, const flash_head_weight_rows & weight, ggml_type centroid_type,
            const void * centroids, const float * all_bits, const float * all_steps)
        : map(map), weight(weight), row_size(ggml_row_size(weight.type, weight.n_embd)),
          centroid_type(centroid_type), centroids((const char *) centroids),
          centroid_size(ggml_row_size(centroid_type, weight.n_embd)) {
        std::vector<int32_t> used;
        for (int32_t j = 0; j < map.n_directions; j++) {
            if (all_bits[j] > 0.0f) {
                used.push_back(j);
            }
        }
        n_used = ((int32_t) used.size() + 7)/8*8;
        bits .resize(n_used);
        steps.resize(n_used);
        there.resize(n_embd*n_used);
        back .resize(n_used*n_wide);
        for (size_t k = 0; k < used.size(); k++) {
            const float * row        = map.code_rows.data()        + used[k]*n_embd;
            const float * activation = map.code_activations.data() + used[k]*n_embd;
            bits [k] = all_bits [used[k]];
            steps[k] = all_steps[used[k]];
            for (int64_t i = 0; i < n_embd; i++) {
                there[i*n_used + k] = row[i];
            }
            std::copy_n(activation, n_embd, back.data() + k*n_wide);
        }
    }
};

// Some tokens in work, as one thread sees them. Rows are n_wide apart, except for residuals.
struct encoder_block {
    const encoder    & e;
    std::vector<float> residuals;        // [BLOCK][n_embd]; then what the coarse code leaves of them
    std::vector<float> mean;             // [n_embd]
    std::vector<float> products;         // [BLOCK][n_used]; then as decoded
    std::vector<float> decoded;          // [BLOCK][n_wide]
    std::vector<uint8_t> q;              // [BLOCK][n_used]
    float scales[BLOCK];

    explicit encoder_block(const encoder & e)
        : e(e), residuals(BLOCK*e.n_embd), mean(e.n_embd), products(BLOCK*e.n_used), decoded(BLOCK*e.n_wide),
          q(BLOCK*e.n_used) {}

    float * residual(int32_t r) { return residuals.data() + r*e.n_embd; }

    const uint8_t * code(int32_t r) const { return q.data() + r*e.n_used; }

    // Makes the coarse codes of n tokens, and what these leave.
    template <typename F> void encode(int32_t n, const F & token) {
        for (int32_t r = 0; r < n; r++) {
            read(token(r), residual(r));
        }
        flash_head_project(residuals.data(), n, e.n_embd, e.there.data(), e.n_used, products.data());
        for (int32_t r = 0; r < n; r++) {
            float   * y = products.data() + r*e.n_used;
            uint8_t * c = q.data() + r*e.n_used;
            scales[r] = flash_head_coarse_round(y, e.bits.data(), e.steps.data(), e.n_used, c);
            for (int32_t k = 0; k < e.n_used; k++) {
                const float middle = (float) ((1 << (int) e.bits[k]) - 1)*0.5f;
                y[k] = scales[r]*e.steps[k]*((float) c[k] - middle);
            }
        }
        flash_head_project(products.data(), n, e.n_used, e.back.data(), (int32_t) e.n_wide, decoded.data());
        for (int32_t r = 0; r < n; r++) {
            subtract(decoded.data() + r*e.n_wide, residual(r));
            keep_finite(residual(r));
        }
    }

private:
    void read(int64_t token, float * out) {
        const int64_t row = e.weight.order == FLASH_HEAD_BY_TOKEN ? token : e.map.position[token];
        flash_head_to_float(e.weight.type, (const char *) e.weight.data + row*e.row_size, out, e.n_embd);
        flash_head_to_float(e.centroid_type, e.centroids + e.map.cluster[token]*e.centroid_size, mean.data(), e.n_embd);
        subtract(mean.data(), out);
        keep_finite(out);
    }

    void subtract(const float * from, float * out) const {
        for (int64_t i = 0; i < e.n_embd; i++) {
            out[i] -= from[i];
        }
    }

    // Zeroes a row with a NaN, or with a number of which the square could not be summed.
    void keep_finite(float * row) const {
        int n_bad = 0;
        for (int64_t i = 0; i < e.n_embd; i++) {
            n_bad += !(fabsf(row[i]) < 1e15f);
        }
        if (n_bad > 0) {
            std::fill_n(row, e.n_embd, 0.0f);
        }
    }
};

// Sums of squares by column, in a fixed order: first of few rows in floats, then of parts.
struct column_squares {
    const int64_t       n_embd;
    std::vector<double> parts; // [n_parts][n_embd]

    column_squares(int64_t n_parts, int64_t n_embd) : n_embd(n_embd), parts(n_parts*n_embd) {}

    void add(int64_t part, const std::vector<float> & of_few) {
        for (int64_t i = 0; i < n_embd; i++) {
            parts[part*n_embd + i] += of_few[i];
        }
    }

    std::vector<double> means(int64_t n_rows) const {
        std::vector<double> out(n_embd);
        for (size_t k = 0; k < parts.size(); k++) {
            out[k % n_embd] += parts[k];
        }
        for (double & value : out) {
            value /= (double) n_rows;
        }
        return out;
    }
};

} // namespace

static void add_squares(const float * values, std::vector<float> & sums) {
    for (size_t i = 0; i < sums.size(); i++) {
        sums[i] += values[i]*values[i];
    }
}

// the mean squares of what coarse codes leave, by column, from some of the tokens
static std::vector<double> sample_squares(const encoder & e, int n_threads) {
    const int64_t n_vocab  = (int64_t) e.map.cluster.size();
    const int64_t n_sample = std::min(n_vocab, N_SAMPLE);
    const int64_t n_blocks = (n_sample + BLOCK - 1)/BLOCK;
    const int64_t n_parts  = std::min(n_blocks, N_PARTS);

    column_squares squares(n_parts, e.n_embd);
    flash_head_parallel_for(n_parts, n_threads, [&](int64_t begin, int64_t end) {
        encoder_block      block(e);
        std::vector<float> sums(e.n_embd);
        for (int64_t part = begin; part < end; part++) {
            for (int64_t b = n_blocks*part/n_parts; b < n_blocks*(part + 1)/n_parts; b++) {
                const int32_t n = (int32_t) std::min<int64_t>(BLOCK, n_sample - b*BLOCK);
                block.encode(n, [&](int32_t r) { return n_vocab*(b*BLOCK + r)/n_sample; });
                std::fill(sums.begin(), sums.end(), 0.0f);
                for (int32_t r = 0; r < n; r++) {
                    add_squares(block.residual(r), sums);
                }
                squares.add(part, sums);
            }
        }
    });
    return squares.means(n_sample);
}

// the codes of all tokens; variances [2][n_embd]
static void encode_tokens(const encoder & e, const flash_head_fine_plan & plan, const flash_head_code_memory & codes,
        float * variances, int n_threads) {
    const int64_t group      = FLASH_HEAD_COARSE_GROUP;
    const int64_t n_vocab    = (int64_t) e.map.cluster.size();
    const int64_t n_groups   = flash_head_coarse_n_groups(n_vocab);
    const int64_t n_parts    = std::min(n_groups, N_PARTS);
    const size_t  group_size = flash_head_coarse_group_size(e.map.coarse_bits);
    const int64_t fine_bytes = e.map.fine_bytes;
    uint8_t * fine        = (uint8_t *) codes.fine;
    uint8_t * fine_scales = fine + n_vocab*fine_bytes;

    // of what the coarse code leaves, and of what both leave
    column_squares squares[2] = { { n_parts, e.n_embd }, { n_parts, e.n_embd } };
    flash_head_parallel_for(n_parts, n_threads, [&](int64_t begin, int64_t end) {
        encoder_block      block(e);
        std::vector<float> decoded(e.n_embd);
        std::vector<float> sums[2] = { std::vector<float>(e.n_embd), std::vector<float>(e.n_embd) };
        auto encode_fine = [&](int64_t v, float * left) {
            add_squares(left, sums[0]);
            float scale = 0.0f;
            if (fine_bytes > 0) {
                scale = flash_head_fine_round(left, e.n_embd, plan.n_lines, plan.columns.data(), plan.steps.data(),
                        fine + v*fine_bytes, decoded.data());
                for (int64_t i = 0; i < e.n_embd; i++) {
                    left[i] -= decoded[i];
                }
            }
            add_squares(left, sums[1]);
            uint32_t bits;
            memcpy(&bits, &scale, sizeof(bits));
            const uint16_t upper = (uint16_t) (bits >> 16);
            memcpy(fine_scales + v*sizeof(upper), &upper, sizeof(upper));
        };
        auto encode_group = [&](int64_t g) {
            uint8_t * coarse = (uint8_t *) codes.coarse + g*group_size;
            memset(coarse, 0, group_size);
            for (int64_t first = g*group; first < std::min(n_vocab, (g + 1)*group); first += BLOCK) {
                const int32_t n = (int32_t) std::min<int64_t>(BLOCK, n_vocab - first);
                block.encode(n, [&](int32_t r) { return first + r; });
                for (int32_t r = 0; r < n; r++) {
                    flash_head_coarse_put(coarse, (int) (first + r - g*group), e.bits.data(), e.n_used, block.code(r),
                            block.scales[r]);
                    encode_fine(first + r, block.residual(r));
                }
            }
        };
        for (int64_t part = begin; part < end; part++) {
            for (int64_t g = n_groups*part/n_parts; g < n_groups*(part + 1)/n_parts; g++) {
                for (int i = 0; i < 2; i++) {
                    std::fill(sums[i].begin(), sums[i].end(), 0.0f);
                }
                encode_group(g);
                for (int i = 0; i < 2; i++) {
                    squares[i].add(part, sums[i]);
                }
            }
        }
    });
    for (int i = 0; i < 2; i++) {
        const std::vector<double> means = squares[i].means(n_vocab);
        std::copy(means.begin(), means.end(), variances + i*e.n_embd);
    }
}

void flash_head_encode(
        const flash_head_map & map, const flash_head_weight_rows & weight, ggml_type centroid_type,
        const void * centroids, const flash_head_code_memory & codes, int n_threads) {
    const int64_t n_embd = weight.n_embd;
    const int32_t n      = map.n_directions;
    const auto    basis  = flash_head_basis_at(codes.basis, n_embd, n, map.fine_bytes);

    const std::vector<float> bits = flash_head_coarse_plan(map.code_variances, map.coarse_bits);
    std::vector<float> steps(n);
    for (int32_t j = 0; j < n; j++) {
        steps[j] = flash_head_step_of((int) bits[j])*sqrtf(map.code_variances[j]);
    }
    std::copy(bits.begin(), bits.end(), basis.bits);
    for (int64_t i = 0; i < n_embd; i++) {
        for (int32_t j = 0; j < n; j++) {
            basis.projection[i*n + j] = map.code_activations[j*n_embd + i]*steps[j];
        }
    }

    const encoder e(map, weight, centroid_type, centroids, bits.data(), steps.data());
    const flash_head_fine_plan plan =
            flash_head_fine_plan_of(sample_squares(e, n_threads), map.code_weights, map.fine_bytes);
    std::copy(std::begin(plan.n_lines), std::end(plan.n_lines), basis.n_lines);
    std::copy(plan.columns.begin(), plan.columns.end(), basis.columns);
    std::copy(plan.steps  .begin(), plan.steps  .end(), basis.steps);
    encode_tokens(e, plan, codes, basis.variances, n_threads);
}
