#!/usr/bin/env python3
"""Prints qwen3_reference.json: vectors of the small Qwen3 model, computed with numpy alone.

usage: qwen3_reference.py QWEN3_FOLDER > qwen3_reference.json
       (needs the packages numpy and tokenizers; the folder is one that
       scripts/make_qwen3.py wrote)
"""

import json
import sys
from pathlib import Path

from tokenizers import Tokenizer

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
from make_qwen3 import random_weights, reference_vector  # noqa: E402

TEXTS = [
    "Otters hold hands while they sleep, so that they do not drift apart.",
    "Der Chiphersteller hat bei Dresden ein zweites Werk eröffnet.",
    "x",
    "",
    "3.500 Züge fielen aus — naïve Pläne, “quoted”, 日本語 and 🦦 included.",
    "Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery:Wann fährt der Nachtzug?",
    "Moore speichern Wasser und Kohlenstoff. " * 12,
]


def main():
    folder = Path(sys.argv[1])
    config = json.loads((folder / "config.json").read_text())
    weights = random_weights(config)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    cases = []
    for text in TEXTS:
        ids = tokenizer.encode(text).ids
        vector = [round(float(number), 6) for number in reference_vector(weights, config, ids)]
        # Without the token that ends every text.
        cases.append({"text": text, "tokens": len(ids) - 1, "vector": vector})
    lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases)
    print(f"[\n{lines}\n]")


if __name__ == "__main__":
    main()
