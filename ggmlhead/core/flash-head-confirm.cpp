#include "flash-head-confirm.h"

#include "flash-head-sample.h"
#include "flash-head-select.h"

#include <algorithm>

static flash_head_sample sample_of(const flash_head_dense * dense) {
    return flash_head_sample_of(dense->n_vocab, std::min<int64_t>(2*FLASH_HEAD_CONFIRMED, dense->n_vocab));
}

static size_t act_size(const flash_head_dense * dense) {
    return (dense->dot.act_size + sizeof(int32_t) - 1)/sizeof(int32_t)*sizeof(int32_t);
}

size_t flash_head_confirm_work_size(const flash_head_dense * dense) {
    // activations, keys of the sample, list
    return act_size(dense) + (sample_of(dense).size + dense->n_vocab + 1)*sizeof(int32_t);
}

void flash_head_confirm(const flash_head_dense * dense, const float * x, float * logits, void * work) {
    const int64_t           V      = dense->n_vocab;
    const flash_head_sample sample = sample_of(dense);
    int32_t * keys = (int32_t *) ((char *) work + act_size(dense));
    int32_t * list = keys + sample.size;
    for (int64_t i = 0; i < sample.size; i++) {
        keys[i] = flash_head_key(logits[flash_head_sample_token(sample, i, V)]);
    }
    const float least = flash_head_score_of_key(flash_head_nth_best(keys, sample.size, sample.n_best, sample.slack));
    const int64_t n = flash_head_code_kernels_here()->reach(logits, 0, V, least, list);
    flash_head_dense_exact(dense, x, list, n, logits, work);
}
