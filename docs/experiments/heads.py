"""Writes a GGUF with nothing but an output head of a given shape whose rows are all different.

    python heads.py ROWS COLUMNS OUT.gguf [--seed S]

Rows are scattered around directions of a tree: few areas, in them topics, in these groups of one to some hundred rows, with
a spectrum that falls as that of embeddings does. So clusters are there to be found, of uneven sizes, and no row repeats.
Written as Q8_0 under the name output.weight: what `llama-flashhead cluster` needs. Needs numpy and gguf.
"""

import argparse

import numpy as np
from gguf import GGMLQuantizationType, GGUFWriter, quantize


def rows(n, columns, seed):
    """Yields the head's rows in pieces [.., columns]."""
    rng = np.random.default_rng(seed)
    spectrum = (np.arange(1, columns + 1) ** -0.25).astype(np.float32)

    def normal(count):
        return rng.standard_normal((count, columns), np.float32) * spectrum

    areas, topics, groups = 40, n // 256 + 1, n // 12 + 1
    common = normal(1)
    area = common + normal(areas)
    topic = area[rng.integers(0, areas, topics)] + normal(topics)
    # sizes as frequencies of words fall: some groups are large, most are small
    share = 1 / (np.arange(groups) + 10)
    of_group = rng.choice(groups, n, p=share / share.sum())
    topic_of = rng.integers(0, topics, groups)
    piece = 4096
    for begin in range(0, n, piece):
        group = of_group[begin:begin + piece]
        out = topic[topic_of[group]] + 2.5 * normal(len(group))
        for i, g in enumerate(group):
            out[i] += np.random.default_rng((seed, int(g))).standard_normal(columns, np.float32) * spectrum
        yield 0.02 * out


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("rows", type=int)
    parser.add_argument("columns", type=int)
    parser.add_argument("out")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()

    kind = GGMLQuantizationType.Q8_0
    data = np.concatenate([quantize(piece, kind) for piece in rows(args.rows, args.columns, args.seed)])
    writer = GGUFWriter(args.out, "head")
    writer.add_tensor("output.weight", data, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main()
