#!/usr/bin/env python3
"""Prints minilm_reference.json: vectors of all-MiniLM-L6-v2, computed without fastembed.

usage: minilm_reference.py MODEL_FOLDER > minilm_reference.json
       (needs the packages onnxruntime, tokenizers and numpy)
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

TEXTS = [
    "The chip maker opened a second plant near Dresden.",
    "Der Chiphersteller hat bei Dresden ein zweites Werk eröffnet.",
    "Otters",
    "WARUM nur? 3.500 Züge fielen aus — naïve Pläne, “quoted”, 日本語 and 🦦 included.",
    "A retrieval system splits articles into passages. Each passage becomes a vector. "
    "A question becomes a vector too, and the passages whose vectors point the same way "
    "are shown first, with the place in the article that they were taken from.",
]


def main():
    folder = Path(sys.argv[1])
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    session = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
    cases = []
    for text in TEXTS:
        ids = np.array([tokenizer.encode(text).ids], dtype=np.int64)
        feeds = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        states = session.run(["last_hidden_state"], feeds)[0][0].astype(np.float64)
        vector = states.mean(axis=0)
        vector /= np.linalg.norm(vector)
        tokens = len(tokenizer.encode(text, add_special_tokens=False).ids)
        cases.append({"text": text, "tokens": tokens, "vector": [round(float(x), 7) for x in vector]})
    lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases)
    print(f"[\n{lines}\n]")


if __name__ == "__main__":
    main()
