"""Builds and searches passim's index and its peers on the same vectors; prints one table.

Each library is a process of its own. The README says what is measured and how.
"""

import argparse
import csv
import itertools
import json
import math
import statistics
import subprocess
import sys
import tomllib
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

import numpy as np

from libraries import LIBRARIES

HERE = Path(__file__).parent
OURS = "passim"
YARDSTICK = "hnswlib"
RUST = [OURS, "hnsw_rs"]
PACKAGES = {"faiss": "faiss-cpu", "svs": "scalable-vs"}
M, EF_CONSTRUCTION, K = 16, 200, 10
QUERY_BLOCK = 100
LADDER = [10, 12, 16, 20, 24, 32, 40, 48, 64, 80, 96, 128, 160, 192, 256, 384, 512, 768, 1024]
TARGETS = [0.95, 0.99]


def unit(rows: np.ndarray) -> np.ndarray:
    rows = rows.astype("<f4")
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def read_halves(path: Path) -> np.ndarray:
    count, dim = np.fromfile(path, "<u4", 2)
    return unit(np.fromfile(path, "<f2", offset=8).reshape(count, dim))


def seeded_clusters(seed: int = 7) -> tuple[np.ndarray, np.ndarray]:
    """20,000 vectors and 1,000 queries: 500 overlapping clusters in 32 of 384 dimensions,
    and noise in all; about as hard to search as sentence embeddings."""
    random = np.random.default_rng(seed)
    clusters, queries, count, rank, dim = 500, 1_000, 21_000, 32, 384
    basis = random.standard_normal((rank, dim), dtype="f4")
    centers = random.standard_normal((clusters, rank), dtype="f4")
    near = centers[random.integers(clusters, size=count)]
    near = near + random.standard_normal((count, rank), dtype="f4")
    rows = unit(near @ basis + 0.5 * random.standard_normal((count, dim), dtype="f4"))
    return rows[queries:], rows[:queries]


def embedded(text: Path, count: int, folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """The first `count` lines of `text`, and the first words of its last ones."""
    files = [folder / "text.base.f32", folder / "text.queries.f32"]
    command = [str(folder / "cargo/release/passim-peers"), "embed", str(text), str(count)]
    answer = subprocess.run([*command, *map(str, files)], check=True, stdout=subprocess.PIPE)
    shape = json.loads(answer.stdout)
    if shape["count"] < count:
        sys.exit(f"{text} has {shape['count']} lines for the index, fewer than {count}")
    base, queries = (np.fromfile(file, "<f4").reshape(-1, shape["dim"]) for file in files)
    return base, queries


@dataclass
class Data:
    """What all libraries are given: files of `f32` rows; and what they should find."""

    title: str
    base: np.ndarray
    queries: np.ndarray
    folder: Path

    def __post_init__(self) -> None:
        blocks = np.array_split(self.queries, max(1, len(self.queries) // QUERY_BLOCK))
        self.tenth = np.concatenate([self.tenth_of(block) for block in blocks])

    def tenth_of(self, queries: np.ndarray) -> np.ndarray:
        return np.partition(queries @ self.base.T, -K, axis=1)[:, -K:][:, :1]

    def write(self, names: list[str]) -> None:
        """Writes the files that the libraries `names` read."""
        self.base.tofile(self.folder / "base.f32")
        self.queries.tofile(self.folder / "queries.f32")
        if any(name.startswith("svs") for name in names):
            import svs

            # LVQ compresses vectors from a file of SVS's own format alone.
            vecs = str(self.folder / "base.fvecs")
            svs.write_vecs(self.base, vecs)
            svs.convert_vecs_to_svs(vecs, str(self.folder / "base.svs"))

    def recall(self, ids: list[list[int]]) -> float:
        """Recall@10; a row as similar as the tenth counts, since vectors may be equal."""
        found = np.sort([row + [-1] * (K - len(row)) for row in ids], axis=1)
        is_new = np.diff(found, axis=1, prepend=-1) > 0
        rows = zip(self.queries, found.clip(0), strict=True)
        similarities = np.stack([self.base[ids] @ query for query, ids in rows])
        return float((is_new & (similarities >= self.tenth - 1e-6)).mean())

    @classmethod
    def load(cls, source: Path | None, text: Path | None, count: int, folder: Path) -> "Data":
        if text is not None:
            return cls("lines of text, bundled model", *embedded(text, count, folder), folder)
        if source is None:
            return cls("seeded clusters", *seeded_clusters(), folder)
        base, queries = (read_halves(source / f"minilm.{part}.f16") for part in ("base", "query"))
        return cls("MiniLM-L6 embeddings", base, queries, folder)


class WorkerError(Exception):
    """A library's process ended."""


class Worker:
    """A library's process. Memory is its resident set, less that before the vectors came."""

    def __init__(self, library: str, data: Data, out: Path) -> None:
        rust = [str(out / "cargo/release/passim-peers")]
        program = rust if library in RUST else [sys.executable, str(HERE / "libraries.py")]
        files = [str(data.folder / name) for name in ("base.f32", "queries.f32")]
        command = [*program, library, *files, str(data.base.shape[1])]
        pipe = subprocess.PIPE
        self.library = library
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
        self.answer()
        self.idle = self.resident("VmRSS")

    def answer(self) -> dict:
        line = self.process.stdout.readline()
        if not line:
            raise WorkerError(f"{self.library} ended with {self.process.wait()}")
        return json.loads(line)

    def ask(self, *words: object) -> dict:
        print(*words, file=self.process.stdin, flush=True)
        return self.answer()

    def resident(self, field: str) -> int:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return 1024 * int(status.split(f"{field}:")[1].split()[0])

    def build(self, threads: int) -> dict[str, float]:
        took = self.ask("build", threads, M, EF_CONSTRUCTION)
        peak, held = (self.resident(field) - self.idle for field in ("VmHWM", "VmRSS"))
        return took | {"peak": peak, "held": held}

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()


@dataclass
class Figures:
    """What was measured of one library: builds by threads, and rounds by `ef`."""

    builds: dict[int, list[dict[str, float]]]
    recalls: dict[int, float] = field(default_factory=dict)
    seconds: dict[int, list[float]] = field(default_factory=dict)

    def build(self, measure: str, threads: int | None = None) -> float:
        """The median of the builds, by default with the first number of threads."""
        took = self.builds[next(iter(self.builds)) if threads is None else threads]
        return statistics.median(one[measure] for one in took)

    def curve(self) -> list[tuple[int, float, float]]:
        """`ef`, recall, and queries per CPU second (median of rounds), by rising `ef`."""
        rounds = self.seconds.items()
        return [(ef, self.recalls[ef], 1 / statistics.median(took)) for ef, took in rounds]

    def speed_at(self, target: float) -> float | None:
        """Queries per CPU second at a recall, between the `ef` below it and the one above:
        logarithm of the speed, linear in recall. `None` if no `ef` reaches it."""
        points = [point[1:] for point in self.curve()]
        if points[0][0] >= target:
            return points[0][1]
        for (below, faster), (above, slower) in itertools.pairwise(points):
            if above >= target:
                share = (target - below) / (above - below)
                return math.exp((1 - share) * math.log(faster) + share * math.log(slower))
        return None


def build_all(
    names: list[str], data: Data, out: Path, builds: int, threads_of_builds: list[int]
) -> dict[Worker, Figures]:
    """Builds by turns; the last one of the first number of threads stays, to be searched. A
    library whose process ends is left out: some do not run on every processor."""
    kept: dict[str, Worker] = {}
    figures = {name: Figures({threads: [] for threads in threads_of_builds}) for name in names}
    for turn, name, threads in itertools.product(range(builds), names, threads_of_builds):
        if name not in figures:
            continue
        try:
            worker = Worker(name, data, out)
            took = worker.build(threads)
        except (WorkerError, BrokenPipeError) as error:
            print(f"left out: {error}", file=sys.stderr)
            del figures[name]
            continue
        print(f"build {turn + 1}: {name}, {threads} threads: {took}", file=sys.stderr)
        figures[name].builds[threads].append(took)
        if turn + 1 == builds and threads == threads_of_builds[0]:
            kept[name] = worker
        else:
            worker.close()
    return {kept[name]: one for name, one in figures.items()}


def search_all(kept: dict[Worker, Figures], data: Data, rounds: int) -> None:
    """The first round warms up and measures recall; those of higher `ef` than it takes to
    reach every target are left out of the others."""
    for ef, (worker, figures) in itertools.product(LADDER, kept.items()):
        if max(figures.recalls.values(), default=0) < max(TARGETS):
            figures.recalls[ef] = data.recall(worker.ask("round", ef, K)["ids"])
            figures.seconds[ef] = []
    for turn in range(rounds):
        print(f"round {turn + 1} of {rounds}", file=sys.stderr)
        for ef, (worker, figures) in itertools.product(LADDER, kept.items()):
            if ef in figures.recalls:
                took = worker.ask("round", ef, K)["cpu"]
                figures.seconds[ef].append(took / len(data.queries))


def version(library: str) -> str:
    if library in RUST:
        lock = tomllib.loads((HERE / "Cargo.lock").read_text())
        return next(found["version"] for found in lock["package"] if found["name"] == library)
    package = library.split()[0]
    return metadata.version(PACKAGES.get(package, package))


def shown(value: float | None, digits: int = 0) -> str:
    return "–" if value is None else f"{value:,.{digits}f}"


def ratio(value: float | None, to: float | None) -> float | None:
    return None if value is None or to is None else value / to


def table(figures: dict[str, Figures], rows: int) -> list[dict[str, str]]:
    ours, yardstick = figures.get(OURS), figures.get(YARDSTICK)
    lines = []
    for name, one in figures.items():
        cpu = one.build("cpu")
        line = {"library": f"{name} {version(name)}", "build CPU s": shown(cpu, 1)}
        to = yardstick.build("cpu") if yardstick else None
        line[f"/ {YARDSTICK}"] = shown(ratio(cpu, to), 2)
        walls = [shown(one.build("wall", threads), 1) for threads in one.builds]
        line[f"wall s, {' / '.join(map(str, one.builds))} threads"] = " / ".join(walls)
        for target in TARGETS:
            speed = one.speed_at(target)
            line[f"queries/s at {target}"] = shown(speed)
            faster = ratio(ours.speed_at(target), speed) if ours else None
            line[f"{OURS} / it at {target}"] = shown(faster, 2)
        for measure in ("held", "peak"):
            line[f"bytes/vector, {measure}"] = shown(one.build(measure) / rows)
        lines.append(line)
    return lines


def markdown(lines: list[dict[str, str]]) -> str:
    head = list(lines[0])
    rule = ["---", *("--:" for _ in head[1:])]
    rows = [head, rule, *(list(line.values()) for line in lines)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def write(out: Path, title: str, lines: list[dict[str, str]], figures: dict[str, Figures]) -> None:
    text = f"{title}\n\n{markdown(lines)}\n"
    (out / "table.md").write_text(text)
    with (out / "table.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(lines[0]))
        writer.writeheader()
        writer.writerows(lines)
    with (out / "curves.csv").open("w", newline="") as file:
        points = csv.writer(file)
        points.writerow(["library", "ef", "recall", "queries per CPU second"])
        for name, one in figures.items():
            points.writerows((name, *point) for point in one.curve())
    print(text)


def main() -> None:
    parser = argparse.ArgumentParser(prog="run", description=__doc__)
    parser.add_argument("data", type=Path, nargs="?", metavar="DATA_DIR")
    parser.add_argument("--text", type=Path, help="embed its lines instead")
    parser.add_argument("--count", type=int, default=100_000, help="lines of the text to index")
    parser.add_argument("--builds", type=int, default=3, help="builds of each, by turns")
    parser.add_argument("--threads", default="1,2", help="numbers of threads of builds, each")
    parser.add_argument("--rounds", type=int, default=7, help="rounds of searches")
    parser.add_argument("--only", help="libraries, with commas between")
    parser.add_argument("--out", type=Path, required=True, help=argparse.SUPPRESS)
    options = parser.parse_args()
    names = options.only.split(",") if options.only else [*RUST, *LIBRARIES]
    data = Data.load(options.data, options.text, options.count, options.out)
    data.write(names)
    threads = [int(number) for number in options.threads.split(",")]
    kept = build_all(names, data, options.out, options.builds, threads)
    if not kept:
        sys.exit("nothing was measured")
    search_all(kept, data, options.rounds)
    figures = {worker.library: one for worker, one in kept.items()}
    count, dim = data.base.shape
    title = f"{data.title}: {count:,} x {dim}, {len(data.queries):,} queries, recall@{K}; "
    title += f"median of {options.builds} builds and {options.rounds} rounds. Build CPU time and "
    title += f"memory with {threads[0]} threads, searches with one."
    if missing := [name for name in names if name not in figures]:
        title += f" Not measured, since they failed: {', '.join(missing)}."
    write(options.out, title, table(figures, count), figures)


if __name__ == "__main__":
    main()
