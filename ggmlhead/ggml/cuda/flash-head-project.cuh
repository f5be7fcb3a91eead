#pragma once

// Projections of activations on the directions of a sketch, in parts of some columns each, one a block.

#include "flash-head-call.cuh"

struct flash_head_project_shared {
    float sums[FLASH_HEAD_THREADS];
};

// Writes part `part` of all rows to parts. Thread i takes direction i % rank, and of the columns every so-manieth: threads read
// neighbouring numbers of the directions.
static __device__ void flash_head_project(const flash_head_call & call, int part) {
    flash_head_project_shared & shared = *(flash_head_project_shared *) flash_head_shared;
    const int thread  = flash_head_thread();
    const int rank    = call.rank;
    const int n_parts = (int) flash_head_sketch_n_parts(call.n_embd);
    const int begin   = part*FLASH_HEAD_SKETCH_COLUMNS;
    const int end     = min(begin + FLASH_HEAD_SKETCH_COLUMNS, call.n_embd);
    const int step    = FLASH_HEAD_THREADS/rank; // threads a direction; the last threads may have none

    for (int r = 0; r < call.n_rows; r++) {
        float sum = 0.0f;
        if (thread < step*rank) {
            for (int i = begin + thread/rank; i < end; i += step) {
                sum += call.x[r*call.stride_x + i]*call.projection[(int64_t) i*rank + thread % rank];
            }
        }
        shared.sums[thread] = sum;
        __syncthreads();
        if (thread < rank) {
            for (int i = 1; i < step; i++) {
                sum += shared.sums[i*rank + thread];
            }
            call.parts[(r*n_parts + part)*rank + thread] = sum;
        }
        __syncthreads();
    }
}
