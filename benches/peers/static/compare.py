"""Embeds the same texts with passim's static embedder and its peers; prints one table.

Each measurement is a process of its own. The README says what is measured and how.
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent.parent
ARTICLES = ROOT / "examples/articles"
# Least and most words of a seeded text.
LENGTHS = {"8 words": (8, 8), "100 words": (100, 100), "mixed": (5, 250)}
# The least cosine that a vector of passim's may have with the yardstick's, by bits.
LEAST = {"8": 0.999, "4": 0.97}


@dataclass(frozen=True)
class Arm:
    library: str
    # A file or folder below the output's, or the crate's own.
    model: str
    label: str

    def command(self, out: Path) -> list[str]:
        python = [sys.executable, str(HERE / "arms.py")]
        rust = [str(out / "cargo/release/passim-static-peers")]
        return [*(python if self.library == "model2vec" else rust), self.library]


ARMS = [
    Arm("passim", "table-8.psm", "passim, 8 bits"),
    Arm("passim", "table-4.psm", "passim, 4 bits"),
    Arm("passim stage", "table-4.psm", "passim, 4 bits, `EmbedStage`"),
    Arm("passim", str(ROOT / "models/passim-de-en.psm"), "passim, bundled model"),
    Arm("model2vec-rs", "table", "model2vec-rs 0.4.0"),
    Arm("model2vec-rs int8", "table", "model2vec-rs 0.4.0, `quantize_int8`"),
    Arm("model2vec", "table", f"model2vec {metadata.version('model2vec')}, Python"),
]
YARDSTICK = ARMS[-1]
RUST_PEER = ARMS[4]


@dataclass(frozen=True)
class Took:
    load: float
    cpu: float
    peak: int
    # Beside the yardstick's vectors; none if the table is another one.
    off: float | None
    cosine: float | None


def runs(articles: list[list[str]], name: str, count: int) -> Iterator[str]:
    """Runs of words, each of a random length."""
    seeded = random.Random(name)
    for _ in range(count):
        words, length = seeded.choice(articles), seeded.randint(*LENGTHS[name])
        start = seeded.randrange(len(words) - length + 1)
        yield " ".join(words[start : start + length])


def seeded_sets(out: Path, count: int) -> dict[str, Path]:
    paths = sorted(path for path in ARTICLES.iterdir() if path.suffix in (".md", ".txt"))
    articles = [path.read_text().split() for path in paths]
    sets = {name: out / f"{name}.txt" for name in LENGTHS}
    for name, path in sets.items():
        path.write_text("".join(f"{text}\n" for text in runs(articles, name, count)))
    return sets


def run(out: Path, arm: Arm, texts: Path, passes: int) -> tuple[dict, np.ndarray]:
    """What the arm's process answers, and its vectors."""
    vectors = out / "vectors.f32"
    one_thread = {"RAYON_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "OMP_NUM_THREADS": "1"}
    words = [*arm.command(out), out / arm.model, texts, vectors, passes]
    environment = os.environ | one_thread | {"HF_HUB_OFFLINE": "1"}
    done = subprocess.run(list(map(str, words)), env=environment, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"{arm.label} ended with {done.returncode}")
    count = texts.read_text().count("\n")
    return json.loads(done.stdout), np.fromfile(vectors, dtype="<f4").reshape(count, -1)


def measured(out: Path, arm: Arm, texts: Path, passes: int, expected: np.ndarray) -> Took:
    took, rows = run(out, arm, texts, passes)
    if arm.model.endswith("passim-de-en.psm"):
        return Took(**took, off=None, cosine=None)
    cosines = (rows * expected).sum(axis=1)
    return Took(**took, off=float(np.abs(rows - expected).max()), cosine=float(cosines.min()))


def measure_all(out: Path, sets: dict[str, Path], rounds: int, passes: int) -> dict:
    """Round by round, all arms on one set before the next, in another order each time."""
    expected = {name: run(out, YARDSTICK, path, 1)[1] for name, path in sets.items()}
    seeded = random.Random(rounds)
    all_took = {(name, arm): [] for name in sets for arm in ARMS}
    for turn in range(rounds):
        for name, path in sets.items():
            for arm in seeded.sample(ARMS, len(ARMS)):
                took = measured(out, arm, path, passes, expected[name])
                all_took[name, arm].append(took)
                print(f"round {turn + 1}, {name}, {arm.label}: {took}", file=sys.stderr)
    return all_took


def line(all_took: dict, sets: dict[str, Path], arm: Arm, count: int) -> list[str]:
    cells = [arm.label]
    for name in sets:
        took = all_took[name, arm]
        cells.append(f"{count / statistics.median(one.cpu for one in took):,.0f}")
        pairs = zip(took, all_took[name, RUST_PEER])
        cells.append(f"{statistics.median(peer.cpu / one.cpu for one, peer in pairs):.2f}")
    every = [one for name in sets for one in all_took[name, arm]]
    cells.append(f"{statistics.median(one.load for one in every) * 1e3:,.0f}")
    cells.append(f"{statistics.median(one.peak for one in every) / 1024:,.0f}")
    known = [one for one in every if one.off is not None]
    cells.append(f"{max(one.off for one in known):.0e}" if known else "–")
    cells.append(f"{min(one.cosine for one in known):.4f}" if known else "–")
    return cells


def markdown(rows: list[list[str]]) -> str:
    head, *lines = rows
    rule = ["---", *["--:"] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, rule, *lines])


def check(all_took: dict) -> None:
    """Ends with an error if passim's vectors are not those of the table."""
    for (name, arm), took in all_took.items():
        bits = arm.model.removeprefix("table-").removesuffix(".psm")
        cosine = min((one.cosine for one in took if one.cosine is not None), default=1.0)
        # In this form, since what is no number must not pass.
        if not cosine >= LEAST.get(bits, -1.0):
            sys.exit(f"{arm.label}, {name}: a vector has a cosine of {cosine} with model2vec's")


def main() -> None:
    parser = argparse.ArgumentParser(prog="run", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="measurements of each, by turns")
    parser.add_argument("--count", type=int, default=2_000, help="texts of a set")
    parser.add_argument("--passes", type=int, default=10, help="times that a process embeds them")
    parser.add_argument("--out", type=Path, required=True, help=argparse.SUPPRESS)
    options = parser.parse_args()
    sets = seeded_sets(options.out, options.count)
    all_took = measure_all(options.out, sets, options.rounds, options.passes)
    head = ["texts per CPU second"]
    for name in sets:
        head += [name, "beside model2vec-rs"]
    head += ["load, ms", "peak MiB", "off by", "least cosine"]
    rows = [head, *(line(all_took, sets, arm, options.count) for arm in ARMS)]
    table = markdown(rows)
    (options.out / "table.md").write_text(f"{table}\n")
    print(table)
    check(all_took)


if __name__ == "__main__":
    main()
