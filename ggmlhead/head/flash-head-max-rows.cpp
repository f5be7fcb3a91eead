#include "flash-head-max-rows.h"

#include "ggml-flash-head.h"

namespace {

struct limits {
    ggml_type type;
    int32_t   top, sketch, sample; // best clusters, best estimates of a sketch, clusters that are drawn
};

// 8 where nothing was measured. `go run ./integration/batches MODEL` measures it: the last number of sequences at which
// FlashHead is not slower than the dense head.
const limits OTHERS = { GGML_TYPE_COUNT, 8, 8, 8 };

const limits LIMITS[] = {
    { GGML_TYPE_F32,  8, 8, 8 },
    { GGML_TYPE_F16,  8, 8, 8 },
    { GGML_TYPE_BF16, 8, 8, 8 },
    { GGML_TYPE_Q8_0, 8, 8, 8 },
    { GGML_TYPE_Q6_K, 8, 8, 8 },
    { GGML_TYPE_Q5_K, 8, 8, 8 },
    { GGML_TYPE_Q4_K, 8, 8, 8 },
    { GGML_TYPE_Q4_0, 8, 8, 8 },
};

} // namespace

int32_t flash_head_max_rows(ggml_type weight_type, bool sketch, int32_t mode) {
    const limits * found = &OTHERS;
    for (const limits & l : LIMITS) {
        if (l.type == weight_type) {
            found = &l;
        }
    }
    if (mode == GGML_FLASH_HEAD_SAMPLE) {
        return found->sample;
    }
    return sketch ? found->sketch : found->top;
}
