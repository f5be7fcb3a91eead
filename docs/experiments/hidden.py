"""Hidden states at the input of a model's output head, for codes.py.

    python hidden.py MODEL.gguf FOLDER --server dist/lib/ollama/llama-server --out kinds.npz --tokens 80

Runs texts through llama-server's embeddings (no pooling, no scaling), which are the last norm's output. Of each
FOLDER/GROUP/NAME.txt it saves those of the first tokens of either half, as fit:GROUP/NAME and held:GROUP/NAME, but for the first
16: float32 [n, D]. Needs numpy.
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
    parser.add_argument("folder")
    parser.add_argument("--server", required=True, help="path of llama-server")
    parser.add_argument("--out", required=True)
    parser.add_argument("--context", type=int, default=256)
    parser.add_argument("--tokens", type=int, default=80, help="at most so many of each half")
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

        kinds = {}
        for path in sorted(glob.glob(os.path.join(args.folder, "*", "*.txt"))):
            tokens, name = tokens_of(path), os.path.relpath(path, args.folder)[: -len(".txt")]
            half = len(tokens) // 2
            for part, begin in ("fit", 0), ("held", half):
                kinds[f"{part}:{name}"] = states_of(tokens[begin : begin + min(args.tokens, half)], len(start) + 16)
        np.savez(args.out, **kinds)
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
