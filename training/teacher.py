"""Vectors of the teacher, all-MiniLM-L6-v2, computed once and kept in a cache folder."""

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime
from onnxruntime.quantization import QuantType, quantize_dynamic
from tokenizers import Tokenizer

SHARD = 16_384  # texts per cache file
MAX_TOKENS = 256  # the limit the teacher was made for
BATCH_TOKENS = 1024  # fits the cache of one core; larger batches are no faster


class Teacher:
    """The int8 teacher: twice as fast as f32, mean cosine .991 to its vectors."""

    def __init__(self, folder, cache):
        self.cache = Path(cache)
        self.cache.mkdir(parents=True, exist_ok=True)
        self.tokenizer = Tokenizer.from_file(str(Path(folder) / "tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(MAX_TOKENS)
        int8 = self.cache / "model-int8.onnx"
        if not int8.exists():
            part = int8.with_suffix(".part")
            quantize_dynamic(Path(folder) / "model.onnx", part, per_channel=True, weight_type=QuantType.QInt8)
            os.replace(part, int8)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.sessions = [onnxruntime.InferenceSession(str(int8), options) for _ in range(os.cpu_count())]

    def texts(self, texts, report=lambda done, total: None):
        """Unit vectors, f16 [len(texts), 384]; finished shards are read from the cache."""
        shards = [texts[at : at + SHARD] for at in range(0, len(texts), SHARD)]
        vectors = []
        for done, shard in enumerate(shards):
            report(done, len(shards))
            vectors.append(self.shard(shard))
        return np.concatenate(vectors)

    def shard(self, texts):
        name = hashlib.sha256("\0".join(texts).encode()).hexdigest()[:24]
        path = self.cache / f"{name}.npy"
        if not path.exists():
            vectors = self.tokens([encoding.ids for encoding in self.tokenizer.encode_batch(texts)])
            part = path.with_suffix(".part.npy")
            np.save(part, vectors.astype(np.float16))
            os.replace(part, path)
        return np.load(path)

    def tokens(self, texts):
        """Unit vectors, f32 [len(texts), 384], of texts given as token ids.

        A batch holds texts of one length: no padding, and no text's
        quantisation depends on the padding of another.
        """
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        batches, batch = [], []
        for i in order:
            length = len(texts[i])
            if batch and (len(texts[batch[0]]) != length or (len(batch) + 1) * length > BATCH_TOKENS):
                batches.append(batch)
                batch = []
            batch.append(i)
        batches.append(batch)

        vectors = np.empty((len(texts), 384), dtype=np.float32)

        def work(worker):
            for batch in batches[worker :: len(self.sessions)]:
                ids = np.array([texts[i] for i in batch], dtype=np.int64)
                feeds = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
                (states,) = self.sessions[worker].run(None, feeds)
                vectors[batch] = states.mean(axis=1)

        with ThreadPoolExecutor() as pool:
            list(pool.map(work, range(len(self.sessions))))
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
