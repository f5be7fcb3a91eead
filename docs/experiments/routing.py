"""What decides which tokens an output head scores exactly, and what the others get: the variants that were tried.

    python hidden.py MODEL.gguf TEXT --server LLAMA_SERVER --out hidden.npy
    python routing.py CONVERTED.gguf [CONVERTED-32.gguf ...] --hidden hidden.npy --calibration other.npy [--sampling]

CONVERTED.gguf holds the clusters (fh-ollama convert); further files hold larger ones of the same model. All variants read the
same number of bytes as plain FlashHead with P = K/16 of the first file. This is a numerical experiment in floats, so that
variants cost a few lines: the kernel's own figures come from `fh-ollama eval`. Needs numpy and gguf. See docs/accuracy.md.
"""

import argparse

import numpy as np
from gguf import GGUFReader, dequantize

TOP = 40


def round4(x):
    """Rounds rows to 4 bits with one scale, as the sketch does."""
    most = np.take_along_axis(x, np.abs(x).argmax(1)[:, None], 1)
    scale = np.where(most == 0, 1, most / -8)
    return (np.clip(np.round(x / scale), -8, 7) * scale).astype(np.float32)


def q4_0(x):
    """Rounds to ggml's q4_0: blocks of 32 with a scale."""
    return round4(x.reshape(-1, 32)).reshape(x.shape)


class Clusters:
    """The clusters of one converted file: rows W [V, D], cluster of each token A [V], mean and rounded centroids [K, D]."""

    def __init__(self, path, W):
        reader = GGUFReader(path)
        field = reader.fields["flashhead.assignments"]
        self.A = np.array([field.parts[i][0] for i in field.data], np.int64)
        self.K = int(self.A.max()) + 1
        self.size = np.bincount(self.A, minlength=self.K)
        self.mean = np.zeros((self.K, W.shape[1]), np.float32)
        np.add.at(self.mean, self.A, W)
        self.mean /= self.size[:, None]
        self.C = q4_0(self.mean)
        self.R = W - self.mean[self.A]
        self.order = np.argsort(self.A, kind="stable")
        self.start = np.concatenate([[0], np.cumsum(self.size)[:-1]])
        pinned = reader.fields["flashhead.pinned_tokens"]
        self.pinned = np.array([pinned.parts[i][0] for i in pinned.data], np.int64)

    def most(self, E):
        """The greatest of E [n, V] in each cluster: [n, K]."""
        return np.maximum.reduceat(E[:, self.order], self.start, axis=1)

    def logsumexp(self, E):
        most = self.most(E)
        parts = np.exp(E[:, self.order] - np.repeat(most, self.size, axis=1))
        return most + np.log(np.add.reduceat(parts, self.start, axis=1))


def moment(H, shrink=0.02):
    """Second moment of hidden states [n, D], shrunk towards a multiple of the unit matrix."""
    C = (H.T @ H / len(H)).astype(np.float64)
    return (1 - shrink) * C + shrink * np.trace(C) / len(C) * np.eye(len(C))


def directions(R, C, rank):
    """The sketch's directions [D, rank] for rows and for activations: the best rank-r estimate of R x under E[x x'] = C."""
    L = np.linalg.cholesky(C)
    _, V = np.linalg.eigh(L.T @ (R.T @ R).astype(np.float64) @ L)
    V = V[:, ::-1][:, :rank]
    return (L @ V).astype(np.float32), np.linalg.solve(L.T, V).astype(np.float32)


def best(scores, n):
    """Marks the n best of every row."""
    if n >= scores.shape[1]:
        return np.ones(scores.shape, bool)
    n = max(n, 1)
    return scores >= np.partition(scores, -n, axis=1)[:, -n][:, None]


def log_softmax(L):
    L = L - L.max(1, keepdims=True)
    return L - np.log(np.exp(L).sum(1, keepdims=True))


class Dense:
    """The dense head's logits of a batch, and what they are compared by."""

    def __init__(self, H, W):
        self.H, self.L = H, H @ W.T
        self.logp = log_softmax(self.L)
        self.p = np.exp(self.logp)
        self.first = self.L.argmax(1)
        self.top = np.argpartition(-self.L, TOP, axis=1)[:, :TOP]

    def judge(self, scored, background):
        Q = np.where(scored, self.L, background)
        return np.array([
            (Q.argmax(1) == self.first).mean(),
            np.take_along_axis(scored, self.top, 1).mean(),
            (self.p * (self.logp - log_softmax(Q))).sum(1).mean(),
        ])


def plain(c, P, W, pins=None, rank=None, offset=None, select=None):
    """Clusters chosen by the scores of their centroids. rank(S) makes what they are ranked by from their scores S."""
    pins = c.pinned if pins is None else np.union1d(c.pinned, pins)

    def run(d):
        S = d.H @ c.C.T
        scored = best(S if rank is None else rank(S), P)[:, c.A]
        scored[:, pins] = True
        return scored, S[:, c.A] if offset is None else S[:, c.A] + offset
    return run


def sketched(c, G, B, N, tokens=True, part=1.0, pins=None, offset=None):
    """The sketch: its N best tokens, or whole clusters; for the best `part` of the clusters only, the rest without it."""
    F = round4(c.R @ G)
    pins = c.pinned if pins is None else np.union1d(c.pinned, pins)

    def run(d):
        S = d.H @ c.C.T
        E = S[:, c.A] + (d.H @ B) @ F.T
        if offset is not None:
            E = E + offset
        if part < 1:
            near = best(S, int(c.K * part))[:, c.A]
            chosen, E = np.where(near, E, -np.inf), np.where(near, E, S[:, c.A])
        else:
            chosen = E
        scored = best(chosen, N) if tokens else best(c.most(E), N)[:, c.A]
        scored[:, pins] = True
        return scored, E
    return run


def worth_pinning(c, P, W, H, n):
    """The tokens whose probability is missed most by plain FlashHead on hidden states H."""
    missed = np.zeros(len(W))
    for i in range(0, len(H), 200):
        d = Dense(H[i:i + 200], W)
        scored, _ = plain(c, P, W)(d)
        missed += (d.p * ~scored).sum(0)
    return np.argsort(-missed)[:n]


def second_homes(c, W):
    """For each token the nearest other cluster by cosine."""
    unit = c.mean / np.linalg.norm(c.mean, axis=1, keepdims=True)
    out = np.zeros(len(W), np.int64)
    for i in range(0, len(W), 2000):
        near = W[i:i + 2000] @ unit.T
        near[np.arange(len(near)), c.A[i:i + 2000]] = -np.inf
        out[i:i + 2000] = near.argmax(1)
    return out


def sketch_rank(D):
    """The rank that fh-ollama chooses."""
    return max(8, min(32, round(D * 3 / 32 / 8) * 8))


def variants(files, W, calibration, row, centroid):
    """Name -> function of a batch; every one reads the bytes of plain K/16 at most. row, centroid: bytes of one."""
    c = files[0]
    V, D = W.shape
    P = c.K // 16
    budget = c.K * centroid + P * 16 * row
    hbar = calibration.mean(0)
    b = c.R @ hbar
    lse, most = c.logsumexp(b[None])[0], c.most(b[None])[0]
    norm = np.linalg.norm(c.mean, axis=1)
    far = np.argsort(-np.linalg.norm(c.R, axis=1))
    C = moment(calibration)
    variance = ((c.R @ np.linalg.cholesky(C).astype(np.float32)) ** 2).sum(1)
    spread = np.bincount(c.A, variance, c.K) / c.size
    offset_bytes = V  # one byte a token
    clusters_less = int(np.ceil(offset_bytes / (16 * row)))
    out = {"plain: mean centroids, background = score": plain(c, P, W)}
    out["unit-length centroids choose, mean centroids are the background"] = plain(c, P, W, rank=lambda S: S / norm)
    out["background + half the variance of a cluster's logits"] = plain(c, P, W, offset=(spread / 2)[c.A])
    out["token offsets b: background + b, clusters by logsumexp of b"] = plain(c, P - clusters_less, W, rank=lambda S: S + lse, offset=b)
    out["token offsets b: background + b, clusters by maximum of b"] = plain(c, P - clusters_less, W, rank=lambda S: S + most, offset=b)
    for n in (64, 1024):
        out[f"{n} rows far from their centroid pinned"] = plain(c, P - n // 16, W, pins=far[:n])
    for n in (64, 1024):
        if P > n // 16:
            out[f"{n} tokens pinned by calibration"] = plain(c, P - n // 16, W, pins=worth_pinning(c, P, W, calibration[::7][:3000], n))
    home = second_homes(c, W)

    def two_homes(d):
        S = d.H @ c.C.T
        chosen = best(S, P // 2)
        scored = chosen[:, c.A] | chosen[:, home]
        scored[:, c.pinned] = True
        return scored, S[:, c.A]
    out["two homes a token, half the clusters"] = two_homes

    narrow = sketch_rank(D)
    for f in files:
        m = round(V / f.K)
        left = lambda rank, part=1.0: (budget - f.K * centroid - part * V * (rank / 2 + 2)) / row
        ranks = sorted({16, narrow, 32})
        for rank in [r for r in ranks if left(r) > 64]:
            G, B = directions(f.R, C, rank)
            N = int(left(rank))
            if m == 16:
                out[f"sketch of rank {rank} chooses clusters"] = sketched(f, G, B, N // 16, tokens=False)
            out[f"sketch of rank {rank} chooses tokens, clusters of {m}"] = sketched(f, G, B, N)
            if rank == narrow:
                bb = f.R @ hbar - (f.R @ G) @ (B.T @ hbar)
                N1 = int(N - V / row)
                if N1 > 64:
                    out[f"the same + offsets of what it leaves, clusters of {m}"] = sketched(f, G, B, N1, offset=bb)
                out[f"the same for the nearest half of the clusters, clusters of {m}"] = sketched(f, G, B, int(left(rank, 0.5)), part=0.5)
                G, B = directions(f.R, np.eye(D), rank)
                out[f"the same without calibration, clusters of {m}"] = sketched(f, G, B, N)
    return out, budget


def sampling(files, W, H, calibration, row, centroid, draws=16, seed=1):
    """Clusters taken from the top against clusters drawn, and against the sketch, at equal bytes: KLD from the dense distribution
    at temperature T of the one that a token is drawn from; for drawn clusters after one draw, and over draws."""
    rng = np.random.default_rng(seed)
    c, f = files[0], files[-1]
    rank = sketch_rank(W.shape[1])
    G, B = directions(f.R, moment(calibration), rank)
    for P in (c.K // 16, c.K // 8):
        N = int((c.K * centroid + P * 16 * row - f.K * centroid - len(W) * (rank / 2 + 2)) / row)
        estimate = sketched(f, G, B, N)
        for T in (1.0, 0.8):
            sums = np.zeros(4)
            for i in range(0, len(H), 100):
                d = Dense(H[i:i + 100], W)
                S = d.H @ c.C.T
                logp = log_softmax(d.L / T)
                p = np.exp(logp)

                def kld(logq):
                    return (p * (logp - logq)).sum(1).sum()

                def q(scored, background):
                    return log_softmax(np.where(scored, d.L, background) / T)

                def by_clusters(chosen):
                    scored = chosen[:, c.A]
                    scored[:, c.pinned] = True
                    return q(scored, S[:, c.A])
                mixed, single = 0, 0
                for _ in range(draws):
                    logq = by_clusters(best(S / T + rng.gumbel(size=S.shape).astype(np.float32), P))
                    single += kld(logq) / draws
                    mixed = mixed + np.exp(logq) / draws
                sums += kld(by_clusters(best(S, P))), single, kld(np.log(mixed)), kld(q(*estimate(d)))
            top, one, mean, sketch = sums / len(H)
            print(f"| {P} | {T} | {top:.4f} | {one:.4f} | {mean:.4f} | {sketch:.4f} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", help="converted files of one model, clusters of 16 first")
    parser.add_argument("--hidden", required=True, help="hidden states [n, D] to judge by")
    parser.add_argument("--calibration", required=True, help="hidden states [n, D] of other text")
    parser.add_argument("--positions", type=int, default=2000, help="how many to judge by, evenly spread")
    parser.add_argument("--only", default="", help="variants whose name has this")
    parser.add_argument("--sampling", action="store_true", help="compare top and sample instead")
    args = parser.parse_args()

    tensors = {t.name: t for t in GGUFReader(args.models[0]).tensors}
    tensor = tensors.get("output.weight", tensors["token_embd.weight"])
    W = dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
    row = tensor.n_bytes // len(W)
    H = np.load(args.hidden)
    H = H[:: max(1, len(H) // args.positions)][: args.positions]
    files = [Clusters(path, W) for path in args.models]
    print(f"{tensor.name}, {tensor.tensor_type.name}, {W.shape[0]} x {W.shape[1]}, {row} bytes a row; {len(H)} positions")
    calibration, centroid = np.load(args.calibration), W.shape[1] // 32 * 18
    if args.sampling:
        print("| P | T | top | sample, one draw | sample, mean of 16 draws | sketch |\n|---|---|---|---|---|---|")
        return sampling(files, W, H, calibration, row, centroid)
    chosen, budget = variants(files, W, calibration, row, centroid)
    chosen = {name: run for name, run in chosen.items() if args.only in name}
    sums = {name: np.zeros(3) for name in chosen}
    batch = max(10, 8_000_000 // len(W))
    for i in range(0, len(H), batch):
        d = Dense(H[i:i + batch], W)
        for name, run in chosen.items():
            sums[name] += d.judge(*run(d)) * len(d.H)
    print(f"bytes read at most: {budget / 1e3:.0f} kB\n")
    print("| same top, % | top 40 scored, % | KLD | variant |\n|---|---|---|---|")
    for name, total in sums.items():
        same, top, kld = total / len(H)
        print(f"| {100 * same:.2f} | {100 * top:.2f} | {kld:.4f} | {name} |")


if __name__ == "__main__":
    main()
