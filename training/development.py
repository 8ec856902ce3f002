"""Measures on the held-out blocks, for choosing settings."""

import numpy as np
from scipy.sparse import csr_matrix

import corpus
import losses
import pieces


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
