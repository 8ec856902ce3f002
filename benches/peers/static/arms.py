"""The Python arm: embeds the lines of a file several times with `model2vec`.

Run as a program: `arms.py LIBRARY MODEL TEXTS VECTORS PASSES`, answering the same line as
`src/main.rs`, which says what it holds.
"""

import json
import os
import sys
import time
from pathlib import Path


def peak_kib() -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0])


def main(_library: str, model: str, texts: str, vectors: str, passes: str) -> None:
    # Libraries may print: what is meant for the driver has a stream of its own.
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    lines = Path(texts).read_text().splitlines()
    # It takes a second to import, as no user of it can do without.
    started = time.perf_counter()
    from model2vec import StaticModel

    loaded = StaticModel.from_pretrained(model, force_download=False)
    load = time.perf_counter() - started

    def embed() -> object:
        return loaded.encode(lines, max_length=None, use_multiprocessing=False)

    rows = embed()
    started = time.process_time()
    for _ in range(int(passes)):
        embed()
    took = (time.process_time() - started) / int(passes)
    rows.astype("<f4").tofile(vectors)
    print(json.dumps({"load": load, "cpu": took, "peak": peak_kib()}), file=answer, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
