#pragma once

#include "search.h"

#include <cstdint>
#include <vector>

// Gives every row a cluster, no cluster more rows than its capacity, so that the sum of the similarities is large.
//
// The core is an auction: places have prices, a row bids for the cluster where similarity minus price is best, offering
// what the place is worth more to it than its second choice, and the lowest bidder of a full cluster has to leave and bid elsewhere. Popular
// clusters become dear, and the rows that give way are those that lose least: a row is never stranded in a bad cluster
// only because it came late. What no listed cluster can take for a fair price is searched again among the free places.

// Assigns the rows listed in ids. best has the candidates of each; capacity [K] is the number of places of each cluster and
// must sum to at least ids.size(). n_candidates is how many centroids each row was compared with to make best: it sets the
// effort for leftovers. assigned [ids.size()] gets the clusters. centroids has K rows.
void flash_head_assign_balanced(flash_head_searcher * s, const flash_head_unit_rows * rows, const std::vector<int32_t> & ids, const flash_head_unit_rows * centroids,
        const flash_head_best * best, const std::vector<int32_t> & capacity, int64_t n_candidates, std::vector<int32_t> * assigned);
