"""Vectors of the teacher, all-MiniLM-L6-v2, computed once and kept in a cache folder."""

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import numpy as np
import onnxruntime
from onnxruntime.quantization import QuantType, quantize_dynamic
from tokenizers import Tokenizer

DIM = 384
SHARD = 16_384  # texts per cache file
MAX_TOKENS = 256  # the limit the teacher was made for
BATCH_TOKENS = 1024  # fits the cache of one core; larger batches are no faster


def digest(text):
    return hashlib.sha256(text.encode()).digest()[:16]


class Teacher:
    """The int8 teacher: twice as fast as f32, mean cosine .991 to its vectors."""

    def __init__(self, folder, cache):
        # Another limit would give other vectors.
        self.cache = Path(cache) / f"all-MiniLM-L6-v2-int8-{MAX_TOKENS}"
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
        """Unit vectors, f16 [len(texts), 384]; those in the cache are read from there."""
        keys = [digest(text) for text in texts]
        known = self.cached()
        missing = {key: text for key, text in zip(keys, texts) if key not in known}
        for done in range(0, len(missing), SHARD):
            report(done, len(missing))
            self.embed_shard(dict(islice(missing.items(), done, done + SHARD)))
        known = self.cached()
        vectors = np.empty((len(texts), DIM), dtype=np.float16)
        for at, key in enumerate(keys):
            vectors[at] = known[key]
        return vectors

    def cached(self):
        """The vectors of all shards by the digests of their texts."""
        known = {}
        for path in sorted(self.cache.glob("*.npz")):
            with np.load(path) as shard:
                known |= zip(map(bytes, shard["keys"]), shard["vectors"])
        return known

    def embed_shard(self, texts):
        """Embeds texts, given by their digests, and keeps them as a shard."""
        vectors = self.tokens([encoding.ids for encoding in self.tokenizer.encode_batch(list(texts.values()))])
        keys = np.frombuffer(b"".join(texts), dtype=np.uint8).reshape(len(texts), -1)
        part = self.cache / "shard.part"
        with part.open("wb") as file:
            np.savez(file, keys=keys, vectors=vectors.astype(np.float16))
        os.replace(part, self.cache / f"{hashlib.sha256(keys).hexdigest()[:24]}.npz")

    def tokens(self, texts):
        """Unit vectors, f32 [len(texts), 384], of texts given as token ids.

        A batch holds texts of one length: no padding, and no text's
        quantization depends on the padding of another.
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

        vectors = np.empty((len(texts), DIM), dtype=np.float32)

        def work(worker):
            for batch in batches[worker :: len(self.sessions)]:
                ids = np.array([texts[i] for i in batch], dtype=np.int64)
                feeds = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
                (states,) = self.sessions[worker].run(None, feeds)
                vectors[batch] = states.mean(axis=1)

        with ThreadPoolExecutor() as pool:
            list(pool.map(work, range(len(self.sessions))))
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
