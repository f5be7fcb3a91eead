#pragma once

#include "rows.h"

#include <cstdint>
#include <vector>

// Makes clusters of equal rows, which the search then skips. Real heads have some (tokens that were never trained).
// Otherwise their many equal centroids would fill the lists of candidates.
//
// sizes is what clusters shall have: sizes[0] clusters of size and sizes[1] clusters of size + 1 rows are still to be
// made. For each set of equal rows as many whole clusters are made as it fills; sizes is lowered. Returns their numbers,
// counted from 0, and -1 for the other rows: [n_rows].
std::vector<int32_t> flash_head_duplicates_deal(const flash_head_unit_rows * rows, flash_head_pool * pool,
        int64_t size, int64_t sizes[2]);
