"""What the table learns to give: the teacher's vectors, of English sides and of single pieces."""

import random
import re

import numpy as np
from scipy.sparse import csr_matrix

import corpus
import losses

DIM = 352
# The manuals are as many lines as all other sources together and a quarter of a batch:
# this share of their lines is taught, the others are not trained on.
MANUALS = re.compile(r"ms-.*(?<! windows)$")
TAUGHT_MANUALS = 0.279


def taught_pairs(pairs, development, teacher):
    """The pairs whose English side is taught, with the teacher's vectors of these sides, f16 [len, 384]."""
    texts = sorted({*pairs.english, *development.english})
    random.Random(2).shuffle(texts)
    others = {text for source, text in zip(pairs.source, pairs.english) if not MANUALS.match(source)}
    texts = [text for at, text in enumerate(texts) if at < TAUGHT_MANUALS * len(texts) or text in others]
    row = {text: at for at, text in enumerate(texts)}
    vectors = teacher.texts(texts, lambda done, total: print(f"teacher: {done} of {total} texts", flush=True))
    kept = [at for at, text in enumerate(pairs.english) if text in row]
    columns = (pairs.source, pairs.german, pairs.english)
    taught = corpus.Pairs(*([column[at] for at in kept] for column in columns))
    return taught, vectors[[row[text] for text in taught.english]]


def projection(vectors):
    """The [384, dim] projection that keeps most of the similarities of `vectors`."""
    sample = vectors[:: max(1, len(vectors) // 100_000)].astype(np.float32)
    _, axes = np.linalg.eigh(sample.T @ sample)
    return axes[:, : -DIM - 1 : -1].astype(np.float32)


class Corpus:
    """Both sides of all pairs as piece counts, with the teacher's vectors of the English sides."""

    def __init__(self, pairs, vocabulary, targets):
        self.pairs, self.targets = pairs, targets
        self.german, self.english = vocabulary.counts(pairs.german), vocabulary.counts(pairs.english)

    def target(self, rows):
        return losses.unit(self.targets[rows].astype(np.float32))[0]


def teach_pieces(pieces_of_teacher, teacher):
    """The teacher's unit vectors of its pieces, each as a text of its own."""
    first, last = (teacher.tokenizer.token_to_id(token) for token in ("[CLS]", "[SEP]"))
    return teacher.tokens([[first, token, last] for token in pieces_of_teacher.values()])


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
