#!/usr/bin/env python3
"""Dense nDCG@10 of a model file over folders of judged sets, documents as whole texts.

usage: evaluate.py MODEL.psm SETS_DIR
"""

import json
import sys
from pathlib import Path

import numpy as np

DISCOUNTS = 1 / np.log2(np.arange(2, 12))


def records(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def ndcg_at_10(folder, embed):
    """nDCG@10 with gain `2^grade - 1`; `embed` turns texts into unit rows."""
    corpus, queries = records(folder / "corpus.jsonl"), records(folder / "queries.jsonl")
    judged = {}
    for line in (folder / "qrels.tsv").read_text(encoding="utf-8").splitlines():
        query, document, grade = line.split("\t")
        judged.setdefault(query, {})[document] = 2 ** float(grade) - 1
    documents = embed([" ".join(filter(None, [record.get("title"), record["text"]])) for record in corpus])
    similarities = embed([record["text"] for record in queries]) @ documents.T
    best = np.argsort(-similarities, axis=1, kind="stable")[:, :10]
    values = []
    for record, ranked in zip(queries, best):
        gains = judged.get(record["id"])
        if not gains:
            continue
        found = np.array([gains.get(corpus[i]["id"], 0) for i in ranked])
        ideal = np.sort(list(gains.values()))[::-1][:10]
        values.append((found @ DISCOUNTS[: len(found)]) / (ideal @ DISCOUNTS[: len(ideal)]))
    return float(np.mean(values))


def table_of(folder, embed):
    """nDCG@10 by set, and the means of the cross-lingual and of the one-language sets."""
    by_set = {path.name: ndcg_at_10(path, embed) for path in sorted(Path(folder).iterdir()) if (path / "qrels.tsv").exists()}
    across = [value for name, value in by_set.items() if "2" in name]
    within = [value for name, value in by_set.items() if "2" not in name]
    return by_set | {"mean across languages": np.mean(across), "mean within a language": np.mean(within)}


def show(folder, embed):
    for name, value in table_of(folder, embed).items():
        print(f"{name:24} {value:.3f}")


def main():
    from model_file import StaticModel

    show(sys.argv[2], StaticModel.read(Path(sys.argv[1])).embed)


if __name__ == "__main__":
    main()
