"""What a faster clustering costs: clusterings of one head compared by objective and by what they reach at equal P.

    llama-flashhead cluster --model MODEL.gguf --tensor NAME --seed 1 --out fast.u32
    llama-flashhead cluster --model MODEL.gguf --tensor NAME --seed 1 --candidates K --out plain.u32
    python clustering.py MODEL.gguf NAME fast.u32 plain.u32 [--hidden hidden.npy]

With --candidates K, the number of clusters, every row is compared with all centroids in every iteration, which is plain
(balanced) Lloyd; without it with as many as are affordable, which for a small head is all of them too, so that a smaller number
shows what the search loses there. Hidden states come from hidden.py. Without them, for heads of heads.py, each is the
sum of 100 rows, less the mean row and of unit length, drawn at random, the k-th with weight 1/sqrt(k): so the best tokens lie in many clusters. Needs
numpy and gguf.
"""

import argparse

import numpy as np
from gguf import GGUFReader, dequantize

from codes import q4_0

TOP = 40


def sums_of_rows(W, n):
    rng = np.random.default_rng(7)
    H = np.zeros((n, W.shape[1]), np.float32)
    mean = W.mean(0)
    for k in range(1, 101):
        rows = W[rng.integers(0, len(W), n)] - mean
        H += rows / np.linalg.norm(rows, axis=1, keepdims=True) / np.sqrt(k, dtype=np.float32)
    return H


def objective(W, cluster, K):
    """Mean of 1 - cosine(row, mean of its cluster's unit-length rows)."""
    sums = np.zeros((K, W.shape[1]), np.float32)
    length = np.maximum(np.linalg.norm(W, axis=1, keepdims=True), 1e-30)
    for begin in range(0, len(W), 8192):
        np.add.at(sums, cluster[begin:begin + 8192], W[begin:begin + 8192] / length[begin:begin + 8192])
    return 1 - np.linalg.norm(sums.astype(np.float64), axis=1).sum() / len(W)


def centroids(W, cluster, K):
    sums = np.zeros((K, W.shape[1]), np.float32)
    np.add.at(sums, cluster, W)
    return q4_0(sums / np.bincount(cluster, minlength=K)[:, None])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("tensor")
    parser.add_argument("clusters", nargs="+", help="files that llama-flashhead cluster wrote")
    parser.add_argument("--hidden", help="hidden states [n, D]")
    parser.add_argument("--positions", type=int, default=2000, help="at most so many of them")
    args = parser.parse_args()

    tensor = next(t for t in GGUFReader(args.model).tensors if t.name == args.tensor)
    W = dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
    H = np.load(args.hidden)[-args.positions:] if args.hidden else sums_of_rows(W, args.positions)

    best = np.zeros((len(H), TOP), np.int64)
    for begin in range(0, len(H), 256):
        logits = H[begin:begin + 256] @ W.T
        part = np.argpartition(logits, -TOP, axis=1)[:, -TOP:]
        order = np.argsort(-np.take_along_axis(logits, part, 1), axis=1)
        best[begin:begin + 256] = np.take_along_axis(part, order, 1)

    print(f"{len(W)} rows of {W.shape[1]}, {len(H)} positions; best token, best 5 and best {TOP} in the P best clusters, %")
    for path in args.clusters:
        cluster = np.fromfile(path, "<u4").astype(np.int64)
        K = int(cluster.max()) + 1
        C = centroids(W, cluster, K)
        line = f"{path}: K = {K}, objective {objective(W, cluster, K):.5f}"
        scores = np.concatenate([H[begin:begin + 256] @ C.T for begin in range(0, len(H), 256)])
        for P in (K // 16, max(K // 16, min(256, K // 8))):
            limit = np.partition(scores, -P, axis=1)[:, -P][:, None]
            reached = np.take_along_axis(scores, cluster[best], 1) >= limit
            line += f"; P = {P}: {100 * reached[:, 0].mean():.2f} {100 * reached[:, :5].mean():.2f} {100 * reached.mean():.2f}"
            if P >= 256:
                break
        print(line, flush=True)


if __name__ == "__main__":
    main()
