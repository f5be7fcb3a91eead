"""Hidden states at the input of a model's output head, for routing.py.

    python hidden.py MODEL.gguf TEXT --server dist/lib/ollama/llama-server --out hidden.npy [--context 256] [--tokens 60000]

Runs the text in chunks through llama-server's embeddings (no pooling, no scaling), which are the last norm's output, and
saves those of each chunk but for its first quarter: float32 [n, D]. Needs numpy.
"""

import argparse
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
        with open(args.text, encoding="utf-8") as f:
            text = f.read()
        start = post("/tokenize", {"content": "", "add_special": True})["tokens"]
        tokens = post("/tokenize", {"content": text})["tokens"][: args.tokens]
        step = args.context - len(start)
        states = []
        for i in range(0, len(tokens) - step + 1, step):
            answer = post("/embedding", {"content": start + tokens[i:i + step], "embd_normalize": -1})
            states.append(np.array(answer[0]["embedding"], np.float32)[args.context // 4:])
        np.save(args.out, np.concatenate(states))
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
