"""Recompute every published figure on judges whose recorded verdicts lie in the reference data.

    python benchmarks/published_judges.py            # a line for each block, and each figure that differs
    python benchmarks/published_judges.py --json     # {"compared": n, "mismatches": [...]}

The files are those of RLAIF_REFERENCE_DATA, by default ../shared/data; `golden_numbers.json` there holds the figures.
A block whose recorded files are not there is not compared. Exit 3 when a figure differs in its third decimal.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rlaif.auditing.comparisons import FAILED, Judged, plain_figures
from rlaif.auditing.intervals import mean
from rlaif.auditing.labels import Labelled, kappa
from rlaif.auditing.scoring import judgebench
from rlaif.errors import RlaifError
from rlaif.exchange.benchmarks import GoldPair, GoldSet, read_gold
from rlaif.exchange.rbr import kind_name
from rlaif.workflows.rbr.classify import classify
from rlaif.workflows.rbr.config import ClassifyConfig

FOLDER = Path(os.environ.get("RLAIF_REFERENCE_DATA", "../shared/data"))
HALF_A_DIGIT = 0.0005 + 1e-9
"""What rounding to three decimals may hide."""
CLASS_WORDS = {
    "ideal": "ideal",
    "minimum_acceptable_style": "min_style",
    "unacceptable_completion": "unacceptable",
    "illogical_completion": "illogical",
    "disallowed_completion": "disallowed",
}
JUDGEBENCH_FILES = {
    "claude-3-haiku arena_hard on claude pairs (270)": ("claude-3-5", "claude-3-haiku"),
    "o1-mini arena_hard on gpt pairs (350)": ("gpt-4o", "o1-mini"),
    "GRM-Gemma-2B": ("gpt-4o", "GRM-Gemma-2B"),
    "Skywork-Gemma-2-27B": ("gpt-4o", "Skywork-Reward-Gemma-2-27B"),
    "Skywork-Llama-3.1-8B": ("gpt-4o", "Skywork-Reward-Llama-3.1-8B"),
    "internlm2-20b-reward": ("gpt-4o", "internlm2-20b-reward"),
    "internlm2-7b-reward": ("gpt-4o", "internlm2-7b-reward"),
}
"""What the name of an output of JudgeBench says: whose answers, and which judge."""


class Figure(NamedTuple):
    """One published number and ours."""

    name: str
    expected: float
    found: float | None

    @property
    def agrees(self) -> bool:
        """To three decimals."""
        return self.found is not None and abs(self.found - self.expected) <= HALF_A_DIGIT


def llmbar(golden: Any, folder: Path) -> Iterator[Figure]:
    """Recorded judges over 419 pairs in both orders."""
    archive = folder / "llmbar/evaluator_results.tar.gz"
    if not archive.is_file():
        return
    columns = golden["_cols"].split(",")
    for judge, expected in golden.items():
        if judge == "_cols":
            continue
        judged = judged_of(read_gold(f"{archive}#{judge}"))
        found = plain_figures(judged)
        lost = sum(said.state in FAILED for each in judged for said in each.orders.judged)
        # the authors' agreement counts two answers that are no verdict as one; ours is over what could be read
        agreement = mean(float(each.consistent) for each in judged if each.both)
        ours = [
            *(found[name] for name in ("accuracy", "both_correct")),
            agreement,
            found["first_slot"],
            float(lost),
            found["prefers_longer"],
        ]
        yield from _row(f"llmbar {judge}", columns, expected, ours)


def shorter_wins(golden: Any, folder: Path) -> Iterator[Figure]:
    """What the length alone would score on LLMBar's sets."""
    for name, expected in golden.items():
        paths = {
            "all": [folder / "llmbar/Natural", folder / "llmbar/Adversarial"],
            "Natural": [folder / "llmbar/Natural"],
        }.get(name, [folder / "llmbar/Adversarial" / name])
        if all(path.is_dir() for path in paths):
            pairs = [pair for path in paths for pair in read_gold(path).pairs]
            yield Figure(f"llmbar shorter wins, {name}", expected, mean(map(_shorter_wins, pairs)))


def _shorter_wins(pair: GoldPair) -> float:
    """1 where the better text is strictly the shorter one, else 0."""
    one, other = map(len, pair.texts)
    return float(one != other and (one < other) == (pair.first_better > 0.5))


def judgebench_judges(golden: Any, folder: Path) -> Iterator[Figure]:
    """JudgeBench's own score of its recorded judges, where a user has put its outputs below `judgebench`."""
    columns = golden["_cols"].split(",")
    for name, expected in golden.items():
        whose, judge = JUDGEBENCH_FILES.get(name, ("", ""))
        files = [each for each in folder.glob("judgebench/**/*.jsonl") if judge and judge in each.name]
        for path in [each for each in files if whose in each.name][:1]:
            found = judgebench(judged_of(read_gold(path)))
            ours = [
                round(found[key], 2) for key in ("official", "both_correct", "inconsistent", "null_pairs")
            ]
            yield from _row(f"judgebench {name}", columns, expected, ours)


def xstest(golden: Any, folder: Path) -> Iterator[Figure]:
    """Kappa of two people, of a judge and of string matching with the final label, 450 answers a model."""
    path = folder / "xstest/xstest_judge_labels.csv"
    if not path.is_file():
        return
    labels = read_gold(path).labels
    columns = ("human1 vs human2", "gpt4 judge vs final", "strmatch vs final")
    for model, expected in golden.items():
        if model == "_cols":
            continue
        rows = [each for each in labels if each.category == model]
        people = [Labelled(each.recorded["annotation_1"], each.recorded["annotation_2"]) for each in rows]
        judges = [
            [Labelled(each.recorded[judge], each.label) for each in rows]
            for judge in ("gpt4_label", "strmatch_label")
        ]
        yield from _row(f"xstest {model}", columns, expected, [kappa(people), *map(kappa, judges)])


def rbr(golden: Any, folder: Path) -> Iterator[Figure]:
    """How many gold answers are in each class, which their propositions alone decide."""
    rules = folder / "safety_rbr/proposition_prompts.yaml"
    for part, kinds in golden.items():
        path = folder / f"safety_rbr/rbr_gold_data/{part}.jsonl"
        if not (path.is_file() and rules.is_file()):
            continue
        counts = classify(ClassifyConfig(files=(path,), rules=str(rules))).counts
        for kind, expected in kinds.items():
            there = counts.get(kind_name(kind), {})
            # a class that nobody is in is no figure; one that only we find somebody in is a mismatch
            found = {CLASS_WORDS[name]: count for name, count in there.items() if count}
            for name in sorted(expected.keys() | found.keys()):
                figure = f"rbr {part} {kind} {name}"
                yield Figure(figure, expected.get(name, 0), float(found.get(name, 0)))


BLOCKS = {
    "llmbar_recorded_judges_419_items_2_orders": llmbar,
    "llmbar_shorter_wins_baseline": shorter_wins,
    "judgebench_recomputed": judgebench_judges,
    "xstest_kappa": xstest,
    "rbr_gold_class_counts": rbr,
}


def judged_of(gold: GoldSet) -> list[Judged]:
    """The pairs of a set with the verdicts that its file records."""
    return [Judged(pair=each, orders=each.recorded) for each in gold.pairs if each.recorded is not None]


def main(arguments: Sequence[str]) -> int:
    """Compare, print, and return the exit code."""
    unknown = [each for each in arguments if each != "--json"]
    golden_file = FOLDER / "golden_numbers.json"
    if unknown or not golden_file.is_file():
        why = (
            f"unknown: {unknown[0]}" if unknown else f"{golden_file}: no such file; set RLAIF_REFERENCE_DATA"
        )
        print(f"error: {why}", file=sys.stderr)
        return 2
    golden = json.loads(golden_file.read_text(encoding="utf-8"))
    try:
        blocks = {
            name: list(block(golden.get(name, {}), FOLDER))
            for name, block in BLOCKS.items()
            if name in golden
        }
    except RlaifError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    figures = [each for found in blocks.values() for each in found]
    wrong = [each._asdict() for each in figures if not each.agrees]
    if "--json" in arguments:
        print(json.dumps({"compared": len(figures), "mismatches": wrong}))
    else:
        for name, found in blocks.items():
            agree = sum(each.agrees for each in found)
            print(f"{name:<44} {agree} of {len(found)} agree" if found else f"{name:<44} no recorded files")
        for each in wrong:
            print("{name}: expected {expected}, found {found}".format(**each))
    return 3 if wrong else 0


def _row(
    name: str, columns: Sequence[str], expected: Sequence[float], ours: Sequence[float | None]
) -> Iterator[Figure]:
    for column, published, found in zip(columns, expected, ours, strict=True):
        yield Figure(f"{name}: {column}", published, found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
