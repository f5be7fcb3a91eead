#pragma once

// The driver's interface is not used: no virtual memory (GGML_CUDA_NO_VMM).
