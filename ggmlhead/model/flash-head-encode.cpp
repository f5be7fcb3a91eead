#include "flash-head-encode.h"

#include "flash-head-basis.h"
#include "flash-head-encoder.h"
#include "flash-head-threads.h"

#include <algorithm>
#include <math.h>
#include <numeric>

// rows of which the columns' mean squares are taken
static const int64_t N_SAMPLE = 4096;
// Parts of the tokens that are summed one by one, so that the sums do not depend on the number of threads.
static const int64_t N_PARTS  = 128;
static const int64_t BLOCK    = flash_head_encoder_block::MOST;

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

// Sums of squares by column, in a fixed order: first of a block of rows in floats, then of parts.
struct column_squares {
    const int64_t       n;
    std::vector<double> parts; // [n_parts][n]

    column_squares(int64_t n_parts, int64_t n) : n(n), parts(n_parts*n) {}

    void add(int64_t part, const float * of_block) {
        for (int64_t i = 0; i < n; i++) {
            parts[part*n + i] += of_block[i];
        }
    }

    std::vector<double> means(int64_t n_rows) const {
        std::vector<double> out(n);
        for (size_t k = 0; k < parts.size(); k++) {
            out[k % n] += parts[k];
        }
        for (double & value : out) {
            value /= (double) n_rows;
        }
        return out;
    }
};

// Tokens spread over the vocabulary, in blocks.
struct token_sample {
    const int64_t n_vocab;
    const int64_t n        = std::min(n_vocab, N_SAMPLE);
    const int64_t n_blocks = (n + BLOCK - 1)/BLOCK;

    int32_t size(int64_t block) const { return (int32_t) std::min(BLOCK, n - block*BLOCK); }
    int64_t token(int64_t block, int32_t r) const { return n_vocab*(block*BLOCK + r)/n; }
};

} // namespace

// the mean squares of residuals, by column
static std::vector<double> residual_squares(const flash_head_residuals & residuals, const token_sample & sample,
        int n_threads) {
    const int64_t n_embd = residuals.n_embd;
    column_squares squares(sample.n_blocks, n_embd);
    flash_head_parallel_for(sample.n_blocks, n_threads, [&](int64_t begin, int64_t end) {
        std::vector<float> row(n_embd), mean(n_embd), sums(n_embd);
        for (int64_t b = begin; b < end; b++) {
            std::fill(sums.begin(), sums.end(), 0.0f);
            for (int32_t r = 0; r < sample.size(b); r++) {
                residuals.read(sample.token(b, r), row.data(), mean.data());
                float of_row = 0.0f;
                for (int64_t i = 0; i < n_embd; i++) {
                    row[i] *= row[i];
                    of_row += row[i];
                }
                for (int64_t i = 0; i < n_embd && of_row < 1e30f; i++) { // not of a row that cannot be summed
                    sums[i] += row[i];
                }
            }
            squares.add(b, sums.data());
        }
    });
    return squares.means(sample.n);
}

// the mean squares of what coarse codes leave, by column
static std::vector<double> sample_squares(const flash_head_encoder & e, const token_sample & sample, int n_threads) {
    column_squares squares(sample.n_blocks, 2*e.n_columns);
    flash_head_parallel_for(sample.n_blocks, n_threads, [&](int64_t begin, int64_t end) {
        flash_head_encoder_block block(e, {});
        std::vector<uint8_t>     coarse(BLOCK/FLASH_HEAD_COARSE_GROUP*flash_head_coarse_group_size(e.coarse_bits));
        std::vector<uint8_t>     fine_scales(BLOCK*sizeof(uint16_t));
        for (int64_t b = begin; b < end; b++) {
            block.encode(sample.size(b), [&](int32_t r) { return sample.token(b, r); }, coarse.data(), nullptr,
                    fine_scales.data());
            squares.add(b, block.squares.data());
        }
    });
    std::vector<double> means = squares.means(sample.n);
    means.resize(e.n_embd); // the first half, without what fills up
    return means;
}

// the codes of all tokens; variances [2][n_embd]
static void encode_tokens(const flash_head_encoder & e, const flash_head_fine_plan & plan, const flash_head_map & map,
        const flash_head_code_memory & codes, float * variances, int n_threads) {
    const int64_t n_vocab    = (int64_t) map.cluster.size();
    const int64_t n_blocks   = (n_vocab + BLOCK - 1)/BLOCK;
    const int64_t n_parts    = std::min(n_blocks, N_PARTS);
    const size_t  block_size = BLOCK/FLASH_HEAD_COARSE_GROUP*flash_head_coarse_group_size(e.coarse_bits);
    uint8_t * fine        = (uint8_t *) codes.fine;
    uint8_t * fine_scales = fine + n_vocab*map.fine_bytes;

    column_squares squares(n_parts, 2*e.n_columns);
    flash_head_parallel_for(n_parts, n_threads, [&](int64_t begin, int64_t end) {
        flash_head_encoder_block block(e, plan);
        for (int64_t part = begin; part < end; part++) {
            for (int64_t b = n_blocks*part/n_parts; b < n_blocks*(part + 1)/n_parts; b++) {
                const int64_t first = b*BLOCK;
                block.encode((int32_t) std::min(BLOCK, n_vocab - first), [&](int32_t r) { return first + r; },
                        (uint8_t *) codes.coarse + b*block_size, fine + first*map.fine_bytes,
                        fine_scales + first*sizeof(uint16_t));
                squares.add(part, block.squares.data());
            }
        }
    });
    const std::vector<double> means = squares.means(n_vocab);
    for (int i = 0; i < 2; i++) {
        std::copy_n(means.data() + i*e.n_columns, e.n_embd, variances + i*e.n_embd);
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

    const token_sample         sample = { (int64_t) map.cluster.size() };
    const flash_head_residuals residuals(map, weight, centroid_type, centroids);
    const flash_head_encoder   e(map, residuals, residual_squares(residuals, sample, n_threads), bits.data(),
            steps.data(), n_threads);
    const flash_head_fine_plan plan =
            flash_head_fine_plan_of(sample_squares(e, sample, n_threads), map.code_weights, map.fine_bytes);
    std::copy(std::begin(plan.n_lines), std::end(plan.n_lines), basis.n_lines);
    std::copy(plan.columns.begin(), plan.columns.end(), basis.columns);
    std::copy(plan.steps  .begin(), plan.steps  .end(), basis.steps);
    encode_tokens(e, plan, map, codes, basis.variances, n_threads);
}
