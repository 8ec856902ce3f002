"""The model file of docs/MODEL_FORMAT.md: quantising, writing and reading it."""

import os
import struct

import numpy as np
import xxhash

from losses import unit
from pieces import Pieces, weighted

MAGIC = b"\x89PSM\r\n\x1a\n"
VERSION = 1
POOLING_LOG_COUNT = 1
BITS = 4
HEADER = struct.Struct("<8s6I6Q32s16x")
ALIGN = 64


def quantise(table):
    """Codes 0..15, u8 [rows, dim], and one scale per row, f32 [rows]: value = (code - 8) * scale.

    Of several clipping points each row takes the one with the least squared error.
    """
    largest = np.maximum(np.abs(table).max(axis=1, keepdims=True), 1e-12)
    best_codes, best_scales, best_error = None, None, np.inf
    for share in np.linspace(0.6, 1.0, 9):
        scales = (largest * share / 7.5).astype(np.float32)
        codes = np.clip(np.rint(table / scales), -8, 7)
        error = ((codes * scales - table) ** 2).sum(axis=1, keepdims=True)
        better = error < best_error
        best_error = np.where(better, error, best_error)
        best_scales = scales if best_scales is None else np.where(better, scales, best_scales)
        best_codes = codes if best_codes is None else np.where(better, codes, best_codes)
    return (best_codes + 8).astype(np.uint8), best_scales[:, 0]


def front_coded(pieces):
    """Each piece as: bytes shared with the one before, bytes that follow, those bytes."""
    coded, before = bytearray(), b""
    for piece in map(str.encode, pieces):
        shared = len(os.path.commonprefix([before, piece]))
        coded += bytes([shared, len(piece) - shared]) + piece[shared:]
        before = piece
    return bytes(coded)


def front_decoded(coded, count):
    """The first `count` pieces of `coded`, and what follows them."""
    pieces, before, at = [], b"", 0
    for _ in range(count):
        shared, more = coded[at], coded[at + 1]
        before = before[:shared] + coded[at + 2 : at + 2 + more]
        pieces.append(before.decode())
        at += 2 + more
    return pieces, coded[at:]


class StaticModel:
    """A vocabulary with its quantised table: what a model file holds."""

    def __init__(self, name, vocabulary, codes, scales):
        self.name, self.vocabulary, self.codes, self.scales = name, vocabulary, codes, scales
        self.table = (codes.astype(np.float32) - 8) * scales[:, None]

    def embed(self, texts):
        """Unit vectors, f32 [len(texts), dim]."""
        return unit(weighted(self.vocabulary.counts(texts)) @ self.table)[0]

    def write(self, path):
        """Writes the file; the high half of byte `j` of a row is the value at `j + dim / 2`."""
        half = self.codes.shape[1] // 2
        sections = [
            front_coded(self.vocabulary.starts) + front_coded(self.vocabulary.continuations),
            self.scales.astype("<f4").tobytes(),
            (self.codes[:, :half] | self.codes[:, half:] << 4).tobytes(),
        ]
        spans, body, at = [], bytearray(), HEADER.size
        for section in sections:
            spans += [at, len(section)]
            body += section + bytes(-len(section) % ALIGN)
            at = HEADER.size + len(body)
        numbers = POOLING_LOG_COUNT, self.codes.shape[1], BITS, self.vocabulary.rows, len(self.vocabulary.starts)
        header = HEADER.pack(MAGIC, VERSION, *numbers, *spans, self.name.encode())
        checked = header + bytes(body)
        path.write_bytes(checked + struct.pack("<Q", xxhash.xxh3_64_intdigest(checked)))

    @classmethod
    def read(cls, path):
        """Reads a file that `write` wrote; the crate's loader is the one that checks everything."""
        data = path.read_bytes()
        magic, version, _, dim, _, rows, starts, *spans, name = HEADER.unpack_from(data)
        if (magic, version) != (MAGIC, VERSION):
            raise SystemExit(f"{path} is not a model file of version {VERSION}")
        vocabulary, scales, packed = (data[at : at + size] for at, size in zip(spans[::2], spans[1::2]))
        start_pieces, rest = front_decoded(vocabulary, starts)
        continuations, _ = front_decoded(rest, rows - 1 - starts)
        packed = np.frombuffer(packed, dtype=np.uint8).reshape(rows, dim // 2)
        codes = np.hstack([packed & 15, packed >> 4])
        return cls(name.rstrip(b"\0").decode(), Pieces(start_pieces, continuations), codes, np.frombuffer(scales, "<f4"))
