#include "flash-head-max-rows.h"

#include "ggml-flash-head.h"

namespace {

struct limits {
    ggml_type type;
    int32_t   top, codes, sample; // best clusters, best estimates by codes, clusters that are drawn
};

// Measured by `bench-flash-head --type TYPE --batch N --threads 2`, plain and with codes, on heads of 32000 x 256,
// 262144 x 640, 151936 x 1024 and 128256 x 2048 (docs/benchmarks.md): with weights of 16 or 32 bits the dense product
// catches up at 64 rows, with quantised ones at no number up to 128. It catches up earlier where there are more
// processors to share its work, so that half of that is the limit; 8 where nothing was measured.
const limits OTHERS = { GGML_TYPE_COUNT, 8, 8, 8 };

const limits LIMITS[] = {
    { GGML_TYPE_F32,  32, 32, 8 },
    { GGML_TYPE_F16,  32, 32, 8 },
    { GGML_TYPE_BF16, 32, 32, 8 },
    { GGML_TYPE_Q8_0, 64, 64, 8 },
    { GGML_TYPE_Q6_K, 64, 64, 8 },
    { GGML_TYPE_Q5_K, 64, 64, 8 },
    { GGML_TYPE_Q4_K, 64, 64, 8 },
    { GGML_TYPE_Q4_0, 64, 64, 8 },
};

} // namespace

int32_t flash_head_max_rows(ggml_type weight_type, bool codes, int32_t mode) {
    const limits * found = &OTHERS;
    for (const limits & l : LIMITS) {
        if (l.type == weight_type) {
            found = &l;
        }
    }
    if (mode == GGML_FLASH_HEAD_SAMPLE) {
        return found->sample;
    }
    return codes ? found->codes : found->top;
}
