#pragma once

// A head with codes, and a bit-by-bit decoder of them.

#include "flash-head-basis.h"
#include "flash-head-encode.h"
#include "flash-head-group.h"

#include <algorithm>
#include <math.h>
#include <random>
#include <string.h>

// A head with codes: rows around their clusters' centroids, and directions orthonormal in a diagonal metric.
struct encoded_head {
    int64_t D, V, K;
    flash_head_map map;
    std::vector<float>    weight, ordered, centroids; // F32
    std::vector<uint8_t>  coarse, fine;
    std::vector<float>    basis;

    encoded_head(int64_t D, int64_t V, int64_t K, int32_t n, int32_t coarse_bits, int32_t fine_bytes)
        : D(D), V(V), K(K), weight(V*D), ordered(V*D), centroids(K*D) {
        std::mt19937 rng(1);
        std::normal_distribution<float> normal;
        map.n_cluster    = K;
        map.n_directions = (n + 7)/8*8;
        map.coarse_bits  = coarse_bits;
        map.fine_bytes   = fine_bytes;
        for (int64_t v = 0; v < V; v++) {
            map.cluster.push_back((int32_t) ((v*7919) % K));
        }
        flash_head_map_sort(map);
        make_directions(n, rng);
        for (int64_t v = 0; v < V; v++) {
            const float size = 0.5f + (float) (v % 4);
            for (int32_t j = 0; j < n; j++) {
                const float y = size*normal(rng)*sqrtf(map.code_variances[j]);
                for (int64_t i = 0; i < D; i++) {
                    weight[v*D + i] += y*map.code_activations[j*D + i];
                }
            }
            for (int64_t i = 0; i < D; i++) {
                weight[v*D + i] += 0.2f*size*normal(rng)/(1.0f + (float) i/8) + (float) map.cluster[v];
            }
        }
        for (int64_t pos = 0; pos < V; pos++) {
            std::copy_n(&weight[map.tokens[pos]*D], D, &ordered[pos*D]);
        }
        flash_head_build_centroids(map, rows(), GGML_TYPE_F32, centroids.data(), 1);
    }

    flash_head_weight_rows rows() const { return { weight.data(), FLASH_HEAD_BY_TOKEN, GGML_TYPE_F32, D }; }

    void encode(int n_threads, flash_head_order order = FLASH_HEAD_BY_TOKEN) {
        const flash_head_code_sizes sizes(map, D);
        coarse.assign(sizes.coarse, 0xaa);
        fine  .assign(sizes.fine,   0xaa);
        basis .assign(sizes.basis/sizeof(float), NAN);
        const float * data = order == FLASH_HEAD_BY_TOKEN ? weight.data() : ordered.data();
        flash_head_encode(map, { data, order, GGML_TYPE_F32, D }, GGML_TYPE_F32, centroids.data(),
                { coarse.data(), fine.data(), basis.data() }, n_threads);
    }

    flash_head_basis_parts<const float> parts() const {
        return flash_head_basis_at((const float *) basis.data(), D, map.n_directions, map.fine_bytes);
    }

    float coarse_scale(int64_t v) const {
        return scale_at(coarse.data() + v/64*flash_head_coarse_group_size(map.coarse_bits) + v%64*2);
    }

    float fine_scale(int64_t v) const { return scale_at(fine.data() + V*map.fine_bytes + 2*v); }

    // the coarse numbers of token v, one per direction
    std::vector<int> coarse_numbers(int64_t v) const {
        const uint8_t * lines = coarse.data() + v/64*flash_head_coarse_group_size(map.coarse_bits) + 128;
        std::vector<int> out(map.n_directions);
        int at = 0;
        for (int32_t j = 0; j < map.n_directions; j++) {
            for (int k = 0; k < (int) parts().bits[j]; k++, at++) {
                out[j] = out[j]*2 + (lines[at/4*32 + v%64%32] >> (v%64/32*4 + at%4) & 1);
            }
        }
        return out;
    }

    // calls visit(slot, bits, number) for each slot of token v
    template <typename F> void each_slot(int64_t v, const F & visit) const {
        const uint8_t * code = fine.data() + v*map.fine_bytes;
        int first = 0;
        for (int w = 0; w < 3; w++) {
            const int bits = 4 >> w, per_line = 256/bits;
            for (int s = 0; s < (int) parts().n_lines[w]*per_line; s++, first++) {
                visit(first, bits, code[s/per_line*32 + s%per_line%32] >> (s%per_line/32*bits) & ((1 << bits) - 1));
            }
            code += (int) parts().n_lines[w]*32;
        }
    }

    std::vector<double> residual(int64_t v) const {
        std::vector<double> out(D);
        for (int64_t i = 0; i < D; i++) {
            out[i] = (double) weight[v*D + i] - centroids[map.cluster[v]*D + i];
        }
        return out;
    }

    // [n]: the products of a residual with the directions
    std::vector<double> products(const std::vector<double> & r) const {
        std::vector<double> out(map.n_directions);
        for (int32_t j = 0; j < map.n_directions; j++) {
            for (int64_t i = 0; i < D; i++) { out[j] += r[i]*map.code_rows[j*D + i]; }
        }
        return out;
    }

    double step(int32_t j) const {
        return flash_head_step_of((int) parts().bits[j])*sqrt((double) map.code_variances[j]);
    }

    // the residual minus the decoded coarse code
    std::vector<double> after_coarse(int64_t v) const {
        std::vector<double> out = residual(v);
        const std::vector<int> numbers = coarse_numbers(v);
        for (int32_t j = 0; j < map.n_directions; j++) {
            const double y = coarse_scale(v)*step(j)*middle(numbers[j], (int) parts().bits[j]);
            for (int64_t i = 0; i < D; i++) { out[i] -= y*map.code_activations[j*D + i]; }
        }
        return out;
    }

    // the residual minus both decoded codes
    std::vector<double> after_fine(int64_t v) const {
        std::vector<double> out = after_coarse(v);
        each_slot(v, [&](int s, int bits, int number) {
            if (parts().columns[s] >= 0) {
                out[(int64_t) parts().columns[s]] -= (double) fine_scale(v)*parts().steps[s]*middle(number, bits);
            }
        });
        return out;
    }

    static double middle(int number, int bits) { return number - ((1 << bits) - 1)/2.0; }

private:
    static float scale_at(const uint8_t * p) {
        uint16_t upper;
        memcpy(&upper, p, sizeof(upper));
        return flash_head_upper_to_float(upper);
    }

    // rows = L q and activations = L^-1 q, with orthonormal q and diagonal L; padding directions are zero
    void make_directions(int32_t n, std::mt19937 & rng) {
        std::normal_distribution<double> normal;
        map.code_rows       .resize(map.n_directions*D);
        map.code_activations.resize(map.n_directions*D);
        map.code_variances  .resize(map.n_directions);
        for (int64_t i = 0; i < D; i++) { map.code_weights.push_back(0.1f + (float) (i*7 % 5)); }
        std::vector<std::vector<double>> q;
        for (int32_t j = 0; j < n; j++) {
            std::vector<double> d(D);
            for (double & value : d) { value = normal(rng); }
            double norm = 0;
            for (const std::vector<double> & other : q) {
                double product = 0;
                for (int64_t i = 0; i < D; i++) { product += d[i]*other[i]; }
                for (int64_t i = 0; i < D; i++) { d[i] -= product*other[i]; }
            }
            for (double value : d) { norm += value*value; }
            for (double & value : d) { value /= sqrt(norm); }
            q.push_back(d);
            for (int64_t i = 0; i < D; i++) {
                const double l = sqrt(map.code_weights[i]);
                map.code_rows       [j*D + i] = (float) (d[i]*l);
                map.code_activations[j*D + i] = (float) (d[i]/l);
            }
            map.code_variances[j] = 4.0f/(float) ((1 + j)*(1 + j));
        }
    }
};
