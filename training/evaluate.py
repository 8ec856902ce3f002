#!/usr/bin/env python3
"""Dense nDCG@10 of a model file over folders of judged sets, documents as whole texts.

Two sets NAME-de and NAME-en of the same documents are also measured as one corpus of both languages.

usage: evaluate.py MODEL.psm SETS_DIR
"""

import json
import sys
from pathlib import Path

import numpy as np

DISCOUNTS = 1 / np.log2(np.arange(2, 12))


def records(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


class JudgedSet:
    """Documents, questions and judgments of one folder, with the vectors that `embed` gives."""

    def __init__(self, folder, embed):
        corpus, queries = records(folder / "corpus.jsonl"), records(folder / "queries.jsonl")
        self.ids = [record["id"] for record in corpus]
        self.documents = embed([" ".join(filter(None, [record.get("title"), record["text"]])) for record in corpus])
        self.gains = {}
        for line in (folder / "qrels.tsv").read_text(encoding="utf-8").splitlines():
            query, document, grade = line.split("\t")
            self.gains.setdefault(query, {})[document] = 2 ** float(grade) - 1
        judged = [record for record in queries if record["id"] in self.gains]
        self.questions = [record["id"] for record in judged]
        self.queries = embed([record["text"] for record in judged])

    def ndcg_at_10(self):
        """Mean nDCG@10 with gain `2^grade - 1`."""
        values = []
        for question, ranked in zip(self.questions, best_ten(self.queries, self.documents)):
            gains = self.gains[question]
            found = np.array([gains.get(self.ids[i], 0) for i in ranked])
            ideal = np.sort(list(gains.values()))[::-1][:10]
            values.append((found @ DISCOUNTS[: len(found)]) / (ideal @ DISCOUNTS[: len(ideal)]))
        return float(np.mean(values))

    def finds(self, question, ranked):
        """Whether an answer of `question` is among the documents `ranked`."""
        return any(self.gains[question].get(self.ids[i]) for i in ranked)


def best_ten(queries, documents):
    return np.argsort(-(queries @ documents.T), axis=1, kind="stable")[:, :10]


def mixed(own, other):
    """Recall@10 in the documents of both languages together, and how many of the ten are in the question's.

    `own` has the language of the questions. Recall counts questions with an
    answer among the ten: in their own language, and in the other one.
    """
    size = len(own.ids)
    found = []
    for question, ranked in zip(own.questions, best_ten(own.queries, np.vstack([own.documents, other.documents]))):
        if question in other.gains:
            mine, theirs = ranked[ranked < size], ranked[ranked >= size] - size
            found.append((own.finds(question, mine), other.finds(question, theirs), len(mine) / len(ranked)))
    return np.mean(found, axis=0)


def show(folder, embed):
    """Prints nDCG@10 by set, its means, and the figures of mixed corpora."""
    folders = [path for path in sorted(Path(folder).iterdir()) if (path / "qrels.tsv").exists()]
    sets = {path.name: JudgedSet(path, embed) for path in folders}
    values = {name: judged.ndcg_at_10() for name, judged in sets.items()}
    across = [value for name, value in values.items() if "2" in name]
    within = [value for name, value in values.items() if "2" not in name]
    for name, value in (values | {"mean across languages": np.mean(across), "mean within a language": np.mean(within)}).items():
        print(f"{name:24} {value:.3f}")
    print("\nGerman and English documents together: recall@10 in the question's language, in the other, share of the ten in its own")
    for name in sets:
        base, _, language = name.rpartition("-")
        other = {"de": f"{base}-en", "en": f"{base}-de"}.get(language)
        if other in sets and sets[name].ids == sets[other].ids:
            print(f"{name:24} " + " ".join(f"{value:.3f}" for value in mixed(sets[name], sets[other])))


def main():
    from model_file import StaticModel

    show(sys.argv[2], StaticModel.read(Path(sys.argv[1])).embed)


if __name__ == "__main__":
    main()
