#include "flash-head-sketch.h"

#include <math.h>

static const int64_t GROUP = FLASH_HEAD_GROUP;

void flash_head_sketch_project(const float * projection, int32_t rank, const float * x, int64_t n_embd, int64_t part,
        float * sums) {
    const int64_t begin = part*FLASH_HEAD_SKETCH_COLUMNS;
    const int64_t end   = begin + FLASH_HEAD_SKETCH_COLUMNS < n_embd ? begin + FLASH_HEAD_SKETCH_COLUMNS : n_embd;
    float local[FLASH_HEAD_SKETCH_MAX_RANK] = {};
    for (int64_t i = begin; i < end; i++) {
        for (int32_t j = 0; j < rank; j++) {
            local[j] += x[i]*projection[i*rank + j];
        }
    }
    memcpy(sums, local, rank*sizeof(float));
}

void flash_head_sketch_round(const float * parts, int64_t n_parts, int32_t rank, struct flash_head_code * code) {
    float sums[FLASH_HEAD_SKETCH_MAX_RANK] = {};
    for (int64_t part = 0; part < n_parts; part++) {
        for (int32_t j = 0; j < rank; j++) {
            sums[j] += parts[part*rank + j];
        }
    }
    float most = 0.0f;
    for (int32_t j = 0; j < rank; j++) {
        most = fabsf(sums[j]) > most ? fabsf(sums[j]) : most;
    }
    const bool sound = most > 0.0f && isfinite(most); // otherwise there is no estimate
    code->scale = sound ? most/127.0f : 0.0f;
    code->offset = 0;
    for (int32_t j = 0; j < rank; j++) {
        code->values[j] = sound ? (int8_t) roundf(sums[j]/code->scale) : 0;
        code->offset   -= 8*code->values[j];
    }
}

void flash_head_sketch_encode(const float * projection, int32_t rank, const float * x, int64_t n_embd,
        struct flash_head_code * code) {
    float sums[FLASH_HEAD_SKETCH_MAX_RANK] = {};
    for (int64_t part = 0; part < flash_head_sketch_n_parts(n_embd); part++) {
        float one[FLASH_HEAD_SKETCH_MAX_RANK];
        flash_head_sketch_project(projection, rank, x, n_embd, part, one);
        for (int32_t j = 0; j < rank; j++) {
            sums[j] += one[j];
        }
    }
    flash_head_sketch_round(sums, 1, rank, code);
}

void flash_head_sketch_estimate(
        const void * sketch, int32_t rank, const struct flash_head_code * code, const int32_t * cluster,
        const float * scores,
        int64_t begin, int64_t end, float * out, float * best) {
    const auto   estimate   = flash_head_group_kernels_here()->estimate;
    const size_t group_size = flash_head_sketch_group_size(rank);

    for (int64_t v = begin; v < end; v += GROUP) {
        const uint8_t * group = (const uint8_t *) sketch + v/GROUP*group_size;
        float greatest;
        if (v + GROUP <= end) {
            greatest = estimate(group, rank, code, cluster + v, scores, out + v);
        } else {
            int32_t clusters[GROUP]; // missing tokens repeat the last one's
            float   values  [GROUP];
            for (int64_t t = 0; t < GROUP; t++) {
                clusters[t] = cluster[v + t < end ? v + t : end - 1];
            }
            estimate(group, rank, code, clusters, scores, values);
            memcpy(out + v, values, (end - v)*sizeof(float));
            greatest = values[0];
            for (int64_t t = 1; t < end - v; t++) {
                greatest = values[t] > greatest ? values[t] : greatest;
            }
        }
        if (best) {
            best[v/GROUP] = greatest;
        }
    }
}
