"""Where a token's time goes: dense and FlashHead in turn, and the stages of the head.

    go run ./integration/cmd/synthetic gemma-3-1b q4_k_m model.gguf
    python docs/experiments/profile.py dist/lib/ollama/llama-bench model.gguf [--probes 256] [--threads 2] [--rounds 3] [--tokens 128]

Prints milliseconds of a token, those of FlashHead in it (FLASHHEAD_STATS), and how many times as fast a token would be if these
were none: what is missing there to the ceiling by bytes is not the head's. Medians of the rounds. Needs nothing but Python.
"""

import argparse
import json
import os
import re
import statistics
import subprocess

STAGES = ("centroids", "estimates", "selection", "background", "rows", "waiting")


def run(args, settings):
    """Milliseconds of a token, and what the runtime logs."""
    out = subprocess.run(
        [args.program, "-m", args.model, "-p", "0", "-n", str(args.tokens), "-t", str(args.threads), "-r", "1", "-o", "jsonl", "-v"],
        env={**os.environ, **settings}, capture_output=True, text=True, errors="replace", check=True)
    line = next(line for line in out.stdout.splitlines() if line.startswith("{"))
    return 1e3 / json.loads(line)["avg_ts"], out.stderr


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("model")
    parser.add_argument("--probes", type=int, default=256)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tokens", type=int, default=128)
    args = parser.parse_args()

    dense, flash, free, stages = [], [], [], {s: [] for s in STAGES}
    for _ in range(args.rounds):
        dense.append(run(args, {"FLASHHEAD_ENABLED": "0"})[0])
        token, log = run(args, {"FLASHHEAD_STATS": "1", "FLASHHEAD_PROBES": str(args.probes)})
        last = [line for line in log.splitlines() if "flash_head: statistics of" in line][-1]
        here = {s: float(re.search(rf"\b{s} ([0-9.]+)(?:,|$)", last[last.index("us of all threads"):]).group(1)) / args.threads for s in STAGES}
        for s in STAGES:
            stages[s].append(here[s])
        flash.append(token)
        free.append(dense[-1] / (token - sum(here.values()) / 1e3))
    median = statistics.median
    print(f"dense {median(dense):.2f} ms, FlashHead {median(flash):.2f} ms a token, of which the head "
          f"{sum(median(v) for v in stages.values()) / 1e3:.2f} ms;",
          f"{median(d / f for d, f in zip(dense, flash)):.2f} times as fast, {median(free):.2f} ({min(free):.2f} to {max(free):.2f}) if the head took no time")
    print("us a thread: " + ", ".join(f"{s} {median(v):.0f}" for s, v in stages.items() if median(v) >= 0.5))


main()
