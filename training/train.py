#!/usr/bin/env python3
"""Trains the bundled German-English static model; README.md beside this file explains it.

usage: train.py TEXT_DIR SETS_DIR [--english DIR] [--teacher DIR] [--cache DIR] [--output FILE] [--fixture FILE] [--steps N] [--vocabulary FILE]
"""

import argparse
import os
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

# Each table is trained in a process of its own, on one core.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

import corpus
import evaluate
import fixture
import losses
import model_file
import pieces
from development import Development
from english import read_english
from sampling import Sampler, context_batch
from table import Adam, Batches, finished, initial_table
from targets import Anchor, Corpus, English, Targets, projection, taught, teach_pieces
from teacher import Teacher

ROOT = Path(__file__).resolve().parent.parent
ROWS = 56_000
BITS = 3
# Tables trained from the same start with other draws, and averaged.
TABLES = 4
STEPS = 300
LEARNING_RATE = 0.01
PAIR_BATCH = 1024
CONTEXT_BATCH = 2048
DISTIL_BATCHES, DISTIL_BATCH = 12, 2048
ENGLISH_BATCHES = 8
ANCHOR_BATCHES = 4
RELATIONAL = 0.1


def train_step(table, data, english, anchor, sampler, rng):
    """The losses of one step by name, and their gradient."""
    batches = Batches(table)
    pairs = sampler.draw(PAIR_BATCH)
    batches.add(losses.contrastive_across, 1, [data.german[pairs], data.english[pairs]])
    batches.add(losses.contrastive, 1, [*context_batch(data, CONTEXT_BATCH, sampler, rng)])
    rows = sampler.draw(DISTIL_BATCHES * DISTIL_BATCH)
    for side in (data.german, data.english):
        batches.add(losses.distillation, DISTIL_BATCHES, [side[rows]], data.targets.of(rows))
    alike = sampler.draw(DISTIL_BATCH)
    batches.add(losses.relational, RELATIONAL, [data.german[alike], data.english[alike]], data.targets.of(alike))
    for source, size in ((english, ENGLISH_BATCHES), (anchor, ANCHOR_BATCHES)):
        texts, targets = source.draw(size * DISTIL_BATCH, rng)
        batches.add(losses.distillation, size, [texts], targets)
    return batches.gradient()


def train(table, data, english, anchor, steps, measure, seed):
    """`table`, trained; the rate falls to zero along a half cosine."""
    table, rng = table.copy(), np.random.default_rng(seed)
    sampler, adam, started = Sampler(data.pairs.source, rng), Adam(table), time.monotonic()
    for step in range(steps):
        values, gradient = train_step(table, data, english, anchor, sampler, rng)
        adam.step(table, gradient, LEARNING_RATE * (1 + np.cos(np.pi * step / steps)) / 2)
        if step % 20 == 0 or step == steps - 1:
            shown = ", ".join(f"{name} {value:.3f}" for name, value in values.items())
            print(f"table {seed}, step {step} ({time.monotonic() - started:.0f} s): {shown}; development {measure(table)}", flush=True)
    return table


def averaged(*training):
    """The mean of the tables of several trainings, of which as many run at the same time as there are cores."""
    global shared
    shared = training
    # Forked processes share the data, which are large.
    with ProcessPoolExecutor(min(TABLES, os.cpu_count() or 1), mp_context=get_context("fork")) as processes:
        return np.mean(list(processes.map(train_shared, range(1, TABLES + 1))), axis=0)


def train_shared(seed):
    return train(*shared, seed)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("text", metavar="TEXT_DIR", type=Path, help="training text")
    parser.add_argument("sets", metavar="SETS_DIR", type=Path, help="judged sets, kept out of the training text")
    paths = {
        "english": ROOT / "target" / "english",
        "teacher": ROOT / "target" / "models" / "all-MiniLM-L6-v2",
        "cache": ROOT / "target" / "teacher",
        "output": ROOT / "models" / "passim-de-en.psm",
        "fixture": ROOT / "tests" / "data" / "bundled_parity.jsonl",
    }
    for name, path in paths.items():
        parser.add_argument(f"--{name}", type=Path, default=path, help=f"default: {path}")
    parser.add_argument("--steps", type=int, default=STEPS, help=f"default: {STEPS}")
    parser.add_argument("--vocabulary", type=Path, help="model file whose word pieces are taken instead of learning some")
    return parser.parse_args()


def word_pieces(given, pairs, evaluation, pieces_of_teacher):
    """The vocabulary: that of a model file if one is given, else learned."""
    if given.vocabulary:
        return model_file.StaticModel.read(given.vocabulary).vocabulary
    german = corpus.vocabulary_texts(pairs.source, pairs.german) + corpus.read_german(given.text, evaluation)
    english = corpus.vocabulary_texts(pairs.source, pairs.english)
    return pieces.vocabulary(pieces_of_teacher, german, english, ROWS)


def main():
    given = arguments()
    evaluation = corpus.EvaluationTexts(given.sets)
    pairs, development, dropped = corpus.read_pairs(given.text, evaluation)
    print(f"{len(pairs)} pairs to train on, {len(development)} held out, {dropped} dropped as evaluation texts", flush=True)
    texts = read_english(given.english, evaluation)
    print(f"{len(texts)} English texts without a translation", flush=True)

    teacher = Teacher(given.teacher, given.cache)
    pieces_of_teacher = pieces.teacher_pieces(teacher.tokenizer)
    vocabulary = word_pieces(given, pairs, evaluation, pieces_of_teacher)
    vectors = taught(pairs.english, teacher)
    axes = projection(vectors)
    data = Corpus(pairs, vocabulary, Targets(vectors, axes))
    english = English(texts, vocabulary, Targets(taught(texts, teacher), axes))
    anchor = Anchor(vocabulary, list(pieces_of_teacher), losses.unit(teach_pieces(pieces_of_teacher, teacher) @ axes)[0])

    table = initial_table(anchor, data.english, np.random.default_rng(1))
    measure = Development(development, vocabulary).measure
    table = averaged(table, data, english, anchor, given.steps, measure)
    print(f"averaged: development {measure(table)}", flush=True)
    table = finished(table, data, np.random.default_rng(1))
    print(f"finished: development {measure(table)}", flush=True)
    model = model_file.StaticModel("passim-de-en-1", vocabulary, *model_file.quantize(table, BITS), BITS)
    model.write(given.output)
    fixture.write(model, given.fixture)
    evaluate.show(given.sets, model.embed)


if __name__ == "__main__":
    main()
