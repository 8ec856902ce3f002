#!/usr/bin/env python3
"""Compares the measures of passim::eval with those of trec_eval, by pytrec_eval.

usage: check_measures.py [SETS_DIR]

Random rankings with equal scores and graded judgments are compared question by question. If SETS_DIR
holds the public sets (docs/QUALITY.md), the measures of `evaluate` are compared as well, from the run
file that it writes. Needs `pip install pytrec_eval-terrier==0.5.11`.
"""

import json
import pathlib
import random
import subprocess
import sys
import tempfile

try:
    import pytrec_eval
except ImportError:
    sys.exit("pytrec_eval is missing: pip install pytrec_eval-terrier==0.5.11")

ROOT = pathlib.Path(__file__).resolve().parent.parent
SETS = ["covidfaq-de", "xquad-de2en"]
K = 10
TOLERANCE = 1e-6
SEED = 20240603
# Name in trec_eval, in the outcome of a question, and in the JSON of `evaluate`.
MEASURES = [
    (f"ndcg_cut_{K}", "ndcg", "ndcg"),
    (f"recall_{K}", "recall", "recall"),
    (f"P_{K}", "precision", "precision"),
    (f"success_{K}", "success", "success"),
    ("recip_rank", "reciprocal_rank", "mrr"),
    ("map", "average_precision", "map"),
]


def example(name, *arguments):
    """Returns the lines of JSON that an example prints."""
    command = ["cargo", "run", "--quiet", "--no-default-features", "--example", name, "--"]
    printed = subprocess.run(
        [*command, *map(str, arguments)], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True
    )
    return [json.loads(line) for line in printed.stdout.splitlines()]


def read_qrels(path):
    qrels = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        question, article, grade = line.split("\t")
        qrels.setdefault(question, {})[article] = int(grade)
    return qrels


def measured_by_trec_eval(qrels, run_file):
    """Returns the measures of each judged question; one that the run lacks has none."""
    with run_file.open(encoding="utf-8") as lines:
        run = pytrec_eval.parse_run(lines)
    names = {f"ndcg_cut.{K}", f"recall.{K}", f"P.{K}", f"success.{K}", "recip_rank", "map"}
    measured = pytrec_eval.RelevanceEvaluator(qrels, names).evaluate(run)
    for values in measured.values():
        # trec_eval has no cutoff for the reciprocal rank.
        if values["recip_rank"] < 1 / K:
            values["recip_rank"] = 0.0
    return measured


def random_judgments(generator):
    """Grades from -1 to 3 for 40 of 100 articles; some questions have no relevant one."""
    qrels = {}
    for number in range(500):
        articles = generator.sample(range(100), 40)
        highest = generator.choice([0, 1, 3])
        qrels[f"q{number}"] = {f"d{article}": generator.randint(-1, highest) for article in articles}
    return qrels


def random_run(generator, questions):
    """Lines of up to 50 articles with few distinct scores; every tenth question is missing."""
    lines = []
    for question in questions:
        if generator.random() < 0.1:
            continue
        for rank, article in enumerate(generator.sample(range(100), generator.randint(1, 50)), 1):
            # 1e-9 vanishes in the single precision of trec_eval.
            score = generator.randint(-3, 3) / 4 + generator.choice([0, 1e-9])
            lines.append(f"{question} Q0 d{article} {rank} {score!r} random\n")
    return "".join(lines)


def check_random(folder):
    """Compares the measures of each question of random rankings."""
    generator = random.Random(SEED)
    qrels = random_judgments(generator)
    qrels_file = folder / "qrels"
    rows = [(q, a, grade) for q, grades in qrels.items() for a, grade in grades.items()]
    qrels_file.write_text("".join(f"{q} 0 {a} {grade}\n" for q, a, grade in rows))
    run_file = folder / "random.run"
    run_file.write_text(random_run(generator, qrels))
    expected = measured_by_trec_eval(qrels, run_file)
    outcomes = example("score_run", qrels_file, run_file, "--k", K, "--each")
    assert {outcome["id"] for outcome in outcomes} == set(qrels)
    differences = {}
    for outcome in outcomes:
        has_relevant = any(grade > 0 for grade in qrels[outcome["id"]].values())
        for theirs, ours, _ in MEASURES:
            got = outcome[ours]
            assert (got is not None) == has_relevant, outcome
            # A question without hits counts as 0, as with `trec_eval -c`.
            want = expected.get(outcome["id"], {}).get(theirs, 0.0)
            difference = abs((got or 0.0) - want)
            differences[theirs] = max(differences.get(theirs, 0.0), difference)
    return differences


def check_set(folder, judged_set):
    """Compares the means that `evaluate` prints for one set, whose questions all have answers."""
    run_file = folder / f"{judged_set.name}.run"
    [row] = example("evaluate", judged_set, "--k", K, "--run", run_file, "--json")
    qrels = read_qrels(judged_set / "qrels.tsv")
    measured = measured_by_trec_eval(qrels, run_file)
    differences = {}
    for theirs, _, ours in MEASURES:
        want = sum(values[theirs] for values in measured.values()) / len(qrels)
        got = row[ours]["mean"] if ours == "ndcg" else row[ours]
        differences[theirs] = abs(got - want)
    return differences


def report(name, differences):
    """Prints the largest differences; returns whether all are within the tolerance."""
    print(name)
    for measure, difference in differences.items():
        print(f"  {measure:12} {difference:.1e}")
    return all(difference <= TOLERANCE for difference in differences.values())


def main():
    sets_dir = pathlib.Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else None
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        passed = [report(f"random rankings, seed {SEED}", check_random(folder))]
        found = [sets_dir / name for name in SETS if sets_dir and (sets_dir / name).is_dir()]
        passed += [report(judged_set.name, check_set(folder, judged_set)) for judged_set in found]
    if len(found) < len(SETS):
        missing = [name for name in SETS if name not in {path.name for path in found}]
        print(f"not compared, since SETS_DIR lacks them: {', '.join(missing)}")
    if not all(passed):
        sys.exit(f"a measure differs by more than {TOLERANCE}")


main()
