#!/usr/bin/env python3
"""Trains the bundled German-English static model; README.md beside this file explains it.

usage: train.py [--train DIR] [--evaluation DIR] [--teacher DIR] [--cache DIR] [--output FILE] [--fixture FILE] [--steps N]
"""

import argparse
import random
import re
import time
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix, vstack
from tokenizers import Tokenizer

import corpus
import evaluate
import fixture
import losses
import model_file
import pieces
from teacher import Teacher

ROOT = Path(__file__).resolve().parent.parent
ROWS = 56_000
DIM = 256
# English texts whose teacher vectors are the targets; the others are not trained on.
TAUGHT = 28 * 16_384
STEPS = 300
# How far the finished table is evened out: 0 is not at all, 1 is fully.
EVEN_NORMS, WHITEN = 0.3, 0.45
LEARNING_RATE = 0.01
PAIR_BATCH = 1024
CONTEXT_BATCH = 2048
DISTIL_BATCHES, DISTIL_BATCH = 12, 2048
ANCHOR_BATCHES = 4
RELATIONAL = 0.1
# Of Adam's second moment: short, since the first gradients of the small new
# rows are far larger than all later ones.
DECAY = 0.98
# Share of each kind of source in a batch; within a kind, lines count alike.
SHARES = [(re.compile(r".* windows"), 0.20), (re.compile(r"tatoeba"), 0.20), (re.compile(r"ms-"), 0.25), (re.compile(r""), 0.35)]


class Sampler:
    """Draws pairs so that no narrow source drowns the others."""

    def __init__(self, sources, rng):
        self.rng = rng
        kinds = np.array([next(i for i, (kind, _) in enumerate(SHARES) if kind.match(source)) for source in sources])
        self.members = [np.flatnonzero(kinds == kind) for kind in range(len(SHARES))]
        self.shares = np.array([share for _, share in SHARES])
        self.is_line = kinds > 0

    def draw(self, n, lines_only=False):
        shares = self.shares * (np.arange(len(SHARES)) > 0) if lines_only else self.shares
        sizes = self.rng.multinomial(n, shares / shares.sum())
        return np.concatenate([self.rng.choice(members, size) for members, size in zip(self.members, sizes)])

    def windows(self, lines):
        """For each line a selection [len(lines), pairs] of 1 to 7 neighbouring lines around it.

        The line itself is left out of about a third of them, so that a window
        must be found by its subject and not by a common line.
        """
        n, total = len(lines), len(self.is_line)
        before, after = self.rng.integers(0, 4, n), self.rng.integers(0, 4, n)
        own = np.where((self.rng.random(n) < 0.35) & (before + after > 0), 0.0, 1.0)
        rows, columns, data = [np.arange(n)], [lines], [own]
        for step in range(-3, 4):
            near = np.clip(lines + step, 0, total - 1)
            use = (step != 0) & (step >= -before) & (step <= after) & self.is_line[near]
            rows.append(np.flatnonzero(use))
            columns.append(near[use])
            data.append(np.ones(use.sum()))
        parts = (np.concatenate(part) for part in (data, rows, columns))
        data, rows, columns = parts
        return csr_matrix((data.astype(np.float32), (rows, columns)), shape=(n, total))


def drop_pieces(counts, share, rng):
    """The same texts with a share of their pieces removed."""
    kept = counts.copy()
    kept.data = kept.data * (rng.random(len(kept.data)) >= share)
    return kept


class Batches:
    """The texts of one step, pooled and differentiated together.

    One product with the table forward and one backward, whatever the number
    of losses.
    """

    def __init__(self, table):
        self.table, self.counts, self.rules = table, [], []

    def add(self, loss, weight, counts, *constants):
        """`loss(*units, *constants)` over the texts of each matrix in `counts`."""
        self.counts += counts
        self.rules.append((loss, weight, len(counts), constants))

    def gradient(self):
        """The losses by name, and the gradient for the table."""
        weights = pieces.weighted(vstack(self.counts, format="csr"))
        units, norms = losses.unit(weights @ self.table)
        ends = np.cumsum([counts.shape[0] for counts in self.counts])
        parts = iter(np.split(units, ends[:-1]))
        values, gradients = {}, []
        for loss, weight, sides, constants in self.rules:
            value, *sided = loss(*(next(parts) for _ in range(sides)), *constants)
            values[loss.__name__] = values.get(loss.__name__, 0) + weight * value
            gradients += [weight * side for side in sided]
        pooled = losses.through_unit(np.concatenate(gradients), units, norms)
        return values, weights.T @ pooled


class Adam:
    """Adam (Kingma & Ba 2015) over one dense table."""

    def __init__(self, table):
        self.first, self.second, self.steps = np.zeros_like(table), np.zeros_like(table), 0

    def step(self, table, gradient, rate):
        self.steps += 1
        self.first += 0.1 * (gradient - self.first)
        np.square(gradient, out=gradient)
        self.second += (1 - DECAY) * (gradient - self.second)
        scale = rate / (1 - 0.9**self.steps)
        table -= scale * self.first / (np.sqrt(self.second / (1 - DECAY**self.steps)) + 1e-8)


class Corpus:
    """Both sides of all pairs as piece counts, with the teacher's vectors of the English sides."""

    def __init__(self, pairs, vocabulary, targets):
        self.pairs, self.targets = pairs, targets
        self.german, self.english = vocabulary.counts(pairs.german), vocabulary.counts(pairs.english)

    def target(self, rows):
        return losses.unit(self.targets[rows].astype(np.float32))[0]


class Anchor:
    """The teacher's own pieces, each as a text of one piece, with its vector."""

    def __init__(self, vocabulary, teacher_pieces, vectors):
        row = {(False, text): at for at, text in enumerate(vocabulary.starts)}
        row |= {(True, text): at for at, text in enumerate(vocabulary.continuations, len(vocabulary.starts))}
        self.rows = np.array([row[piece] for piece in teacher_pieces])
        self.vectors, self.size = vectors, vocabulary.rows

    def draw(self, n, rng):
        """`n` pieces as texts, and their targets."""
        chosen = rng.integers(0, len(self.rows), n)
        ones = np.ones(n, dtype=np.float32)
        return csr_matrix((ones, (np.arange(n), self.rows[chosen])), shape=(n, self.size)), self.vectors[chosen]


def projection(vectors):
    """The [384, dim] projection that keeps most of the similarities of `vectors`."""
    sample = vectors[:: max(1, len(vectors) // 100_000)].astype(np.float32)
    _, axes = np.linalg.eigh(sample.T @ sample)
    return axes[:, : -DIM - 1 : -1].astype(np.float32)


def initial_table(anchor, english, rng):
    """Teacher's pieces at its vectors, the common ones shorter; all others small and random."""
    table = (rng.standard_normal((anchor.size, DIM)) * 0.01).astype(np.float32)
    uses = np.asarray(english.sum(axis=0)).ravel()[anchor.rows]
    share = uses / uses.sum()
    table[anchor.rows] = anchor.vectors * (1e-3 / (1e-3 + share))[:, None]
    # Far from everything: a text without a known piece is similar to none.
    table[-1] = losses.unit(rng.standard_normal((1, DIM)))[0]
    return table


def context_batch(data, sampler, rng):
    """Shortened lines and the windows around them, in all four language directions at once."""
    lines = sampler.draw(CONTEXT_BATCH, lines_only=True)
    quarters = np.array_split(lines, 4)
    sides = [data.german, data.english]
    queries = vstack([sides[i // 2][part] for i, part in enumerate(quarters)], format="csr")
    windows = vstack([sampler.windows(part) @ sides[i % 2] for i, part in enumerate(quarters)], format="csr")
    return drop_pieces(queries, 0.3, rng), windows


def train_step(table, data, anchor, sampler, rng):
    """The losses of one step by name, and their gradient."""
    batches = Batches(table)
    pairs = sampler.draw(PAIR_BATCH)
    batches.add(losses.contrastive, 1, [data.german[pairs], data.english[pairs]])
    batches.add(losses.contrastive, 1, [*context_batch(data, sampler, rng)])
    rows = sampler.draw(DISTIL_BATCHES * DISTIL_BATCH)
    for side in (data.german, data.english):
        batches.add(losses.distillation, DISTIL_BATCHES, [side[rows]], data.target(rows))
    alike = sampler.draw(DISTIL_BATCH)
    batches.add(losses.relational, RELATIONAL, [data.german[alike], data.english[alike]], data.target(alike))
    texts, targets = anchor.draw(ANCHOR_BATCHES * DISTIL_BATCH, rng)
    batches.add(losses.distillation, ANCHOR_BATCHES, [texts], targets)
    return batches.gradient()


def train(table, data, anchor, steps, measure, rng):
    """Trains `table` in place; the rate falls to zero along a half cosine."""
    sampler, adam, started = Sampler(data.pairs.source, rng), Adam(table), time.monotonic()
    for step in range(steps):
        values, gradient = train_step(table, data, anchor, sampler, rng)
        adam.step(table, gradient, LEARNING_RATE * (1 + np.cos(np.pi * step / steps)) / 2)
        if step % 20 == 0 or step == steps - 1:
            shown = ", ".join(f"{name} {value:.3f}" for name, value in values.items())
            print(f"step {step} ({time.monotonic() - started:.0f} s): {shown}; development {measure(table)}", flush=True)


def finished(table, data, rng):
    """The table with more even row lengths, and with its strongest directions weakened.

    Adam lengthens rare rows, whose gradients are mostly noise, and a few
    directions that say little about the subject are in every text.
    """
    table = table * np.linalg.norm(table, axis=1, keepdims=True) ** -EVEN_NORMS
    sample = rng.choice(len(data.targets), 60_000)
    texts = vstack([data.german[sample], data.english[sample]], format="csr")
    units, _ = losses.unit(pieces.weighted(texts) @ table)
    strengths, axes = np.linalg.eigh(units.T @ units / len(units))
    return (table @ (axes * strengths ** (-WHITEN / 2)) @ axes.T).astype(np.float32)


class Development:
    """Retrieval on the held-out blocks: a line's translation, and the block that a line was taken from."""

    def __init__(self, pairs, vocabulary):
        self.sides = vocabulary.counts(pairs.german), vocabulary.counts(pairs.english)
        starts = [i for i, source in enumerate(pairs.source) if i % 8 == 0 and corpus.RUNNING_TEXT.match(source)]
        starts = [i for i in starts if i + 7 < len(pairs) and pairs.source[i] == pairs.source[i + 7]]
        # The query is the third line of eight; the passage is the other seven.
        offsets = np.array([0, 1, 3, 4, 5, 6, 7])
        self.queries = np.array(starts) + 2
        columns = (np.array(starts)[:, None] + offsets).ravel()
        rows = np.repeat(np.arange(len(starts)), len(offsets))
        ones = np.ones(len(rows), dtype=np.float32)
        self.windows = csr_matrix((ones, (rows, columns)), shape=(len(starts), len(pairs)))

    def measure(self, table):
        """Mean reciprocal rank: translations in both directions, then passages in one language and across."""
        lines = [losses.unit(pieces.weighted(side) @ table)[0] for side in self.sides]
        passages = [losses.unit(pieces.weighted(self.windows @ side) @ table)[0] for side in self.sides]
        translations = [reciprocal_rank(a, b) for a, b in (lines, lines[::-1])]
        same = [reciprocal_rank(lines[i][self.queries], passages[i]) for i in (0, 1)]
        across = [reciprocal_rank(lines[i][self.queries], passages[1 - i]) for i in (0, 1)]
        return " ".join(f"{np.mean(part):.4f}" for part in (translations, same, across))


def reciprocal_rank(queries, documents):
    """Mean reciprocal rank where the document of query `i` is `i`."""
    similarities = queries @ documents.T
    own = np.diagonal(similarities)[:, None]
    return (1 / (similarities >= own - 1e-7).sum(axis=1)).mean()


def taught_pairs(pairs, development, teacher):
    """The pairs whose English side is taught, with the teacher's vectors of these sides, f16 [len, 384]."""
    texts = sorted({*pairs.english, *development.english})
    random.Random(2).shuffle(texts)
    texts = texts[:TAUGHT]
    row = {text: at for at, text in enumerate(texts)}
    vectors = teacher.texts(texts, lambda done, total: print(f"teacher: {done} of {total} shards", flush=True))
    kept = [at for at, text in enumerate(pairs.english) if text in row]
    columns = (pairs.source, pairs.german, pairs.english)
    taught = corpus.Pairs(*([column[at] for at in kept] for column in columns))
    return taught, vectors[[row[text] for text in taught.english]]


def teach_pieces(pieces_of_teacher, teacher):
    """The teacher's unit vectors of its pieces, each as a text of its own."""
    first, last = (teacher.tokenizer.token_to_id(token) for token in ("[CLS]", "[SEP]"))
    return teacher.tokens([[first, token, last] for token in pieces_of_teacher.values()])


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    paths = {
        "train": ROOT.parent / "shared" / "train",
        "evaluation": ROOT.parent / "shared" / "eval",
        "teacher": ROOT / "target" / "models" / "all-MiniLM-L6-v2",
        "cache": ROOT / "target" / "teacher",
        "output": ROOT / "models" / "passim-de-en.psm",
        "fixture": ROOT / "tests" / "data" / "bundled_parity.jsonl",
    }
    for name, path in paths.items():
        parser.add_argument(f"--{name}", type=Path, default=path, help=f"default: {path}")
    parser.add_argument("--steps", type=int, default=STEPS, help=f"default: {STEPS}")
    return parser.parse_args()


def main():
    given = arguments()
    evaluation = corpus.EvaluationTexts(given.evaluation)
    pairs, development, dropped = corpus.read_pairs(given.train, evaluation)
    print(f"{len(pairs)} pairs to train on, {len(development)} held out, {dropped} dropped as evaluation texts", flush=True)

    teacher = Teacher(given.teacher, given.cache)
    pieces_of_teacher = pieces.teacher_pieces(teacher.tokenizer)
    texts = corpus.vocabulary_texts(pairs, corpus.read_german(given.train, evaluation))
    vocabulary = pieces.vocabulary(pieces_of_teacher, texts, ROWS)
    pairs, vectors = taught_pairs(pairs, development, teacher)
    axes = projection(vectors)
    data = Corpus(pairs, vocabulary, (vectors.astype(np.float32) @ axes).astype(np.float16))
    anchor = Anchor(vocabulary, list(pieces_of_teacher), losses.unit(teach_pieces(pieces_of_teacher, teacher) @ axes)[0])

    rng = np.random.default_rng(1)
    table = initial_table(anchor, data.english, rng)
    measure = Development(development, vocabulary).measure
    train(table, data, anchor, given.steps, measure, rng)
    table = finished(table, data, rng)
    print(f"finished: development {measure(table)}", flush=True)
    model = model_file.StaticModel("passim-de-en-1", vocabulary, *model_file.quantise(table))
    model.write(given.output)
    fixture.write(model, given.fixture)
    evaluate.show(given.evaluation, model.embed)


if __name__ == "__main__":
    main()
