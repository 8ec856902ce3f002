#!/usr/bin/env python3
"""Prints reranker_reference.json: scores of the small cross-encoder, computed with numpy alone.

usage: reranker_reference.py CROSS_ENCODER_FOLDER > reranker_reference.json
       (needs the packages numpy, safetensors and tokenizers; the folder is one that
       scripts/make_cross_encoder.py wrote)
"""

import json
import sys
from pathlib import Path

from tokenizers import Tokenizer

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
from make_cross_encoder import random_weights, reference_score  # noqa: E402

PAIRS = [
    ("Why do otters hold hands?", "Otters hold hands while they sleep, so that they do not drift apart."),
    ("Why do otters hold hands?", "The central bank raised its rates."),
    ("Wann fährt der Nachtzug?", "Der Nachtzug verlässt Wien um acht und ist vor zehn in Paris."),
    ("otter", "x"),
    ("WARUM nur?", "3.500 Züge fielen aus — naïve Pläne, “quoted”, 日本語 and 🦦 included."),
]


def main():
    folder = Path(sys.argv[1])
    config = json.loads((folder / "config.json").read_text())
    weights = random_weights(config)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    cases = []
    for question, passage in PAIRS:
        encoded = tokenizer.encode(question, passage)
        score = reference_score(weights, config, encoded.ids, encoded.type_ids)
        cases.append({"question": question, "passage": passage, "score": round(float(score), 6)})
    lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases)
    print(f"[\n{lines}\n]")


if __name__ == "__main__":
    main()
