#include "search.h"

#include <algorithm>
#include <cmath>
#include <cstring>

// rows a task: a multiple of the 6 that ggml's kernel takes at once
static const int64_t FLASH_HEAD_BLOCK     = 192;
static const int64_t FLASH_HEAD_CHUNK     = 1024;    // centroids a product: its scores stay in the L2 cache

void flash_head_searcher_init(flash_head_searcher * s, flash_head_pool * pool, int64_t n_stride) {
    const int n_threads = flash_head_pool_n_threads(pool);
    s->pool     = pool;
    s->gathered = std::vector<flash_head_aligned_buffer>(n_threads);
    s->scores   = std::vector<flash_head_aligned_buffer>(n_threads);
    for (int i = 0; i < n_threads; i++) {
        s->matmul.push_back(flash_head_matmul_new());
        s->gathered[i].resize(FLASH_HEAD_BLOCK*n_stride*sizeof(uint16_t));
        s->scores  [i].resize(FLASH_HEAD_BLOCK*FLASH_HEAD_CHUNK*sizeof(float));
    }
}

// Merges n scores of one row into its best list: id [n_best] and score [n_best], sorted, best first.
static void flash_head_best_merge(const float * x, const int32_t * member, int64_t n, int n_best, int32_t * id,
        float * score) {
    float limit = score[n_best - 1];
    for (int64_t i0 = 0; i0 < n; i0 += 16) {
        const int64_t i1 = std::min(i0 + 16, n);
        if (i1 - i0 == 16) {
            // nearly every run of 16 fails here: a plain loop that vectorises
            float m[4] = { x[i0], x[i0 + 1], x[i0 + 2], x[i0 + 3] };
            for (int k = 4; k < 16; k += 4) {
                for (int l = 0; l < 4; l++) {
                    m[l] = x[i0 + k + l] > m[l] ? x[i0 + k + l] : m[l];
                }
            }
            if (!((m[0] > limit) | (m[1] > limit) | (m[2] > limit) | (m[3] > limit))) {
                continue;
            }
        }
        for (int64_t i = i0; i < i1; i++) {
            if (!(x[i] > limit) || member[i] < 0) {
                continue;
            }
            int p = n_best - 1;
            for (; p > 0 && x[i] > score[p - 1]; p--) {
                score[p] = score[p - 1];
                id   [p] = id   [p - 1];
            }
            score[p] = x[i];
            id   [p] = member[i];
            limit    = score[n_best - 1];
        }
    }
}

// Entries begin .. end - 1 of rows; member [n_rows] is what each entry is called in a list of best entries.
struct flash_head_entries {
    const flash_head_unit_rows * rows;
    const int32_t              * member;
    int64_t                      begin, end;
};

// Compares rows (n <= FLASH_HEAD_BLOCK, packed) with entries and merges into the lists of best entries at [rank[j]].
static void flash_head_compare(flash_head_searcher * s, int worker, const void * packed, int64_t n,
        const flash_head_entries & of, const int32_t * rank, flash_head_best * best) {
    float * scores = (float *) s->scores[worker].data;
    for (int64_t e = of.begin; e < of.end; e += FLASH_HEAD_CHUNK) {
        const int64_t n_e = std::min(FLASH_HEAD_CHUNK, of.end - e);
        const bool ok = flash_head_matmul_run(s->matmul[worker].get(), of.rows->type, of.rows->n_stride, of.rows->row(e), n_e,
                packed, n, scores);
        GGML_ASSERT(ok && "matrix product failed");
        for (int64_t j = 0; j < n; j++) {
            const size_t at = (size_t) rank[j]*best->n_best;
            flash_head_best_merge(scores + j*n_e, of.member + e, n_e, best->n_best, &best->id[at], &best->score[at]);
        }
    }
}

static void flash_head_best_clear(flash_head_best * best, size_t n_rows, int n_best) {
    best->n_best = n_best;
    best->id   .assign(n_rows*n_best, -1);
    best->score.assign(n_rows*n_best, -INFINITY);
}

// Compares the rows listed in ids with all entries.
static void flash_head_search_flat(flash_head_searcher * s, const flash_head_unit_rows * rows,
        const std::vector<int32_t> & ids,
        const flash_head_unit_rows * entries, const int32_t * member, flash_head_best * best) {
    const int64_t n_rows = ids.size();
    flash_head_pool_run(s->pool, (n_rows + FLASH_HEAD_BLOCK - 1)/FLASH_HEAD_BLOCK, [&](int worker, int64_t task) {
        const int64_t i0 = task*FLASH_HEAD_BLOCK;
        const int64_t n  = std::min(FLASH_HEAD_BLOCK, n_rows - i0);
        int32_t rank[FLASH_HEAD_BLOCK];
        for (int64_t j = 0; j < n; j++) {
            memcpy(s->gathered[worker].data + j*rows->row_size(), rows->row(ids[i0 + j]), rows->row_size());
            rank[j] = (int32_t) (i0 + j);
        }
        flash_head_compare(s, worker, s->gathered[worker].data, n, { entries, member, 0, entries->n_rows }, rank, best);
    });
}

// One step of spherical k-means of the centroids listed in ids: new centers from the groups given by best.
static void flash_head_centers_update(flash_head_searcher * s, const flash_head_unit_rows * centroids,
        const std::vector<int32_t> & ids,
        const std::vector<int32_t> & group, int n_groups, flash_head_unit_rows * centers) {
    flash_head_pool_run(s->pool, n_groups, [&](int, int64_t g) {
        std::vector<float> sum(centers->n_stride, 0.0f);
        std::vector<float> tmp(centers->n_stride);
        bool any = false;
        for (size_t i = 0; i < ids.size(); i++) {
            if (group[i] == g) {
                flash_head_unit_rows_get(centroids, ids[i], tmp.data());
                for (int64_t k = 0; k < centers->n_cols; k++) {
                    sum[k] += tmp[k];
                }
                any = true;
            }
        }
        if (any) {
            flash_head_unit_rows_set(centers, g, sum.data(), tmp.data());
        }
    });
}

void flash_head_groups_build(flash_head_searcher * s, const flash_head_unit_rows * centroids,
        const std::vector<int32_t> & ids,
        int64_t n_candidates, flash_head_groups * groups) {
    const int64_t n        = ids.size();
    const int     n_groups = n_candidates >= n ? 1 : std::max(1, (int) std::lround(std::sqrt((double) n)));

    std::vector<int32_t> group(n, 0);
    if (n_groups > 1) {
        const bool    warm     = groups->n_groups == n_groups;
        const int64_t n_padded = GGML_PAD(n_groups, 16);
        if (!warm) {
            flash_head_unit_rows_init(&groups->centers, centroids->type, n_padded, centroids->n_cols);
            memset(groups->centers.buffer.data, 0, groups->centers.buffer.size);
            for (int64_t g = 0; g < n_groups; g++) {
                memcpy(groups->centers.row(g), centroids->row(ids[g*n/n_groups]), centroids->row_size());
            }
        }
        std::vector<int32_t> number(n_padded, -1);
        for (int g = 0; g < n_groups; g++) {
            number[g] = g;
        }
        flash_head_best nearest;
        for (int step = warm ? 4 : 0; step < 6; step++) {
            flash_head_best_clear(&nearest, n, 1);
            flash_head_search_flat(s, centroids, ids, &groups->centers, number.data(), &nearest);
            for (int64_t i = 0; i < n; i++) {
                group[i] = std::max(0, nearest.id[i]);
            }
            flash_head_centers_update(s, centroids, ids, group, n_groups, &groups->centers);
        }
    }
    groups->n_groups = n_groups;

    // entries in order of group, each group filled up to a multiple of 16
    std::vector<int64_t> count(n_groups, 0);
    for (int64_t i = 0; i < n; i++) {
        count[group[i]]++;
    }
    groups->first.assign(n_groups + 1, 0);
    for (int g = 0; g < n_groups; g++) {
        groups->first[g + 1] = groups->first[g] + GGML_PAD(count[g], 16);
    }
    const int64_t n_entries = groups->first[n_groups];
    groups->member.assign(n_entries, -1);
    std::vector<int64_t> next(groups->first.begin(), groups->first.end() - 1);
    for (int64_t i = 0; i < n; i++) {
        groups->member[next[group[i]]++] = ids[i];
    }
    if (groups->centroids.n_rows != n_entries || groups->centroids.type != centroids->type
            || groups->centroids.n_cols != centroids->n_cols) {
        flash_head_unit_rows_init(&groups->centroids, centroids->type, n_entries, centroids->n_cols);
    }
    for (int64_t e = 0; e < n_entries; e++) {
        if (groups->member[e] >= 0) {
            memcpy(groups->centroids.row(e), centroids->row(groups->member[e]), centroids->row_size());
        } else {
            memset(groups->centroids.row(e), 0, centroids->row_size());
        }
    }
}

void flash_head_search(flash_head_searcher * s, const flash_head_unit_rows * rows, const std::vector<int32_t> & ids,
        const flash_head_groups * groups,
        int64_t n_candidates, int n_best, flash_head_best * best) {
    const int64_t n_rows   = ids.size();
    const int     n_groups = groups->n_groups;
    flash_head_best_clear(best, n_rows, n_best);
    if (n_groups == 1) {
        flash_head_search_flat(s, rows, ids, &groups->centroids, groups->member.data(), best);
        return;
    }

    // the groups that each row visits, nearest first
    const int64_t n_entries = groups->first[n_groups];
    const int     n_slots   = (int) std::min<int64_t>(n_groups,
            4 + 3*n_candidates*n_groups/(2*std::max<int64_t>(1, n_entries)));
    std::vector<int32_t> number(groups->centers.n_rows, -1);
    for (int g = 0; g < n_groups; g++) {
        number[g] = g;
    }
    flash_head_best visits;
    flash_head_best_clear(&visits, n_rows, n_slots);
    flash_head_search_flat(s, rows, ids, &groups->centers, number.data(), &visits);
    for (int64_t i = 0; i < n_rows; i++) {
        int64_t met = 0;
        for (int k = 0; k < n_slots; k++) {
            int32_t & g = visits.id[i*n_slots + k];
            const int64_t n = g < 0 ? 0 : groups->first[g + 1] - groups->first[g];
            // a group is visited if that brings the number met nearer to n_candidates
            if (g < 0 || (k > 0 && met + n/2 > n_candidates)) {
                std::fill(&g, &visits.id[i*n_slots] + n_slots, -1);
                break;
            }
            met += n;
        }
    }

    // One visit of every row at a time: a row is then in one task only, and its list needs no lock.
    struct block { int32_t group; int64_t i0; int64_t i1; };
    std::vector<int64_t> first(n_groups + 1);
    std::vector<int32_t> order(n_rows);    // positions in ids, sorted by the group visited
    for (int k = 0; k < n_slots; k++) {
        std::fill(first.begin(), first.end(), 0);
        for (int64_t i = 0; i < n_rows; i++) {
            const int32_t g = visits.id[i*n_slots + k];
            if (g >= 0) {
                first[g + 1]++;
            }
        }
        for (int g = 0; g < n_groups; g++) {
            first[g + 1] += first[g];
        }
        if (first[n_groups] == 0) {
            break;
        }
        std::vector<int64_t> next(first.begin(), first.end() - 1);
        for (int64_t i = 0; i < n_rows; i++) {
            const int32_t g = visits.id[i*n_slots + k];
            if (g >= 0) {
                order[next[g]++] = (int32_t) i;
            }
        }
        std::vector<block> blocks;
        for (int g = 0; g < n_groups; g++) {
            for (int64_t i = first[g]; i < first[g + 1]; i += FLASH_HEAD_BLOCK) {
                blocks.push_back({ g, i, std::min(i + FLASH_HEAD_BLOCK, first[g + 1]) });
            }
        }
        flash_head_pool_run(s->pool, blocks.size(), [&](int worker, int64_t task) {
            const block & b = blocks[task];
            const int64_t n = b.i1 - b.i0;
            for (int64_t j = 0; j < n; j++) {
                memcpy(s->gathered[worker].data + j*rows->row_size(), rows->row(ids[order[b.i0 + j]]),
                        rows->row_size());
            }
            const flash_head_entries of = {
                &groups->centroids, groups->member.data(), groups->first[b.group], groups->first[b.group + 1],
            };
            flash_head_compare(s, worker, s->gathered[worker].data, n, of, &order[b.i0], best);
        });
    }
}
