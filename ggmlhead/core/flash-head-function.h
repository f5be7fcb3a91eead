#pragma once

// The specifiers of small functions that GPU kernels call too. Kernels define it before they include the core's
// headers.

#ifndef FLASH_HEAD_FUNCTION
#define FLASH_HEAD_FUNCTION static inline
#endif
