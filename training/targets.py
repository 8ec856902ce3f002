"""What the table learns to give: the teacher's vectors, of English sides and of single pieces."""

import numpy as np
from scipy.sparse import csr_matrix

import losses

DIM = 352


def taught(texts, teacher):
    """The teacher's vectors of texts, f16 [len(texts), 384]."""
    return teacher.texts(texts, lambda done, total: print(f"teacher: {done} of {total} texts", flush=True))


def projection(vectors):
    """The [384, dim] projection that keeps most of the similarities of `vectors`."""
    sample = vectors[:: max(1, len(vectors) // 100_000)].astype(np.float32)
    _, axes = np.linalg.eigh(sample.T @ sample)
    return axes[:, : -DIM - 1 : -1].astype(np.float32)


class Targets:
    """What texts are to be embedded as: the teacher's vectors `vectors` on `axes`."""

    def __init__(self, vectors, axes):
        self.values = (vectors.astype(np.float32) @ axes).astype(np.float16)

    def of(self, rows):
        """Unit vectors, f32 [len(rows), dim]."""
        return losses.unit(self.values[rows].astype(np.float32))[0]


class Corpus:
    """Both sides of all pairs as piece counts, with the targets of the English sides."""

    def __init__(self, pairs, vocabulary, targets):
        self.pairs, self.targets = pairs, targets
        self.german, self.english = vocabulary.counts(pairs.german), vocabulary.counts(pairs.english)


class English:
    """Texts without a translation as piece counts, with their targets."""

    def __init__(self, texts, vocabulary, targets):
        self.counts, self.targets = vocabulary.counts(texts), targets

    def draw(self, n, rng):
        """`n` texts and their targets."""
        rows = rng.integers(0, self.counts.shape[0], n)
        return self.counts[rows], self.targets.of(rows)


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
