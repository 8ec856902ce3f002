"""The training losses with their gradients, by hand, over unit vectors.

Each function takes unit vectors f32 [n, dim] and returns the loss and its
gradient for each of them.
"""

import numpy as np

SCALE = 20.0  # inverse temperature of the contrastive loss


def unit(vectors):
    """Rows scaled to norm 1, and their norms [n, 1]."""
    norms = np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    return vectors / norms, norms


def through_unit(gradient, units, norms):
    """The gradient for `vectors` from that for `unit(vectors)`."""
    along = (gradient * units).sum(axis=1, keepdims=True)
    return (gradient - along * units) / norms


def softmax(logits):
    logits = np.exp(logits - logits.max(axis=1, keepdims=True))
    return logits / logits.sum(axis=1, keepdims=True)


def contrastive(a, b):
    """In-batch cross entropy in both directions: `a[i]` belongs to `b[i]` and to no other."""
    n = len(a)
    logits = SCALE * (a @ b.T)
    forward, backward = softmax(logits), softmax(logits.T)
    own = np.arange(n)
    loss = -(np.log(forward[own, own] + 1e-12) + np.log(backward[own, own] + 1e-12)).mean() / 2
    error = forward + backward.T
    error[own, own] -= 2
    error *= SCALE / (2 * n)
    return loss, error @ b, error.T @ a


def contrastive_across(a, b):
    """`contrastive` of two languages, where `a[i]` belongs to no other `a` either.

    So a text of the other language is to be closer than all unrelated ones of
    its own, as in a corpus of both.
    """
    n = len(a)
    own = np.arange(n)
    logits = SCALE * (a @ b.T)
    within_a, within_b = SCALE * (a @ a.T), SCALE * (b @ b.T)
    within_a[own, own] = within_b[own, own] = -np.inf
    forward = softmax(np.hstack([logits, within_a]))
    backward = softmax(np.hstack([logits.T, within_b]))
    loss = -(np.log(forward[own, own] + 1e-12) + np.log(backward[own, own] + 1e-12)).mean() / 2
    error = forward[:, :n] + backward[:, :n].T
    error[own, own] -= 2
    within_a, within_b = forward[:, n:], backward[:, n:]
    scale = SCALE / (2 * n)
    of_a = error @ b + (within_a + within_a.T) @ a
    of_b = error.T @ a + (within_b + within_b.T) @ b
    return loss, scale * of_a, scale * of_b


def distillation(a, targets):
    """`1 - cosine` to the teacher's unit vectors."""
    return 1 - (a * targets).sum(axis=1).mean(), -targets / len(a)


def relational(a, b, targets):
    """Squared error of the similarities between `a` and `b` to those within the targets, times n."""
    n = len(a)
    error = a @ b.T - targets @ targets.T
    return (error**2).mean() * n, (2 / n) * (error @ b), (2 / n) * (error.T @ a)
