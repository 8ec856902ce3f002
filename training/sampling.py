"""What a step trains on: pairs drawn so that no source drowns the others, and the text around a line."""

import re

import numpy as np
from scipy.sparse import csr_matrix, vstack

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
        """For each line a selection [len(lines), pairs] of 1 to 7 neighboring lines around it.

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


def context_batch(data, size, sampler, rng):
    """Shortened lines and the windows around them, in all four language directions at once."""
    lines = sampler.draw(size, lines_only=True)
    quarters = np.array_split(lines, 4)
    sides = [data.german, data.english]
    queries = vstack([sides[i // 2][part] for i, part in enumerate(quarters)], format="csr")
    windows = vstack([sampler.windows(part) @ sides[i % 2] for i, part in enumerate(quarters)], format="csr")
    return drop_pieces(queries, 0.3, rng), windows
