#include "duplicates.h"

#include <algorithm>
#include <cstring>

// Mixes n bytes into a digest.
static uint64_t flash_head_digest(uint64_t digest, const void * data, size_t n) {
    uint64_t h = (digest ^ n)*0xff51afd7ed558ccdull;
    for (size_t i = 0; i < n; i += sizeof(uint64_t)) {
        uint64_t x = 0;
        memcpy(&x, (const uint8_t *) data + i, n - i < sizeof(x) ? n - i : sizeof(x));
        h = (h ^ x)*0xff51afd7ed558ccdull;
        h ^= h >> 32;
    }
    return h;
}

// A digest of each row's bytes: [n_rows].
static std::vector<uint64_t> flash_head_digests(const flash_head_unit_rows * rows, flash_head_pool * pool) {
    const int64_t n       = rows->n_rows;
    const int64_t n_block = 4096;
    std::vector<uint64_t> digests(n);
    flash_head_pool_run(pool, (n + n_block - 1)/n_block, [&](int, int64_t task) {
        for (int64_t i = task*n_block; i < std::min(n, (task + 1)*n_block); i++) {
            digests[i] = flash_head_digest(0, rows->row(i), rows->row_size());
        }
    });
    return digests;
}

std::vector<int32_t> flash_head_duplicates_deal(const flash_head_unit_rows * rows, flash_head_pool * pool,
        int64_t size, int64_t sizes[2]) {
    const int64_t n       = rows->n_rows;
    const size_t  n_bytes = rows->row_size();
    const std::vector<uint64_t> digests = flash_head_digests(rows, pool);

    std::vector<int32_t> order(n);
    for (int64_t i = 0; i < n; i++) {
        order[i] = (int32_t) i;
    }
    std::sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
        return digests[a] != digests[b] ? digests[a] < digests[b] : a < b;
    });

    std::vector<int32_t> cluster(n, -1);
    int32_t n_made = 0;
    std::vector<int32_t> equal;
    for (int64_t i0 = 0, i1; i0 < n; i0 = i1) {
        for (i1 = i0 + 1; i1 < n && digests[order[i1]] == digests[order[i0]]; i1++) {
        }
        if (i1 - i0 < size) {
            continue;
        }
        equal.clear();
        for (int64_t i = i0; i < i1; i++) {
            if (memcmp(rows->row(order[i]), rows->row(order[i0]), n_bytes) == 0) {
                equal.push_back(order[i]);
            }
        }
        for (size_t at = 0; ; ) {
            const int big = sizes[1] > 0 && (int64_t) (equal.size() - at) >= size + 1 ? 1 : 0;
            if (sizes[big] == 0 || (int64_t) (equal.size() - at) < size + big) {
                break;
            }
            for (int64_t k = 0; k < size + big; k++) {
                cluster[equal[at++]] = n_made;
            }
            sizes[big]--;
            n_made++;
        }
    }
    return cluster;
}
