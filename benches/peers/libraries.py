"""The Python peers: how each is opened, built over unit vectors, and searched.

Run as a program it is one library's process: `libraries.py LIBRARY BASE QUERIES DIM`, answering
the same lines as `src/main.rs`, which says what they are.
"""

import ctypes
import json
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np


class Library(Protocol):
    """A peer; making one imports it, so that a process loads one alone."""

    def build(self, base: np.ndarray, threads: int, m: int, ef_construction: int) -> None:
        """Indexes unit rows; the graph has `2 m` links on its lowest layer."""

    def search(self, queries: np.ndarray, ef: int, k: int) -> np.ndarray:
        """Ids found, one row for each query; on one thread."""


class Hnswlib:
    def __init__(self, _base_file: Path) -> None:
        import hnswlib

        self.lib = hnswlib

    def build(self, base: np.ndarray, threads: int, m: int, ef_construction: int) -> None:
        self.index = self.lib.Index("ip", base.shape[1])
        self.index.init_index(len(base), M=m, ef_construction=ef_construction)
        self.index.add_items(base, num_threads=threads)

    def search(self, queries: np.ndarray, ef: int, k: int) -> np.ndarray:
        self.index.set_ef(ef)
        return self.index.knn_query(queries, k, num_threads=1)[0]


class Faiss:
    def __init__(self, _base_file: Path, codes: str | None = None) -> None:
        import faiss

        self.lib, self.codes = faiss, codes

    def build(self, base: np.ndarray, threads: int, m: int, ef_construction: int) -> None:
        lib, dim = self.lib, base.shape[1]
        lib.omp_set_num_threads(threads)
        if self.codes is None:
            self.index = lib.IndexHNSWFlat(dim, m, lib.METRIC_INNER_PRODUCT)
        else:
            codes = getattr(lib.ScalarQuantizer, self.codes)
            self.index = lib.IndexHNSWSQ(dim, codes, m, lib.METRIC_INNER_PRODUCT)
            self.index.train(base)
        self.index.hnsw.efConstruction = ef_construction
        self.index.add(base)

    def search(self, queries: np.ndarray, ef: int, k: int) -> np.ndarray:
        self.lib.omp_set_num_threads(1)
        self.index.hnsw.efSearch = ef
        return self.index.search(queries, k)[1]


class Usearch:
    def __init__(self, _base_file: Path, dtype: str) -> None:
        from usearch.index import Index

        self.index_type, self.dtype = Index, dtype

    def build(self, base: np.ndarray, threads: int, m: int, ef_construction: int) -> None:
        self.index = self.index_type(
            ndim=base.shape[1],
            metric="ip",
            dtype=self.dtype,
            connectivity=m,
            expansion_add=ef_construction,
        )
        self.index.add(np.arange(len(base)), base, threads=threads)

    def search(self, queries: np.ndarray, ef: int, k: int) -> np.ndarray:
        self.index.expansion_search = ef
        return self.index.search(queries, k, threads=1).keys


class Svs:
    """Vamana over rows as they are; the classes below give it codes instead."""

    def __init__(self, base_file: Path) -> None:
        import svs

        self.lib, self.base_file = svs, base_file

    def data(self, base: np.ndarray) -> object:
        return base

    def build(self, base: np.ndarray, threads: int, m: int, ef_construction: int) -> None:
        # Its default for inner products; L2 with its 1.2 is slower at equal recall.
        shape = self.lib.VamanaBuildParameters(
            alpha=0.95, graph_max_degree=2 * m, window_size=ef_construction
        )
        metric = self.lib.DistanceType.MIP
        self.index = self.lib.Vamana.build(shape, self.data(base), metric, num_threads=threads)
        self.index.num_threads = 1

    def search(self, queries: np.ndarray, ef: int, k: int) -> np.ndarray:
        self.index.search_window_size = ef
        return self.index.search(queries, k)[0]


class SvsLvq8(Svs):
    def data(self, base: np.ndarray) -> object:
        path, kind = str(self.base_file.with_suffix(".svs")), self.lib.DataType.float32
        rows = self.lib.VectorDataLoader(path, kind, dims=base.shape[1])
        return self.lib.LVQLoader(rows, primary=8)


class SvsInt8(Svs):
    def data(self, base: np.ndarray) -> object:
        self.scale = 127 / float(np.abs(base).max())
        return self.bytes_of(base)

    def bytes_of(self, rows: np.ndarray) -> np.ndarray:
        return np.clip(np.rint(rows * self.scale), -127, 127).astype(np.int8)

    def search(self, queries: np.ndarray, ef: int, k: int) -> np.ndarray:
        return super().search(self.bytes_of(queries), ef, k)


LIBRARIES: dict[str, Callable[[Path], Library]] = {
    "hnswlib": Hnswlib,
    "faiss f32": Faiss,
    "faiss sq8": partial(Faiss, codes="QT_8bit"),
    "usearch f32": partial(Usearch, dtype="f32"),
    "usearch i8": partial(Usearch, dtype="i8"),
    "svs f32": Svs,
    "svs lvq8": SvsLvq8,
    "svs int8": SvsInt8,
}


def timed_build(library: Library, base_file: Path, dim: int, numbers: list[int]) -> dict:
    # Mapped, so that the rows count as this process's memory only where they are read.
    base = np.memmap(base_file, dtype="<f4", mode="r").reshape(-1, dim).view(np.ndarray)
    cpu, wall = time.process_time(), time.perf_counter()
    library.build(base, *numbers)
    return {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}


def timed_round(library: Library, queries: np.ndarray, ef: int, k: int) -> dict:
    cpu = time.process_time()
    ids = library.search(queries, ef, k)
    cpu = time.process_time() - cpu
    return {"cpu": cpu, "ids": ids.astype(np.int64).tolist()}


def serve(name: str, base_file: Path, queries_file: Path, dim: int) -> None:
    # Libraries may print: what is meant for the driver has a stream of its own.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    library = LIBRARIES[name](base_file)
    queries = np.fromfile(queries_file, dtype="<f4").reshape(-1, dim)
    print("{}", file=answers, flush=True)
    for line in sys.stdin:
        command, *rest = line.split()
        numbers = [int(word) for word in rest]
        if command == "build":
            answer = timed_build(library, base_file, dim, numbers)
            # Gives free pages back, so that what stays is what the index holds.
            ctypes.CDLL(None).malloc_trim(0)
        else:
            answer = timed_round(library, queries, *numbers)
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    serve(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))
