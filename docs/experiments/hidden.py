"""Hidden states at the input of a model's output head, for codes.py and clustering.py.

    python hidden.py MODEL.gguf TEXT --server dist/lib/ollama/llama-server --out hidden.npy [--context 256] [--tokens 60000]
    python hidden.py MODEL.gguf FOLDER --server dist/lib/ollama/llama-server --out kinds.npz --tokens 80

Runs a text in chunks through llama-server's embeddings (no pooling, no scaling), which are the last norm's output, and saves
those of each chunk but for its first quarter: float32 [n, D]. Of each FOLDER/GROUP/NAME.txt it saves those of the first tokens of
either half, as fit:GROUP/NAME and held:GROUP/NAME, but for the first 16. Needs numpy.
"""

import argparse
import glob
import json
import os
import socket
import subprocess
import time
import urllib.request

import numpy as np


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("text")
    parser.add_argument("--server", required=True, help="path of llama-server")
    parser.add_argument("--out", required=True)
    parser.add_argument("--context", type=int, default=256, help="tokens a chunk")
    parser.add_argument("--tokens", type=int, default=60000, help="at most so many of the text")
    args = parser.parse_args()

    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    command = [args.server, "-m", args.model, "--embedding", "--pooling", "none", "-np", "1", "--host", "127.0.0.1", "--port", str(port)]
    command += [flag for name in ("-c", "-b", "-ub") for flag in (name, str(args.context))]
    server = subprocess.Popen(command, env=dict(os.environ, FLASHHEAD_ENABLED="0"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def post(path, body):
        request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", json.dumps(body).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request) as response:
            return json.load(response)

    try:
        while server.poll() is None:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health")
                break
            except OSError:
                time.sleep(0.1)
        start = post("/tokenize", {"content": "", "add_special": True})["tokens"]

        def tokens_of(path):
            with open(path, encoding="utf-8") as f:
                return post("/tokenize", {"content": f.read()})["tokens"]

        def states_of(tokens, skip):
            answer = post("/embedding", {"content": start + tokens, "embd_normalize": -1})
            return np.array(answer[0]["embedding"], np.float32)[skip:]

        if os.path.isdir(args.text):
            kinds = {}
            for path in sorted(glob.glob(os.path.join(args.text, "*", "*.txt"))):
                tokens, name = tokens_of(path), os.path.relpath(path, args.text)[: -len(".txt")]
                half = len(tokens) // 2
                for part, begin in ("fit", 0), ("held", half):
                    kinds[f"{part}:{name}"] = states_of(tokens[begin : begin + min(args.tokens, half)], len(start) + 16)
            np.savez(args.out, **kinds)
        else:
            tokens, step = tokens_of(args.text)[: args.tokens], args.context - len(start)
            chunks = range(0, len(tokens) - step + 1, step)
            np.save(args.out, np.concatenate([states_of(tokens[i : i + step], args.context // 4) for i in chunks]))
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
