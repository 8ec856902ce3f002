"""The training text: pairs kept clear of the evaluation texts, split, and sampled.

A pair is a German and an English text of the same meaning: a line of the
source files, or a window of neighboring lines of one file (a stand-in for a
paragraph).
"""

import gzip
import hashlib
import json
import random
import re
from dataclasses import dataclass, field
from pathlib import Path

SHINGLE = 5  # words that make one unit of near-duplicate comparison
NEAR = 0.3  # a text that shares this part of its shingles with the evaluation texts is dropped
BLOCK = 32  # neighboring lines that are held out together, so that windows do not leak
DEV_SHARE = 0.01
WINDOW_LINES = (3, 8)
WINDOW_WORDS = 160
# Files whose neighboring lines follow each other in a document.
RUNNING_TEXT = re.compile(r"ms-|bible|php|rust-book|iot|evcc|debian|monero|bitcoin|opensource|apache|corona|mit-|react")


@dataclass
class Pairs:
    """Parallel lists: `source[i]` names the file of `german[i]` and `english[i]`."""

    source: list = field(default_factory=list)
    german: list = field(default_factory=list)
    english: list = field(default_factory=list)

    def __len__(self):
        return len(self.source)

    def add(self, source, german, english):
        self.source.append(source)
        self.german.append(german)
        self.english.append(english)


def words(text):
    return re.findall(r"\w+", text.casefold())


def shingles(text):
    """Runs of `SHINGLE` words; a shorter text is one run."""
    tokens = words(text)
    return {" ".join(tokens[i : i + SHINGLE]) for i in range(max(1, len(tokens) - SHINGLE + 1))}


class EvaluationTexts:
    """What must not be trained on: every text under a folder of judged sets."""

    def __init__(self, folder):
        self.exact, self.shingles = set(), set()
        for path in sorted(Path(folder).glob("*/*.jsonl")):
            for line in path.read_text(encoding="utf-8").splitlines():
                self.add(json.loads(line))
        if not self.exact:
            raise SystemExit(f"no evaluation texts under {folder}")

    def add(self, record):
        for text in (record.get("title") or "", record["text"]):
            if tokens := words(text):
                self.exact.add(" ".join(tokens))
                self.shingles |= shingles(text)

    def hold(self, text):
        """Whether `text` is, or nearly is, an evaluation text or a part of one."""
        if " ".join(words(text)) in self.exact:
            return True
        own = shingles(text)
        return len(own & self.shingles) >= NEAR * len(own)


def held_out(source, line):
    """Whether the block of `line` belongs to the development split."""
    digest = hashlib.sha256(f"{source}:{line // BLOCK}".encode()).digest()
    return int.from_bytes(digest[:8], "little") < DEV_SHARE * 2**64


def read_pairs(folder, evaluation):
    """The pairs under `folder` as (training, development, number dropped)."""
    training, development, dropped = Pairs(), Pairs(), 0
    rng = random.Random(1)
    for path in sorted(Path(folder).glob("pairs/*.tsv.gz")):
        source = path.name.removesuffix(".tsv.gz")
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            rows = [line.rstrip("\n").split("\t") for line in lines]
        clear = [not (evaluation.hold(german) or evaluation.hold(english)) for german, english in rows]
        dropped += clear.count(False)
        for line, (german, english) in enumerate(rows):
            if clear[line]:
                (development if held_out(source, line) else training).add(source, german, english)
        if RUNNING_TEXT.match(source):
            add_windows(training, source, rows, clear, rng)
    return training, development, dropped


def add_windows(training, source, rows, clear, rng):
    """Adds one window for each tenth line, of training lines of one block only."""
    for block in range(0, len(rows), BLOCK):
        lines = [row for row, keep in zip(rows[block : block + BLOCK], clear[block : block + BLOCK]) if keep]
        if held_out(source, block):
            continue
        for _ in range(len(lines) // 10):
            start = rng.randrange(len(lines))
            window = lines[start : start + rng.randrange(*WINDOW_LINES)]
            german, english = (" ".join(row[side] for row in window) for side in (0, 1))
            if len(english.split()) <= WINDOW_WORDS:
                training.add(f"{source} windows", german, english)


def read_german(folder, evaluation, lines_per_file=30_000):
    """A sample of the German-only text, for learning word pieces."""
    rng = random.Random(3)
    sample = []
    for path in sorted(Path(folder).glob("mono/*.txt.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            rows = [line.strip() for line in lines]
        rows = rng.sample(rows, min(lines_per_file, len(rows)))
        sample += [row for row in rows if not evaluation.hold(row)]
    return sample


def vocabulary_texts(source, texts):
    """Those of `texts` to learn word pieces from: lines, the large narrow sources sampled down."""
    rng = random.Random(4)
    share = {name: 0.3 if name.startswith("ms-") else 0.5 if name.startswith("bible") else 1 for name in set(source)}
    lines = zip(source, texts)
    return [text for name, text in lines if not name.endswith("windows") and rng.random() < share[name]]
