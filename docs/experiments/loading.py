"""What loading a converted model takes: time, processor time and memory, dense and with FlashHead, in turn.

    python loading.py dist/lib/ollama/llama-server CONVERTED.gguf [--runs 5] [--threads 2] [--baseline OTHER_LLAMA_SERVER]

Each run starts a server, waits until it is ready (which includes llama.cpp's own warm-up), has it say a few tokens, looks at
/proc and stops it. The first round, which may read from the disk, is not counted. A baseline is another build's program, run
in the same turns. Linux; needs nothing but Python.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import time
import urllib.error
import urllib.request

SETTINGS = {
    "dense": {"FLASHHEAD_ENABLED": "0"},
    "FlashHead": {},
    "FLASHHEAD_REORDER=0": {"FLASHHEAD_REORDER": "0"},
}


def run(program, model, threads, settings):
    """Seconds until ready, processor seconds until then, MiB resident: anonymous and of files."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    begun = time.monotonic()
    server = subprocess.Popen(
        [program, "--model", model, "--port", str(port), "--threads", str(threads), "--ctx-size", "512", "--parallel", "1"],
        env={**os.environ, **settings}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health")
                break
            except (urllib.error.URLError, ConnectionError):
                if server.poll() is not None:
                    raise SystemExit(f"{program} ended while it loaded {model}")
                time.sleep(0.01)
        ready = time.monotonic() - begun
        with open(f"/proc/{server.pid}/stat") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        work = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        body = json.dumps({"prompt": [1, 2, 3], "n_predict": 8, "temperature": 0}).encode()
        urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{port}/completion", body, {"Content-Type": "application/json"})).read()
        with open(f"/proc/{server.pid}/status") as f:
            status = dict(line.split(":", 1) for line in f)
        return ready, work, int(status["RssAnon"].split()[0]) / 1024, int(status["RssFile"].split()[0]) / 1024
    finally:
        server.terminate()
        server.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("model")
    parser.add_argument("--baseline", help="llama-server of another build")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    args = parser.parse_args()

    programs = {"": args.program}
    if args.baseline:
        programs[" (baseline)"] = args.baseline
    found = {}
    for round in range(args.runs + 1):
        for name, settings in SETTINGS.items():
            for suffix, program in programs.items():
                outcome = run(program, args.model, args.threads, settings)
                if round > 0:
                    found.setdefault(name + suffix, []).append(outcome)
    print(f"{'':32} {'ready, s':>9} {'(range)':>14} {'of dense':>9} {'CPU, s':>7} {'MiB':>7} {'anonymous':>9} {'of files':>9}")
    for name, outcomes in found.items():
        ready, work, own, files = (list(column) for column in zip(*outcomes))
        dense = [o[0] for o in found["dense" + (" (baseline)" if name.endswith(" (baseline)") else "")]]
        ratio = statistics.median(a / b for a, b in zip(ready, dense))
        own, files = statistics.median(own), statistics.median(files)
        print(f"{name:32} {statistics.median(ready):9.2f} {min(ready):6.2f} - {max(ready):5.2f} {ratio:8.2f}x"
              f" {statistics.median(work):7.2f} {own + files:7.0f} {own:9.0f} {files:9.0f}")


if __name__ == "__main__":
    main()
