"""The model file of docs/MODEL_FORMAT.md: quantizing, writing and reading it."""

import os
import struct

import numpy as np
import xxhash

from losses import unit
from pieces import MAX_PIECE, Pieces, weighted

MAGIC = b"\x89PSM\r\n\x1a\n"
VERSION = 1
# Text rules.
COMPOSED, UNCASED = 1, 2
# Pooling.
LOG_COUNT, MEAN = 1, 2
HEADER = struct.Struct("<8s7I4x6Q32s8x")
NAME = slice(88, 120)
ALIGN = 64
DIMS = range(2, 4097)
# Values that share whole bytes.
GROUP = {3: 8, 4: 2, 8: 1}


def worth(codes, bits):
    """What codes are worth, in steps: for 3 bits no value is zero, for more bits code 2^(bits - 1) is."""
    return codes.astype(np.float32) - (3.5 if bits == 3 else 1 << bits - 1)


def quantize(table, bits=4):
    """Codes 0 to 2^bits - 1, u8 [rows, dim], and one scale per row, f32 [rows]: value = worth(code) * scale.

    Of several clipping points each row takes the one with the least squared error.
    """
    zero, last = -worth(np.zeros(1), bits), (1 << bits) - 1
    largest = np.maximum(np.abs(table).max(axis=1, keepdims=True), 1e-12)
    best_codes, best_scales, best_error = None, None, np.inf
    for share in np.linspace(0.35, 1.0, 14):
        scales = (largest * share / (last / 2)).astype(np.float32)
        codes = np.clip(np.rint(table / scales + zero), 0, last)
        error = ((worth(codes, bits) * scales - table) ** 2).sum(axis=1, keepdims=True)
        better = error < best_error
        best_error = np.where(better, error, best_error)
        best_scales = scales if best_scales is None else np.where(better, scales, best_scales)
        best_codes = codes if best_codes is None else np.where(better, codes, best_codes)
    return best_codes.astype(np.uint8), best_scales[:, 0]


def packed(codes, bits):
    """The bytes of rows of codes, u8 [rows, dim * bits / 8]."""
    if bits == 8:
        return codes ^ 0x80
    if bits == 4:
        low, high = np.split(codes, 2, axis=1)
        return low | high << 4
    groups = sum(part.astype(np.uint32) << 3 * at for at, part in enumerate(np.split(codes, 8, axis=1)))
    return np.hstack([groups >> 8 * third & 255 for third in range(3)]).astype(np.uint8)


def unpacked(rows, bits):
    """The codes of packed rows, u8 [rows, dim]."""
    if bits == 8:
        return rows ^ 0x80
    if bits == 4:
        return np.hstack([rows & 15, rows >> 4])
    groups = sum(part.astype(np.uint32) << 8 * third for third, part in enumerate(np.split(rows, 3, axis=1)))
    return np.hstack([groups >> 3 * at & 7 for at in range(8)]).astype(np.uint8)


def checksum(data):
    """XXH3-64 of all bytes, the name after the others."""
    return xxhash.xxh3_64_intdigest(data[: NAME.start] + data[NAME.stop :] + data[NAME])


def front_coded(pieces, costs):
    """Each piece as: bytes shared with the one before, bytes that follow, cost, those bytes."""
    coded, before = bytearray(), b""
    for piece, cost in zip(map(str.encode, pieces), costs, strict=True):
        shared = len(os.path.commonprefix([before, piece]))
        if not 0 < len(piece) <= MAX_PIECE:
            raise SystemExit(f"the piece {piece} has not 1 to {MAX_PIECE} bytes")
        coded += bytes([shared, len(piece) - shared, cost]) + piece[shared:]
        before = piece
    return bytes(coded)


def front_decoded(coded, count):
    """The first `count` pieces of `coded`, their costs, and what follows them."""
    pieces, costs, before, at = [], [], b"", 0
    for _ in range(count):
        shared, more, cost = coded[at : at + 3]
        at += 3
        before = before[:shared] + coded[at : at + more]
        pieces.append(before.decode())
        costs.append(cost)
        at += more
    return pieces, costs, coded[at:]


class StaticModel:
    """A vocabulary with its quantized table: what a model file holds.

    `embed` is for text rules 1 and pooling 1, those of the bundled model.
    """

    def __init__(self, name, vocabulary, codes, scales, bits=4, rules=COMPOSED, pooling=LOG_COUNT):
        if codes.shape[1] not in DIMS:
            raise SystemExit(f"a row of {codes.shape[1]} values has not {DIMS[0]} to {DIMS[-1]}")
        if codes.shape[1] % GROUP[bits]:
            raise SystemExit(f"{codes.shape[1]} values of {bits} bits are not whole bytes")
        self.name, self.vocabulary, self.codes, self.scales = name, vocabulary, codes, scales
        self.bits, self.rules, self.pooling = bits, rules, pooling
        self.table = worth(codes, bits) * scales[:, None]

    def embed(self, texts):
        """Unit vectors, f32 [len(texts), dim]."""
        if (self.rules, self.pooling) != (COMPOSED, LOG_COUNT):
            raise SystemExit(f"{self.name} has other rules than the bundled model: only the crate embeds with it")
        return unit(weighted(self.vocabulary.counts(texts)) @ self.table)[0]

    def write(self, path):
        sections = [
            self.vocabulary_section(),
            self.scales.astype("<f4").tobytes(),
            packed(self.codes, self.bits).tobytes(),
        ]
        spans, body, at = [], bytearray(), HEADER.size
        for section in sections:
            spans += [at, len(section)]
            body += section + bytes(-len(section) % ALIGN)
            at = HEADER.size + len(body)
        numbers = self.codes.shape[1], self.bits, self.vocabulary.rows, len(self.vocabulary.starts)
        header = HEADER.pack(MAGIC, VERSION, self.rules, self.pooling, *numbers, *spans, self.name.encode())
        checked = header + bytes(body)
        path.write_bytes(checked + struct.pack("<Q", checksum(checked)))

    def vocabulary_section(self):
        starts, continuations, costs = self.vocabulary.starts, self.vocabulary.continuations, self.vocabulary.costs
        return front_coded(starts, costs[: len(starts)]) + front_coded(continuations, costs[len(starts) :])

    @classmethod
    def read(cls, path):
        """Reads a file that `write` wrote; the crate's loader is the one that checks everything."""
        data = path.read_bytes()
        magic, version, rules, pooling, dim, bits, rows, starts, *spans, name = HEADER.unpack_from(data)
        if (magic, version) != (MAGIC, VERSION):
            raise SystemExit(f"{path} is not a model file of version {VERSION}")
        vocabulary, scales, codes = (data[at : at + size] for at, size in zip(spans[::2], spans[1::2]))
        start_pieces, start_costs, rest = front_decoded(vocabulary, starts)
        continuations, costs, rest = front_decoded(rest, rows - 1 - starts)
        if rest or checksum(data[:-8]) != struct.unpack("<Q", data[-8:])[0]:
            raise SystemExit(f"{path} is damaged")
        codes = unpacked(np.frombuffer(codes, dtype=np.uint8).reshape(rows, dim * bits // 8), bits)
        pieces, scales = Pieces(start_pieces, continuations, start_costs + costs), np.frombuffer(scales, "<f4")
        return cls(name.rstrip(b"\0").decode(), pieces, codes, scales, bits, rules, pooling)
