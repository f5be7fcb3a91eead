#pragma once

// How many rows at once FlashHead is worth for. Host-independent.

#include "ggml.h"

#include <stdint.h>

const int32_t FLASH_HEAD_DEVICE_MAX_ROWS = 8;

// The most rows of one batch that are computed by retrieval unless the user says otherwise (FLASHHEAD_MAX_ROWS): above, the
// dense product, which reads the weight once for all rows, is the faster one. By the type of the head's weight, by whether
// its map has a sketch, and by mode (enum ggml_flash_head_mode).
// On the CPU; other devices compute as many rows in one go as FLASH_HEAD_DEVICE_MAX_ROWS.
int32_t flash_head_max_rows(ggml_type weight_type, bool sketch, int32_t mode);
