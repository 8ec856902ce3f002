#!/usr/bin/env python3
"""Writes a model folder again with weights in eight bits, for ONNX Runtime on a CPU.

usage: quantize.py FP32_DIR INT8_DIR

Dynamic quantization, with a scale for every output channel: weights are stored as int8, and
what is multiplied by them is rounded when the model runs. Tokenizer and configuration files
are copied. A complete folder is left as it is.
"""

import shutil
import sys
import tempfile
from pathlib import Path

MODEL = "model.onnx"
WEIGHTS = shutil.ignore_patterns("*.onnx*", "*.safetensors")


def write_folder(source, folder):
    """The whole of the new model, in `folder`, which must not exist."""
    import onnx
    from onnxruntime.quantization import quantize_dynamic

    shutil.copytree(source, folder, ignore=WEIGHTS)
    # Given a path, it would write a file of its own beside the source.
    quantize_dynamic(onnx.load(source / MODEL), folder / MODEL, per_channel=True)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    source, target = map(Path, sys.argv[1:])
    if (target / MODEL).exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    # The folder gets its name last, so one with a model in it is complete.
    with tempfile.TemporaryDirectory(prefix=f"{target.name}.", dir=target.parent) as part:
        write_folder(source, Path(part) / "model")
        (Path(part) / "model").rename(target)


if __name__ == "__main__":
    main()
