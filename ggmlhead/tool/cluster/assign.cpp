#include "assign.h"

#include <algorithm>
#include <cmath>
#include <deque>

// State of one auction: the places of cluster c are [first[c], first[c + 1]).
struct flash_head_auction {
    std::vector<int64_t> first;
    std::vector<int32_t> count;     // places taken
    std::vector<int32_t> holder;    // position in best of the row that holds a place
    std::vector<float>   bid;       // what it bid
    std::vector<float>   price;     // of a cluster: 0 while it has a free place, else its lowest bid
    std::vector<int32_t> lowest;    // the place with that bid
};

// The price of cluster c after a change of its places. Of equal bids the first place is the lowest.
static void flash_head_auction_reprice(flash_head_auction * a, int32_t c) {
    const int64_t p0 = a->first[c];
    if (a->count[c] < a->first[c + 1] - p0) {
        return;
    }
    int64_t low = p0;
    for (int64_t p = p0 + 1; p < a->first[c + 1]; p++) {
        if (a->bid[p] < a->bid[low]) {
            low = p;
        }
    }
    a->price [c] = a->bid[low];
    a->lowest[c] = (int32_t) low;
}

// Auctions the places among all rows of best; assigned gets a cluster or -1. step > 0 is the least raise of a bid;
// patience is how far below its last listed score a row bids before it leaves. Both are in units of cosine.
static void flash_head_auction_run(const flash_head_best * best, const std::vector<int32_t> & capacity, float step, float patience,
        std::vector<int32_t> * assigned) {
    const int64_t n_clusters = capacity.size();
    const int     n_best     = best->n_best;
    const int64_t n_rows     = best->id.size()/n_best;

    flash_head_auction a;
    a.first.assign(n_clusters + 1, 0);
    for (int64_t c = 0; c < n_clusters; c++) {
        a.first[c + 1] = a.first[c] + capacity[c];
    }
    a.count .assign(n_clusters, 0);
    a.price .assign(n_clusters, 0.0f);
    a.lowest.assign(n_clusters, -1);
    a.holder.assign(a.first[n_clusters], -1);
    a.bid   .assign(a.first[n_clusters], 0.0f);
    for (int64_t c = 0; c < n_clusters; c++) {
        if (capacity[c] == 0) {
            a.price[c] = INFINITY;
        }
    }
    assigned->assign(n_rows, -1);

    std::deque<int32_t> queue;
    for (int64_t i = 0; i < n_rows; i++) {
        queue.push_back((int32_t) i);
    }
    while (!queue.empty()) {
        const int32_t i = queue.front();
        queue.pop_front();

        const int32_t * id    = &best->id   [(int64_t) i*n_best];
        const float   * score = &best->score[(int64_t) i*n_best];
        int n = n_best;
        while (n > 0 && id[n - 1] < 0) {
            n--;
        }
        // starting at a different candidate for each row shares out those that are exactly equal
        int   c1 = -1;
        float v1 = -INFINITY;
        float v2 = -INFINITY;
        for (int k = 0, at = n > 0 ? i % n : 0; k < n; k++, at = at + 1 == n ? 0 : at + 1) {
            const float v = score[at] - a.price[id[at]];
            if (v > v1) {
                v2 = v1;
                v1 = v;
                c1 = at;
            } else if (v > v2) {
                v2 = v;
            }
        }
        const float leave = n > 0 ? score[n - 1] - patience : 0.0f;
        if (c1 < 0 || !(v1 >= leave)) {
            continue;    // left over
        }
        const int32_t c = id[c1];
        const float   b = score[c1] - std::max(v2, leave) + step;
        int64_t place;
        if (a.count[c] < capacity[c]) {
            place = a.first[c] + a.count[c]++;
        } else {
            place = a.lowest[c];
            (*assigned)[a.holder[place]] = -1;
            queue.push_back(a.holder[place]);
        }
        a.holder[place] = i;
        a.bid   [place] = b;
        (*assigned)[i]  = c;
        flash_head_auction_reprice(&a, c);
    }
}

// Gives places away in order of similarity (to a 65536th of the range of scores; of equal pairs the first listed);
// assigned gets a cluster or -1.
static void flash_head_greedy_run(const flash_head_best * best, const std::vector<int32_t> & capacity, std::vector<int32_t> * assigned) {
    const int64_t n      = best->id.size();
    float         lowest = INFINITY;
    float         top    = -INFINITY;
    for (int64_t e = 0; e < n; e++) {
        if (best->id[e] >= 0) {
            lowest = std::min(lowest, best->score[e]);
            top    = std::max(top,    best->score[e]);
        }
    }
    // counting sort, best score first
    const int   n_buckets = 1 << 16;
    const float scale     = top > lowest ? (n_buckets - 1)/(top - lowest) : 0.0f;
    auto bucket = [&](int64_t e) { return (int) ((top - best->score[e])*scale); };
    std::vector<int64_t> next(n_buckets + 1, 0);
    for (int64_t e = 0; e < n; e++) {
        if (best->id[e] >= 0) {
            next[bucket(e) + 1]++;
        }
    }
    for (int b = 0; b < n_buckets; b++) {
        next[b + 1] += next[b];
    }
    std::vector<int64_t> order(next[n_buckets]);
    for (int64_t e = 0; e < n; e++) {
        if (best->id[e] >= 0) {
            order[next[bucket(e)]++] = e;
        }
    }
    std::vector<int32_t> places = capacity;
    assigned->assign(n/best->n_best, -1);
    for (int64_t e : order) {
        const int64_t i = e/best->n_best;
        const int32_t c = best->id[e];
        if ((*assigned)[i] < 0 && places[c] > 0) {
            (*assigned)[i] = c;
            places[c]--;
        }
    }
}

// Mean difference between a row's first and last listed score, in units of cosine.
static float flash_head_best_spread(const flash_head_best * best) {
    const int64_t n_rows = best->id.size()/best->n_best;
    double sum = 0.0;
    int64_t n = 0;
    for (int64_t i = 0; i < n_rows; i++) {
        const int64_t e = i*best->n_best;
        int last = best->n_best - 1;
        while (last > 0 && best->id[e + last] < 0) {
            last--;
        }
        if (best->id[e] >= 0) {
            sum += best->score[e] - best->score[e + last];
            n++;
        }
    }
    return n > 0 ? (float) (sum/n) : 0.0f;
}

void flash_head_assign_balanced(flash_head_searcher * s, const flash_head_unit_rows * rows, const std::vector<int32_t> & ids, const flash_head_unit_rows * centroids,
        const flash_head_best * best, const std::vector<int32_t> & capacity, int64_t n_candidates, std::vector<int32_t> * assigned) {
    const int64_t n_rows = ids.size();
    const int     n_best = best->n_best;

    const float spread = flash_head_best_spread(best);
    const float step   = std::max(spread/10.0f, 1e-6f);

    std::vector<int32_t> places = capacity;    // still free
    std::vector<int32_t> left;                 // positions in ids still without a cluster
    assigned->assign(n_rows, -1);
    for (int64_t i = 0; i < n_rows; i++) {
        left.push_back((int32_t) i);
    }

    flash_head_best             again;
    flash_head_groups           groups;
    std::vector<int32_t> got;
    for (int round = 0; !left.empty(); round++) {
        const flash_head_best * lists = best;
        if (round > 0) {
            std::vector<int32_t> open;
            for (size_t c = 0; c < places.size(); c++) {
                if (places[c] > 0) {
                    open.push_back((int32_t) c);
                }
            }
            std::vector<int32_t> left_ids;
            for (int32_t i : left) {
                left_ids.push_back(ids[i]);
            }
            // all free places if that is at most half the work of the first search, else in groups again
            const int64_t n_all  = open.size();
            const bool    few    = (double) left.size()*n_all <= 0.5*n_rows*n_candidates;
            const int64_t n_cand = few ? n_all : n_candidates/2;
            groups.n_groups = 0;
            flash_head_groups_build(s, centroids, open, n_cand, &groups);
            flash_head_search(s, rows, left_ids, &groups, n_cand, n_best, &again);
            lists = &again;
        }
        // an auction leaves some over each time; best pairs first always ends
        if (round >= 4) {
            flash_head_greedy_run(lists, places, &got);
        } else {
            flash_head_auction_run(lists, places, step, spread, &got);
        }
        std::vector<int32_t> rest;
        for (size_t j = 0; j < left.size(); j++) {
            if (got[j] >= 0) {
                (*assigned)[left[j]] = got[j];
                places[got[j]]--;
            } else {
                rest.push_back(left[j]);
            }
        }
        left.swap(rest);
    }
}
