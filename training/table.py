"""The table of row vectors: how it starts, how a step changes it, how it is finished."""

import numpy as np
from scipy.sparse import vstack

import losses
import pieces

# Of Adam's second moment: short, since the first gradients of the small new
# rows are far larger than all later ones.
DECAY = 0.98
# How far the finished table is evened out: 0 is not at all, 1 is fully.
EVEN_NORMS, WHITEN = 0.5, 0.3


def initial_table(anchor, english, rng):
    """Teacher's pieces at its vectors, the common ones shorter; all others small and random."""
    table = (rng.standard_normal((anchor.size, anchor.vectors.shape[1])) * 0.01).astype(np.float32)
    uses = np.asarray(english.sum(axis=0)).ravel()[anchor.rows]
    share = uses / uses.sum()
    table[anchor.rows] = anchor.vectors * (1e-3 / (1e-3 + share))[:, None]
    # Any direction that no piece was taught: the one vector of all texts without a known piece.
    table[-1] = losses.unit(rng.standard_normal((1, table.shape[1])))[0]
    return table


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


def finished(table, data, rng):
    """The table with more even row lengths, its strongest directions weakened, and without that of the language.

    Adam lengthens rare rows, whose gradients are mostly noise; a few
    directions that say little about the subject are in every text; and what
    German texts have over their English sides is not what they are about.
    """
    table = table * np.linalg.norm(table, axis=1, keepdims=True) ** -EVEN_NORMS
    sample = rng.choice(data.german.shape[0], 60_000)
    sides = [pieces.weighted(side[sample]) for side in (data.german, data.english)]
    units = losses.unit(vstack(sides) @ table)[0]
    strengths, axes = np.linalg.eigh(units.T @ units / len(units))
    table = table @ (axes * strengths ** (-WHITEN / 2)) @ axes.T
    german, english = (losses.unit(side @ table)[0].mean(axis=0) for side in sides)
    language = losses.unit((german - english)[None])[0]
    return (table - table @ language.T @ language).astype(np.float32)
