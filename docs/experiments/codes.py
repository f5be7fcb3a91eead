"""How well codes estimate logits: what was tried, as a numerical experiment in floats.

    python hidden.py MODEL.gguf internal/sampletext/kinds --server dist/lib/ollama/llama-server --out kinds.npz --tokens 80
    python codes.py CONVERTED.gguf kinds.npz

CONVERTED.gguf holds the clusters (fh-ollama convert). Codes are fitted to the first halves of the texts and judged on the second
ones. Each variant costs a line below; the kernel's own figures come from `fh-ollama eval`. Needs numpy and gguf.
docs/estimates.md has the results.
"""

import argparse

import numpy as np
from gguf import GGUFReader
from gguf.quants import dequantize

# of a normal value rounded to 0 .. 5 bits: mean square error, step (Max 1960)
DISTORTION = [1, 0.3634, 0.1175, 0.03744, 0.01154, 0.003495]
STEP = [0, 1.596, 0.9957, 0.586, 0.3352, 0.1881]
MAX_VARIANCE = 0.5

# the default of fh-ollama convert
COARSE, DIRECTIONS, NEAR, EXACT, TOLERANCE, FAR = 160, 96, 10, 96, 0.0125, 0.8


def log_softmax(x):
    x = x - x.max(1, keepdims=True)
    return x - np.log(np.exp(x).sum(1, keepdims=True))


def q4_0(m):
    blocks = m.reshape(-1, 32)
    scale = np.take_along_axis(blocks, np.abs(blocks).argmax(1)[:, None], 1) / -8
    numbers = np.clip(np.floor(blocks / np.where(scale == 0, 1, scale) + 8.5), 0, 15) - 8
    return (numbers * scale.astype(np.float16)).astype(np.float32).reshape(m.shape)


def drawn(logits, u, temperature=0.8, top_k=40, top_p=0.9):
    """The tokens that Ollama's default sampler draws from logits [n, V] with the random numbers u [n, draws]."""
    at = np.argpartition(-logits, top_k, axis=1)[:, :top_k]
    value = np.take_along_axis(logits, at, 1)
    order = np.argsort(-value, axis=1, kind="stable")
    at, value = np.take_along_axis(at, order, 1), np.take_along_axis(value, order, 1)
    p = np.exp(value - value[:, :1])
    p /= p.sum(1, keepdims=True)
    p = np.where(np.cumsum(p, 1) - p < top_p, p, 0) ** (1 / temperature)
    sums = np.cumsum(p / p.sum(1, keepdims=True), 1)
    return np.take_along_axis(at, np.minimum((sums[:, None] < u[:, :, None]).sum(2), top_k - 1), 1)


def best_of(estimate, n, tolerance, variance, limit, steepness, among):
    """The best n of the tokens among, or more: as many as it takes until the others cost tolerance nats at most, whose estimates
    have errors of this variance. flash-head-mass.h says why, and what limit and steepness are."""
    order = among[np.argsort(-estimate[among], kind="stable")]
    p = np.exp(estimate - estimate.max())
    left = p[order].sum() - np.cumsum(p[order])
    if tolerance > 0:
        n = max(n, 1 + np.searchsorted(-left, -2 * tolerance / variance * np.exp(-steepness * max(0, variance - limit)) * p.sum()))
    return order[:n]


class Head:
    """Rows w [V, D], their clusters, rounded centroids c [K, D] and residuals r [V, D] of a converted file."""

    def __init__(self, path):
        reader = GGUFReader(path)
        tensors = {t.name: t for t in reader.tensors}
        t = tensors.get("output.weight", tensors["token_embd.weight"])
        field = lambda key: reader.fields["flashhead." + key].contents()
        self.w = dequantize(t.data, t.tensor_type).astype(np.float32)
        self.row_bytes = t.n_bytes // len(self.w)
        self.cluster = np.array(field("assignments"), np.int64)
        self.pinned = np.array(field("pinned_tokens"), np.int64)
        order = np.argsort(self.cluster, kind="stable")
        k = field("cluster_count")
        sums = np.add.reduceat(self.w[order], np.searchsorted(self.cluster[order], np.arange(k)), axis=0)
        self.c = q4_0(sums / np.bincount(self.cluster, minlength=k)[:, None])
        self.r = self.w - self.c[self.cluster]


def by_kind(states, keep=0.02):
    """The mean of kinds' second moments, each scaled to a trace of D, and some of the identity."""
    d = states[0].shape[1]
    c = keep * np.eye(d)
    for h in states:
        h = h.astype(np.float64)
        c += h.T @ h / (h * h).sum() * d / len(states)
    return c


def pooled(states):
    """The second moment of all states: loud kinds own it."""
    return by_kind([np.concatenate(states)])


def bits_one_by_one(variance, n_bits, n_directions):
    bits = np.zeros(len(variance), int)
    gain = np.where(np.arange(len(variance)) < n_directions, variance * (1 - DISTORTION[1]), -1)
    for _ in range(n_bits):
        i = gain.argmax()
        bits[i] += 1
        gain[i] = -1 if bits[i] == 5 else variance[i] * (DISTORTION[bits[i]] - DISTORTION[bits[i] + 1])
    return bits


def bits_by_line(variance, n_bytes):
    """Lines of 32 bytes with 4, 2 or 1 bits a column, the columns that matter most first."""
    order = np.argsort(-variance, kind="stable")
    sums = np.concatenate([[0], np.cumsum(variance[order])])
    lines, best = n_bytes // 32, None
    for four in range(lines + 1):
        for two in range(lines + 1 - four):
            ends = np.minimum(np.cumsum([64 * four, 128 * two, 256 * (lines - four - two)]), len(order))
            parts = np.diff(sums[np.concatenate([[0], ends, [len(order)]])])
            error = parts @ [DISTORTION[4], DISTORTION[2], DISTORTION[1], 1]
            if best is None or error < best[0]:
                best = error, ends
    bits = np.zeros(len(order), int)
    for b, begin, end in zip((4, 2, 1), np.concatenate([[0], best[1]]), best[1]):
        bits[order[begin:end]] = b
    return bits


def rounded(y, variance, bits):
    """y [V, n] as its code stands for it."""
    used = bits > 0
    size = np.sqrt((y[:, used] ** 2 / variance[used]).mean(1, keepdims=True))
    x = np.zeros_like(y)
    for i in np.nonzero(used)[0]:
        step, half = STEP[bits[i]] * np.sqrt(variance[i]), 2 ** (bits[i] - 1)
        x[:, i] = (np.clip(np.floor(y[:, i] / size[:, 0] / step), -half, half - 1) + 0.5) * step
    return x * ((x * y).sum(1) / np.maximum((x * x).sum(1), 1e-20))[:, None].astype(np.float32)


class Laboratory:
    def __init__(self, head, states, positions):
        self.head = head
        self.fit = {k[4:]: states[k] for k in states.files if k.startswith("fit:")}
        self.judge = {}
        for key in states.files:
            if key.startswith("held:"):
                h = states[key]
                self.judge.setdefault(key[5:].split("/")[0], []).append(h[:: max(1, len(h) // positions)][:positions])
        self.judge = {k: np.concatenate(v) for k, v in self.judge.items()}

    def codes(self, c, coarse, fine, n_directions):
        """Returns what both codes make of the residuals, and the variances that either leaves."""
        r = self.head.r
        if coarse:
            low = np.linalg.cholesky(c)
            _, v = np.linalg.eigh(low.T @ (r.T @ r).astype(np.float64) @ low)
            v = v[:, ::-1][:, :n_directions]
            there, back = (low @ v).astype(np.float32), np.linalg.solve(low.T, v).astype(np.float32)
            y = r @ there
            variance = (y**2).mean(0)
            first = rounded(y, variance, bits_one_by_one(variance, coarse, n_directions)) @ back.T
        else:
            first = np.zeros_like(r)
        left = r - first
        after = (left**2).mean(0)
        second = rounded(left, after, bits_by_line(after * np.diag(c), fine)) if fine else np.zeros_like(r)
        return first, second, after, ((left - second) ** 2).mean(0)

    def run(self, name, c, coarse=COARSE, fine=128, near=NEAR, exact=EXACT, tolerance=TOLERANCE, far=FAR, most=MAX_VARIANCE,
            directions=DIRECTIONS, random=np.random.default_rng(1)):
        """near, exact: one token in so many has its fine code read or is scored exactly, at least. far: the part of the tolerance
        that tokens without a fine code may cost."""
        head = self.head
        v, d = head.w.shape
        first, second, var1, var2 = self.codes(c, coarse, fine, directions)
        always = head.c.size * 18 / 32 + v * (coarse / 8 + 2) + 4 * d * directions
        kept = always + v * (fine + 2)
        klds, same, draws, n, reads = {}, 0, [], 0, []
        self.positions = []
        for group, h in self.judge.items():
            e = h @ head.w.T
            base = (h @ head.c.T)[:, head.cluster] + h @ first.T
            estimate = base + np.minimum(0.5 * (h**2 @ var1), most)[:, None]
            finer = base + h @ second.T + np.minimum(0.5 * (h**2 @ var2), most)[:, None]
            for i, x in enumerate(h):
                at = best_of(estimate[i], v // near, far * tolerance, x**2 @ var1, 12, 0.1, np.arange(v))
                estimate[i, at] = finer[i, at]
                scored = best_of(estimate[i], v // exact, (1 - far) * tolerance, x**2 @ var2, 2.5, 0.5, at)
                reads.append((len(at), len(scored)))
                estimate[i, scored] = e[i, scored]
            estimate[:, head.pinned] = e[:, head.pinned]
            p, q = log_softmax(e), log_softmax(estimate)
            kld = (np.exp(p) * (p - q)).sum(1)
            klds[group] = kld.mean()
            self.positions += zip(kld, [group] * len(h), np.sqrt(h**2 @ var2), np.linalg.norm(h, axis=1))
            same += (e.argmax(1) == estimate.argmax(1)).sum()
            n += len(h)
            u = random.random((len(h), 32))
            draws.append((drawn(e, u) == drawn(estimate, u)).mean())
        n_near, n_exact = np.mean(reads, 0)
        read = always + n_near * (fine + 2) + n_exact * head.row_bytes
        worst = max(klds, key=klds.get)
        others = np.mean([k for g, k in klds.items() if g not in ("english", "code")])
        print(f"| {name} | {100*read/v/head.row_bytes:.1f} | {100*kept/v/head.row_bytes:.0f} | {klds['english']:.4f} | {klds['code']:.4f} | "
              f"{others:.4f} | {klds[worst]:.4f} ({worst}) | {same}/{n} | {100*min(draws):.2f} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("states", help="from hidden.py")
    parser.add_argument("--worst", type=int, default=0, help="list so many positions of the default with the greatest KLD instead")
    parser.add_argument("--positions", type=int, default=6, help="of each kind of text, to judge on")
    args = parser.parse_args()

    states = np.load(args.states)
    lab = Laboratory(Head(args.model), states, args.positions)
    fit = list(lab.fit.values())
    kinds, d = by_kind(fit), fit[0].shape[1]
    fine = int((0.25 * lab.head.row_bytes - 24 - 0.5625 * d / 64) // 32 * 32)
    if args.worst:
        lab.run("default", kinds, fine=fine)
        print("| KLD | group | deviation of a fine estimate that the codes expect | length of the hidden state |")
        for kld, group, deviation, length in sorted(lab.positions, reverse=True)[: args.worst]:
            print(f"| {kld:.3f} | {group} | {deviation:.2f} | {length:.0f} |")
        deviations = sorted(p[2] for p in lab.positions)
        print("deviations: median %.2f, 95 %% %.2f, 99 %% %.2f, most %.2f" % tuple(np.quantile(deviations, [0.5, 0.95, 0.99, 1])))
        return
    print("| variant | read, % | kept, % | English | code | other groups | worst group | same top | least same draw, % |")
    print("|---|---|---|---|---|---|---|---|---|")
    more = dict(coarse=192, fine=int((0.45 * lab.head.row_bytes - 28 - 0.5625 * d / 64) // 32 * 32), near=4, exact=32, directions=112)
    lab.run("default", kinds, fine=fine)
    lab.run("quality high", kinds, **more, tolerance=0.004)
    fixed = dict(near=8, exact=32, tolerance=0)
    lab.run("not calibrated: the identity for a metric", np.eye(d), fine=fine)
    lab.run("metric of all states together", pooled(fit), fine=fine)
    english = by_kind([h for k, h in lab.fit.items() if k.split("/")[0] in ("english", "code")])
    lab.run("calibrated with English and code only", english, fine=fine)
    for t in (0.025, 0.05):
        lab.run(f"tolerance {t}", kinds, fine=fine, tolerance=t)
    for far in (0.6, 0.9):
        lab.run(f"{100*far:.0f} % of the tolerance for tokens without a fine code", kinds, fine=fine, far=far)
    lab.run("near a fifth at least, exact one in 48", kinds, fine=fine, near=5, exact=48)
    lab.run("near a twentieth at least, exact one in 192", kinds, fine=fine, near=20, exact=192)
    lab.run("128 coarse bits, 80 directions", kinds, 128, fine, directions=80)
    lab.run("192 coarse bits, 112 directions", kinds, 192, fine, directions=112)
    lab.run("without 2 % of the identity", by_kind(fit, 1e-6), fine=fine)
    lab.run("with 20 % of the identity", by_kind(fit, 0.2), fine=fine)
    lab.run("no variance added", kinds, fine=fine, most=0)
    lab.run("fixed numbers: near an eighth, exact one in 32", kinds, fine=fine, **fixed)
    lab.run("the same, not calibrated", np.eye(d), fine=fine, **fixed)
    lab.run("fixed, no fine code, exact one in 16", kinds, fine=0, near=8, exact=16, tolerance=0)


if __name__ == "__main__":
    main()
