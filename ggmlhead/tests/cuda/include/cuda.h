#pragma once

// Empty: the driver's API is not used without virtual memory (GGML_CUDA_NO_VMM).
