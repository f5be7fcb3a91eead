#pragma once

#include "rows.h"

#include <cstdint>
#include <vector>

// A digest of each row's bytes: [n_rows].
std::vector<uint64_t> flash_head_unit_rows_digests(const flash_head_unit_rows * rows, flash_head_pool * pool);

// Makes clusters of equal rows, which the search then skips. Real heads have some (tokens that were never trained).
// Otherwise their many equal centroids would fill the lists of candidates.
//
// digests are those of the rows. sizes is what clusters shall have: sizes[0] clusters of size and sizes[1] clusters of
// size + 1 rows are still to be made. For each set of equal rows as many whole clusters are made as it fills. cluster
// [n_rows] gets their numbers, counted from 0, and -1 for the other rows; sizes is lowered. Returns the number of
// clusters made.
int64_t flash_head_duplicates_deal(const flash_head_unit_rows * rows, const std::vector<uint64_t> & digests,
        int64_t size, int64_t sizes[2],
        std::vector<int32_t> * cluster);
