"""Makes a model file of a Model2Vec folder: `convert.py MODEL_DIR OUTPUT [--bits 8]`.

The folder holds `model.safetensors`, `tokenizer.json` and `config.json`, as the package `model2vec`
writes them. README.md says which can be converted.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from model_file import GROUP, MEAN, UNCASED, StaticModel, quantize
from pieces import MAX_PIECE, Pieces

# What the model file's text rules 2 do; other settings would give other tokens.
NORMALIZER = {"clean_text": True, "handle_chinese_chars": True, "lowercase": True}
MAX_WORD = 100
MAX_NAME = 32  # bytes
# A row of zeros counts as this much of a text of unknown words.
VANISHING = 1e-6


def require(holds, what):
    if not holds:
        sys.exit(f"this model cannot be converted: {what}")


def check_tokenizer(tokenizer):
    """Ends with a message if the tokens are not those of the model file's text rules 2."""
    model, normalizer = tokenizer["model"], tokenizer["normalizer"] or {}
    kind = model.get("type")
    require(kind == "WordPiece", f"its tokenizer is {kind}, and only WordPiece is known")
    require(model["continuing_subword_prefix"] == "##", "pieces inside a word are not marked by ##")
    require(model["max_input_chars_per_word"] == MAX_WORD, f"words are not cut off at {MAX_WORD} characters")
    require(normalizer.get("type") == "BertNormalizer", "it has another normalizer than BERT")
    for name, value in NORMALIZER.items():
        require(normalizer.get(name) == value, f"{name} is {normalizer.get(name)} in its normalizer")
    require(normalizer.get("strip_accents") in (None, True), "its normalizer keeps accents")
    splitter = (tokenizer["pre_tokenizer"] or {}).get("type")
    require(splitter == "BertPreTokenizer", "it does not split texts into words as BERT does")


def rows_of_tokens(tensors):
    """The vector of each token, f64 [tokens, dim], with its weight; newer folders share rows among tokens."""
    table = tensors["embeddings"].astype(np.float64)
    if "mapping" in tensors:
        table = table[tensors["mapping"]]
    if "weights" in tensors:
        table = table * tensors["weights"].astype(np.float64)[:, None]
    return table


def pieces_of(tokenizer):
    """Rows of the table by piece: those that start a word, and those that continue one.

    Special tokens are none: BERT takes them in a text for what they are, which models of
    sentences have no use for.
    """
    special = {token["content"] for token in tokenizer["added_tokens"]}
    starts, inside = {}, {}
    for token, row in tokenizer["model"]["vocab"].items():
        if token in special or token == tokenizer["model"]["unk_token"]:
            continue
        continues = token.startswith("##") and len(token) > len("##")
        piece = token.removeprefix("##") if continues else token
        require(0 < len(piece.encode()) <= MAX_PIECE, f"{token!r} is empty or longer than {MAX_PIECE} bytes")
        (inside if continues else starts)[piece] = row
    return starts, inside


def converted(name, tokenizer, table, bits):
    starts, inside = pieces_of(tokenizer)
    require(starts and inside, "it has no pieces")
    vocabulary = Pieces(starts, inside, [0] * (len(starts) + len(inside)))
    rows = [starts[piece] for piece in vocabulary.starts] + [inside[piece] for piece in vocabulary.continuations]
    require(max(rows) < len(table), f"it has {len(table)} vectors for {max(rows) + 1} tokens")
    known = table[rows]
    require(np.isfinite(known).all(), "a vector has a value that is no number")
    # What a text gets in which no piece is known: Model2Vec has a vector of zeros for it.
    unknown = known.mean(axis=0, keepdims=True)
    known[~known.any(axis=1)] = unknown * VANISHING
    # Only directions count: so the lengths may be any, and are what a file can hold.
    rows = np.vstack([known, unknown]) / np.abs(known).max()
    padding = -rows.shape[1] % GROUP[bits]
    require(rows.any(axis=1).all(), "its vectors cancel out")
    codes, scales = quantize(np.pad(rows, ((0, 0), (0, padding))), bits)
    return StaticModel(name, vocabulary, codes, scales, bits, UNCASED, MEAN)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, metavar="MODEL_DIR")
    parser.add_argument("output", type=Path)
    parser.add_argument("--bits", type=int, default=8, choices=sorted(GROUP))
    parser.add_argument("--name", help="for people, up to 32 bytes; without it that of the folder")
    options = parser.parse_args()
    name = options.name or options.model.resolve().name
    require(len(name.encode()) <= MAX_NAME, f"its name is longer than {MAX_NAME} bytes: give another with --name")
    tokenizer = json.loads((options.model / "tokenizer.json").read_text())
    config = json.loads((options.model / "config.json").read_text())
    check_tokenizer(tokenizer)
    table = rows_of_tokens(load_file(options.model / "model.safetensors"))
    model = converted(name, tokenizer, table, options.bits)
    model.write(options.output)
    print(f"{options.output}: {model.vocabulary.rows} rows of {model.codes.shape[1]} values, {options.bits} bits each")
    if not config.get("normalize"):
        print("Model2Vec does not scale this model's vectors; passim scales all to length 1")


if __name__ == "__main__":
    main()
