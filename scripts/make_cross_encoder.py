#!/usr/bin/env python3
"""Writes a small cross-encoder as an ONNX folder, to test rerankers with.

usage: make_cross_encoder.py TOKENIZER_DIR [OUTPUT_DIR]
       (default: target/models/cross-encoder)

It reads a question and a passage as a BERT does and answers with one number, as
real ones do: input_ids, attention_mask, token_type_ids -> logits [batch, 1]. Its
weights are random, from a fixed seed: its scores say nothing about texts, but
they depend on every token and are the same everywhere. TOKENIZER_DIR is a folder
with the tokenizer of an uncased BERT, such as export_minilm.py writes. Two
subfolders hold the same model again: `external` with its weights in a file
beside the graph, and `int8` dynamically quantized. The graph is compared with a
plain numpy forward pass before it is put in place. A complete folder is left as
it is.
"""

import json
import os
import shutil
import sys
from pathlib import Path

from export_minilm import TARGET, TOKENIZER_FILES, Bert, reference

SEED = 20_240_603
HIDDEN = 64
SIZES = {
    "hidden_size": HIDDEN,
    "intermediate_size": 4 * HIDDEN,
    "num_attention_heads": 4,
    "num_hidden_layers": 2,
}


def random_weights(config):
    """Random weights by the names that BERT gives them; the stream of `RandomState` never changes."""
    import numpy as np

    random = np.random.RandomState(SEED)

    def normal(*shape, scale):
        return (random.standard_normal(shape) * scale).astype(np.float32)

    def linear(name, inputs, outputs):
        # Wide enough that scores of different texts are far apart.
        return {f"{name}.weight": normal(outputs, inputs, scale=2 / inputs**0.5), f"{name}.bias": normal(outputs, scale=0.1)}

    def norm(name):
        return {f"{name}.weight": 1 + normal(HIDDEN, scale=0.1), f"{name}.bias": normal(HIDDEN, scale=0.1)}

    tables = {"word": config["vocab_size"], "position": config["max_position_embeddings"], "token_type": config["type_vocab_size"]}
    weights = {f"embeddings.{part}_embeddings.weight": normal(rows, HIDDEN, scale=1) for part, rows in tables.items()}
    weights |= norm("embeddings.LayerNorm")
    for name in (f"encoder.layer.{layer}" for layer in range(config["num_hidden_layers"])):
        for part in ("self.query", "self.key", "self.value", "output.dense"):
            weights |= linear(f"{name}.attention.{part}", HIDDEN, HIDDEN)
        weights |= norm(f"{name}.attention.output.LayerNorm")
        weights |= linear(f"{name}.intermediate.dense", HIDDEN, config["intermediate_size"])
        weights |= linear(f"{name}.output.dense", config["intermediate_size"], HIDDEN)
        weights |= norm(f"{name}.output.LayerNorm")
    return weights | linear("pooler.dense", HIDDEN, HIDDEN) | linear("classifier", HIDDEN, 1)


class CrossEncoder(Bert):
    """The encoder with a score read off its first token."""

    def model(self):
        import numpy as np

        node = self.graph.node
        first = node("Gather", self.states(), self.graph.constant("first", np.int64(0)), axis=1)
        pooled = node("Tanh", self.linear(first, "pooler.dense"))
        return self.model_of(self.linear(pooled, "classifier"), "logits", ["batch", 1])


def reference_score(weights, config, ids, types):
    """The score of one unpadded pair, computed with numpy alone."""
    import numpy as np

    first = reference(weights, config, ids, types)[0]
    pooled = np.tanh(weights["pooler.dense.weight"] @ first + weights["pooler.dense.bias"])
    return (weights["classifier.weight"] @ pooled + weights["classifier.bias"]).item()


def check(path, weights, config):
    """Fails unless the file at `path` computes what `reference_score` does, padding or not."""
    import numpy as np
    import onnxruntime

    pairs = [([101, 2129, 2079, 102], [22279, 2015, 3637, 1029, 102]), ([101, 7592, 102], [2088, 102])]
    ids = [question + passage for question, passage in pairs]
    types = [[0] * len(question) + [1] * len(passage) for question, passage in pairs]
    length = max(map(len, ids))

    def padded(rows):
        return np.array([row + [0] * (length - len(row)) for row in rows], dtype=np.int64)

    feeds = {"input_ids": padded(ids), "attention_mask": padded([[1] * len(row) for row in ids]), "token_type_ids": padded(types)}
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (logits,) = session.run(["logits"], feeds)
    for row, score in enumerate(logits[:, 0]):
        error = abs(score - reference_score(weights, config, ids[row], types[row]))
        if not error < 1e-4:
            sys.exit(f"the cross-encoder is off by {error} from the reference")


def small_config(folder):
    """The tokenizer's model, made small, with one label: the score."""
    return json.loads((folder / "config.json").read_text()) | SIZES | {"id2label": {"0": "LABEL_0"}}


def write_forms(model, output):
    """The forms that large and quantized models have."""
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    for form in ("external", "int8"):
        (output / form).mkdir(exist_ok=True)
    onnx.save(model, output / "int8/model.onnx")
    quantize_dynamic(output / "int8/model.onnx", output / "int8/model.onnx", weight_type=QuantType.QInt8)
    # The weights of a file that is there already would be added to it.
    (output / "external/model.onnx.data").unlink(missing_ok=True)
    onnx.save(model, output / "external/model.onnx", save_as_external_data=True, location="model.onnx.data")


def main():
    tokenizer = Path(sys.argv[1])
    output = Path(sys.argv[2]) if len(sys.argv) > 2 else TARGET / "models" / "cross-encoder"
    if all((output / name).exists() for name in ["model.onnx", *TOKENIZER_FILES]):
        return

    import onnx

    config = small_config(tokenizer)
    weights = random_weights(config)
    output.mkdir(parents=True, exist_ok=True)
    for name in TOKENIZER_FILES:
        shutil.copyfile(tokenizer / name, output / name)
    (output / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    model = CrossEncoder(weights, config).model()
    # The model gets its name last: a folder with a model.onnx is complete.
    unchecked = output / "model.onnx.part"
    onnx.save(model, unchecked)
    check(str(unchecked), weights, config)
    write_forms(model, output)
    os.replace(unchecked, output / "model.onnx")


if __name__ == "__main__":
    main()
