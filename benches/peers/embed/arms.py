"""The Python arms: each embeds the lines of a file once.

Run as a program it is one arm: `arms.py LIBRARY MODEL TEXTS VECTORS THREADS`, answering the
same line as `src/main.rs`, which says what it holds.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

BATCH = 32
MAX_LENGTH = 256

Embed = Callable[[list[str]], np.ndarray]


def onnxruntime(model: Path, threads: int) -> Embed:
    """A session and a tokenizer, texts as they come, the mean of their tokens."""
    import onnxruntime as ort
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
    tokenizer.enable_truncation(MAX_LENGTH)
    tokenizer.enable_padding()
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    session = ort.InferenceSession(
        model / "model.onnx", options, providers=["CPUExecutionProvider"]
    )

    def embed_batch(texts: list[str]) -> np.ndarray:
        encoded = tokenizer.encode_batch(texts)
        ids = np.array([one.ids for one in encoded], dtype=np.int64)
        mask = np.array([one.attention_mask for one in encoded], dtype=np.int64)
        feeds = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        (states,) = session.run(["last_hidden_state"], feeds)
        share = mask[..., None].astype(np.float32)
        means = (states * share).sum(axis=1) / share.sum(axis=1)
        return means / np.linalg.norm(means, axis=1, keepdims=True)

    def embed(texts: list[str]) -> np.ndarray:
        batches = (texts[at : at + BATCH] for at in range(0, len(texts), BATCH))
        return np.concatenate([embed_batch(batch) for batch in batches])

    return embed


def sentence_transformers(model: Path, threads: int) -> Embed:
    import torch
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(threads)
    loaded = SentenceTransformer(str(model), device="cpu")
    loaded.max_seq_length = MAX_LENGTH
    return lambda texts: loaded.encode(texts, batch_size=BATCH, show_progress_bar=False)


LIBRARIES: dict[str, Callable[[Path, int], Embed]] = {
    "onnxruntime": onnxruntime,
    "sentence-transformers": sentence_transformers,
}


def peak_kib() -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0])


def main(library: str, model: str, texts: str, vectors: str, threads: str) -> None:
    # Libraries may print: what is meant for the driver has a stream of its own.
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    lines = Path(texts).read_text().splitlines()
    embed = LIBRARIES[library](Path(model), int(threads))
    embed(lines[:1])
    cpu, wall = time.process_time(), time.perf_counter()
    rows = embed(lines)
    took = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    took["peak"] = peak_kib()
    rows.astype("<f4").tofile(vectors)
    print(json.dumps(took), file=answer, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
