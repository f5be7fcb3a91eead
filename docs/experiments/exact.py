#!/usr/bin/env python3
"""Compares dense, FlashHead's own and checked generation: the same prompts through llama-server, one server after another.

Prints tokens a second (median over prompts) of greedy text, of Ollama's default sampling, and without top-k; and how many
answers are the dense head's, token for token.
"""

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time
import urllib.request

PROMPTS = [
    "The capital of France is", "def fibonacci(n):", "Es war einmal", "Once upon a time there was a",
    "The theory of relativity says that",
]
SAMPLING = {
    "greedy": {"temperature": 0},
    "default": {"temperature": 0.8, "top_k": 40, "top_p": 0.9},
    "no top-k": {"temperature": 0.7, "top_k": 0, "top_p": 0.95, "min_p": 0},
}
WAYS = {
    "dense": {"FLASHHEAD_ENABLED": "0"},
    "FlashHead's own": {"FLASHHEAD_EXACT": "off"},
    "checked, auto": {"FLASHHEAD_EXACT": "auto"},
    "checked, windows of 16": {"FLASHHEAD_EXACT": "16"},
}


def ask(url, path, body=None):
    data = json.dumps(body).encode() if body is not None else None
    with urllib.request.urlopen(urllib.request.Request(url + path, data, {"Content-Type": "application/json"})) as r:
        return json.load(r)


def answers(args, env):
    url = f"http://127.0.0.1:{args.port}"
    with tempfile.TemporaryFile() as log:
        server = subprocess.Popen(
            [args.program, "-m", args.model, "--port", str(args.port), "--threads", str(args.threads), "-c", "2048",
             "-np", "1", "--no-webui"], env={**os.environ, **env}, stdout=log, stderr=log)
        try:
            while True:
                if server.poll() is not None:
                    log.seek(0)
                    raise SystemExit(log.read().decode(errors="replace")[-2000:])
                try:
                    ask(url, "/health")
                    break
                except OSError:
                    time.sleep(0.1)
            return {name: [ask(url, "/completion", {
                "prompt": prompt, "n_predict": args.tokens, "seed": seed, "cache_prompt": False, "return_tokens": True,
                **sampling}) for seed, prompt in enumerate(PROMPTS)] for name, sampling in SAMPLING.items()}
        finally:
            server.kill()
            server.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program", help="llama-server of the patched build")
    parser.add_argument("model", help="a converted model")
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--port", type=int, default=9101)
    args = parser.parse_args()

    dense = None
    print(f"{'':24}" + "".join(f"{name:>12}" for name in SAMPLING) + f"{'same answers':>16}")
    for way, env in WAYS.items():
        got = answers(args, env)
        dense = dense or got
        speed = [statistics.median(a["timings"]["predicted_per_second"] for a in got[name]) for name in SAMPLING]
        same = sum(a["tokens"] == b["tokens"] for name in SAMPLING for a, b in zip(got[name], dense[name]))
        print(f"{way:24}" + "".join(f"{s:12.1f}" for s in speed) + f"{same:10} of {len(SAMPLING)*len(PROMPTS)}", flush=True)


if __name__ == "__main__":
    main()
