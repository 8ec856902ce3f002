#!/usr/bin/env python3
"""Writes a small Qwen3 embedding model as a folder of safetensors, to test with.

usage: make_qwen3.py [OUTPUT_DIR]
       (default: target/models/qwen3)

It is built as the real ones are: grouped heads wider than their share of the
hidden size, norms of queries and keys, rotated positions, weights of 16 bits,
and a tokenizer of bytes and merges that ends each text with a token of its own.
Its weights are random, from a fixed seed: its vectors say nothing about texts,
but they depend on every token and are the same everywhere. The subfolder
`sharded` holds the same numbers in 32 bits, in two files that an index names,
under the names of a whole language model. `1024` and `2560` are one layer of the
size that models of the hub have, in one file and in two. A complete folder with
this tokenizer is left as it is.
"""

import json
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SEED = 20_250_605
END = "<|endoftext|>"
CONFIG = {
    "architectures": ["Qwen3ForCausalLM"],
    "model_type": "qwen3",
    "attention_bias": False,
    "attention_dropout": 0.0,
    "head_dim": 32,
    "hidden_act": "silu",
    "hidden_size": 64,
    "initializer_range": 0.02,
    "intermediate_size": 160,
    "max_position_embeddings": 4096,
    "num_attention_heads": 4,
    "num_hidden_layers": 2,
    "num_key_value_heads": 2,
    "rms_norm_eps": 1e-06,
    "rope_scaling": None,
    "rope_theta": 1000000,
    "sliding_window": None,
    "tie_word_embeddings": True,
    "torch_dtype": "bfloat16",
    "use_cache": True,
    "use_sliding_window": False,
}
# Words with the space before them, numbers by the digit, marks, and white space.
WORDS = r"\s?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"


def byte_letters():
    """The letter that stands for each byte in tokens, as in every tokenizer of bytes."""
    plain = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in plain]
    return {byte: chr(byte) for byte in plain} | {byte: chr(256 + at) for at, byte in enumerate(others)}


def merges():
    """The pairs of pieces that the tokenizer joins, in order. They are a file, so that the vectors of
    `tests/data/qwen3_reference.json` depend on nothing that other tests change."""
    lines = (ROOT / "tests/data/qwen3_merges.txt").read_text(encoding="utf-8").splitlines()
    return [line.split(" ") for line in lines]


def tokenizer():
    pairs = merges()
    pieces = [*byte_letters().values(), *("".join(pair) for pair in pairs)]
    vocabulary = {piece: number for number, piece in enumerate(dict.fromkeys(pieces))}
    end = len(vocabulary)
    special = {"id": end, "content": END, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}
    split = {"type": "Split", "pattern": {"Regex": WORDS}, "behavior": "Isolated", "invert": False}
    template = {
        "type": "TemplateProcessing",
        "single": [{"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": END, "type_id": 0}}],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": END, "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {END: {"id": END, "ids": [end], "tokens": [END]}},
    }
    model = {
        "type": "BPE",
        "dropout": None,
        "unk_token": None,
        "continuing_subword_prefix": "",
        "end_of_word_suffix": "",
        "fuse_unk": False,
        "byte_fallback": False,
        "ignore_merges": False,
        "vocab": vocabulary,
        "merges": pairs,
    }
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [special],
        "normalizer": {"type": "NFC"},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [split, byte_level]},
        "post_processor": {"type": "Sequence", "processors": [byte_level, template]},
        "decoder": byte_level,
        "model": model,
    }


def random_weights(config):
    """Random weights by the names of the real ones, in 16 bits; the stream of `RandomState` never changes."""
    import numpy as np

    random = np.random.RandomState(SEED)

    def normal(*shape, scale, center=0.0):
        return rounded((center + random.standard_normal(shape) * scale).astype(np.float32))

    hidden, inner, head = config["hidden_size"], config["intermediate_size"], config["head_dim"]
    queries, keys = config["num_attention_heads"] * head, config["num_key_value_heads"] * head
    weights = {"embed_tokens.weight": normal(config["vocab_size"], hidden, scale=1)}
    for layer in (f"layers.{number}" for number in range(config["num_hidden_layers"])):
        shapes = {"q": (queries, hidden), "k": (keys, hidden), "v": (keys, hidden), "o": (hidden, queries)}
        for part, (rows, columns) in shapes.items():
            weights[f"{layer}.self_attn.{part}_proj.weight"] = normal(rows, columns, scale=2 / columns**0.5)
        for part in ("q", "k"):
            weights[f"{layer}.self_attn.{part}_norm.weight"] = normal(head, scale=0.2, center=1)
        for part, (rows, columns) in {"gate": (inner, hidden), "up": (inner, hidden), "down": (hidden, inner)}.items():
            weights[f"{layer}.mlp.{part}_proj.weight"] = normal(rows, columns, scale=1 / columns**0.5)
        for part in ("input_layernorm", "post_attention_layernorm"):
            weights[f"{layer}.{part}.weight"] = normal(hidden, scale=0.2, center=1)
    return weights | {"norm.weight": normal(hidden, scale=0.2, center=1)}


def rounded(numbers):
    """The closest numbers that 16 bits hold, of which half are of the exponent."""
    import numpy as np

    bits = numbers.view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000).astype(np.uint32).view(np.float32)


def reference_vector(weights, config, ids):
    """The unit vector of a text of tokens `ids`, computed with numpy alone, in 64 bits."""
    import numpy as np

    weights = {name: numbers.astype(np.float64) for name, numbers in weights.items()}
    head, heads = config["head_dim"], config["num_attention_heads"]
    shared = heads // config["num_key_value_heads"]
    length = len(ids)
    speeds = config["rope_theta"] ** -(np.arange(0, head, 2) / head)
    angles = np.arange(length)[:, None] * np.concatenate([speeds, speeds])
    future = np.triu(np.full((length, length), -np.inf), 1)

    def norm(states, name):
        scale = np.sqrt((states**2).mean(-1, keepdims=True) + config["rms_norm_eps"])
        return states / scale * weights[f"{name}.weight"]

    def rotate(states):
        turned = np.concatenate([-states[..., head // 2 :], states[..., : head // 2]], -1)
        return states * np.cos(angles) + turned * np.sin(angles)

    def by_head(states, name):
        return (states @ weights[f"{name}_proj.weight"].T).reshape(length, -1, head).transpose(1, 0, 2)

    def attention(states, name):
        queries = rotate(norm(by_head(states, f"{name}.q"), f"{name}.q_norm"))
        keys = rotate(norm(by_head(states, f"{name}.k"), f"{name}.k_norm")).repeat(shared, 0)
        values = by_head(states, f"{name}.v").repeat(shared, 0)
        scores = queries @ keys.transpose(0, 2, 1) / np.sqrt(head) + future
        shares = np.exp(scores - scores.max(-1, keepdims=True))
        shares /= shares.sum(-1, keepdims=True)
        return (shares @ values).transpose(1, 0, 2).reshape(length, -1) @ weights[f"{name}.o_proj.weight"].T

    def inner(states, name):
        gate, up = (states @ weights[f"{name}.{part}_proj.weight"].T for part in ("gate", "up"))
        return gate / (1 + np.exp(-gate)) * up @ weights[f"{name}.down_proj.weight"].T

    states = weights["embed_tokens.weight"][ids]
    for layer in (f"layers.{number}" for number in range(config["num_hidden_layers"])):
        states = states + attention(norm(states, f"{layer}.input_layernorm"), f"{layer}.self_attn")
        states = states + inner(norm(states, f"{layer}.post_attention_layernorm"), f"{layer}.mlp")
    last = norm(states, "norm")[-1]
    return last / np.linalg.norm(last)


def write_weights(path, weights, bits):
    """Writes safetensors: the length of a JSON header, the header, and all numbers."""
    import numpy as np

    header, parts, start = {}, [], 0
    for name, numbers in weights.items():
        part = (numbers.view(np.uint32) >> 16).astype("<u2") if bits == 16 else numbers.astype("<f4")
        place = [start, start + part.nbytes]
        header[name] = {"dtype": "BF16" if bits == 16 else "F32", "shape": list(numbers.shape), "data_offsets": place}
        parts.append(part.tobytes())
        start += part.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(len(text).to_bytes(8, "little") + text + b"".join(parts))


def write_beside(folder, config, tokens):
    folder.mkdir(parents=True, exist_ok=True)
    stated = {"model_max_length": 131072, "pad_token": END, "tokenizer_class": "Qwen2Tokenizer"}
    for name, content in {"config.json": config, "tokenizer.json": tokens, "tokenizer_config.json": stated}.items():
        (folder / name).write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def write_shards(folder, weights):
    named = {f"model.{name}": numbers for name, numbers in weights.items()}
    half = len(named) // 2
    places = {}
    for number, names in enumerate((list(named)[:half], list(named)[half:]), 1):
        file = f"model-0000{number}-of-00002.safetensors"
        write_weights(folder / file, {name: named[name] for name in names}, 32)
        places |= dict.fromkeys(names, file)
    index = {"metadata": {}, "weight_map": places}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=1) + "\n")


def write_model(folder, tokens, sizes, sharded):
    config = CONFIG | sizes | {"vocab_size": len(tokens["model"]["vocab"]) + 1}
    weights = random_weights(config)
    write_beside(folder, config, tokens)
    if sharded:
        write_shards(folder, weights)
        return
    # The weights get their name last: a folder that has them is complete.
    unfinished = folder / "model.safetensors.part"
    write_weights(unfinished, weights, 16)
    os.replace(unfinished, folder / "model.safetensors")


def is_complete(folder, tokens):
    written = folder / "tokenizer.json"
    return (folder / "model.safetensors").exists() and json.loads(written.read_text(encoding="utf-8")) == tokens


def main():
    output = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "target" / "models" / "qwen3"
    tokens = tokenizer()
    if is_complete(output, tokens):
        return
    for size, sharded in ((1024, False), (2560, True)):
        write_model(output / str(size), tokens, {"hidden_size": size, "num_hidden_layers": 1}, sharded)
    write_model(output / "sharded", tokens, {}, sharded=True)
    write_model(output, tokens, {}, sharded=False)


if __name__ == "__main__":
    main()
