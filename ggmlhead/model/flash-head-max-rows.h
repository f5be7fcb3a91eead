#pragma once

// Up to which batch size FlashHead pays. Host-independent.

#include "ggml.h"

#include <stdint.h>

const int32_t FLASH_HEAD_DEVICE_MAX_ROWS = 8;

// The default of FLASHHEAD_MAX_ROWS: larger batches run dense, because the dense product reads the weight once for all
// rows. Depends on the weight's type, on codes and on the mode (enum ggml_flash_head_mode). For the CPU; other devices
// use FLASH_HEAD_DEVICE_MAX_ROWS.
int32_t flash_head_max_rows(ggml_type weight_type, bool codes, int32_t mode);
