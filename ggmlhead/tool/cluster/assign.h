#pragma once

#include "search.h"

#include <cstdint>
#include <vector>

// Assigns every row to a cluster within the clusters' capacities, so that the sum of the similarities is large.
//
// The core is an auction. Places have prices. A row bids for the cluster with the largest similarity minus price, by
// the margin over its second choice. The lowest bidder of a full cluster must leave and bid elsewhere. So popular
// clusters become expensive, and the rows that leave are those that lose least. Rows that no listed cluster takes for a
// fair price are searched again among the free places.

// Assigns the rows listed in ids. best has the candidates of each; capacity [K] is the number of places of each cluster
// and must sum to at least ids.size(). n_candidates is how many centroids each row was compared with to make best: it
// sets the effort for leftovers. assigned [ids.size()] gets the clusters. centroids has K rows.
void flash_head_assign_balanced(flash_head_searcher * s, const flash_head_unit_rows * rows,
        const std::vector<int32_t> & ids, const flash_head_unit_rows * centroids,
        const flash_head_best * best, const std::vector<int32_t> & capacity, int64_t n_candidates,
        std::vector<int32_t> * assigned);
