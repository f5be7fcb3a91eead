#pragma once

// How the core's small functions are declared that kernels of GPUs call, too: these define it before they include them.

#ifndef FLASH_HEAD_FUNCTION
#define FLASH_HEAD_FUNCTION static inline
#endif
