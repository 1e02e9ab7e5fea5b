"""Many criteria a call against one a call: do both say the same, and how many criteria a second does each answer?

    python benchmarks/rubric_calls.py --judge hf:models/judge [--judge micro] [--prompts 20] [--criteria 8]

Draws of `micro` for held-out prompts are judged by rubrics of the principles that apply, once by `rubric` (a criterion
a call, read from the label's probabilities) and once by `rubric-list` (all in one call, a written list). Printed for
each judge: calls, seconds, criteria a second, the share of criteria that could not be read, how often both say the same
of a criterion and order two draws alike, and how often each agrees with gold. A judge that cannot write a list says so.
Seconds are of the wall clock, with nothing in the store; `cpu` are those of this process.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

from rlaif.constitution import applies, load_principles
from rlaif.errors import InputError
from rlaif.exchange.prompts import read_prompts
from rlaif.judging.pointwise import judge_by_rubrics
from rlaif.judging.protocols import Asking
from rlaif.microworld.gold import MicroGold
from rlaif.records import Completion, Judgment, Prompt, Rubric, RubricCriterion, Sampling
from rlaif.store import Store
from rlaif.workflows.configs import ModelOptions
from rlaif.workflows.generate.rollouts import draw
from rlaif.workflows.models.pool import ModelPool

PROTOCOLS = ("rubric", "rubric-list")
Items = list[tuple[Prompt, Completion]]
Cells = dict[tuple[str, str], float]
"""P(true) by completion and criterion."""


def material(prompts: int, criteria: int) -> tuple[Items, list[Rubric]]:
    """Draws of `micro`, and rubrics of the principles that apply to each prompt."""
    constitution = load_principles("micro-default")
    asked = read_prompts("micro:held-out")[:prompts]
    models = ModelPool(ModelOptions(), seed=0)
    with tempfile.TemporaryDirectory() as folder, Store.open(Path(folder) / "store.sqlite") as store:
        models.record(store, "")
        drawn = draw(models, ["micro"], asked, 2, Sampling(temperature=1.0, max_tokens=160), 0).drawn
    rubrics = []
    for prompt in asked:
        own = [each for each in constitution.principles if applies(each, prompt)][:criteria]
        chosen = tuple(RubricCriterion(id=each.id, text=each.text) for each in own)
        rubrics.append(Rubric(prompt=prompt.messages, criteria=chosen))
    return list({said.id: (prompt, said) for prompt, said in drawn}.values()), rubrics


def judged(
    name: str, protocol: str, items: Items, rubrics: Sequence[Rubric]
) -> tuple[dict[str, Any], list[Judgment]]:
    """Ask all criteria, with an empty store; the first item is asked once before, so that loading does not count."""
    models = ModelPool(ModelOptions(), seed=0)
    alone = replace(load_principles("micro-default"), principles=())
    with tempfile.TemporaryDirectory() as folder, Store.open(Path(folder) / "store.sqlite") as store:
        models.open(name)
        models.record(store, "")
        judge = models.judge(name)
        judge_by_rubrics(judge, alone, items[:1], rubrics, protocol, Asking(again=0))
        begun, worked = time.perf_counter(), time.process_time()
        found = judge_by_rubrics(judge, alone, items[1:], rubrics, protocol, Asking(again=0))
        seconds, cpu = time.perf_counter() - begun, time.process_time() - worked
    rows = [row for each in found for row in each.criteria]
    return {
        "judge": name,
        "protocol": protocol,
        "calls": len({call for each in found for call in each.calls}),
        "criteria": len(rows),
        "seconds": round(seconds, 2),
        "cpu": round(cpu, 2),
        "criteria a second of cpu": round(len(rows) / cpu, 1) if cpu else None,
        "unreadable": round(sum("p" not in row for row in rows) / len(rows), 3),
    }, found


def cells(judgments: Sequence[Judgment]) -> Cells:
    """What was read."""
    return {
        (each.completion_ids[0], row["id"]): row["p"]
        for each in judgments
        for row in each.criteria
        if "p" in row
    }


def agreement(one: Cells, other: Cells) -> float | None:
    """Share of the criteria that both read of which they say the same."""
    both = one.keys() & other.keys()
    return (
        round(sum((one[each] >= 0.5) == (other[each] >= 0.5) for each in both) / len(both), 3)
        if both
        else None
    )


def same_order(one: Sequence[Judgment], other: Sequence[Judgment]) -> float | None:
    """Share of two draws of a prompt, told apart by both, that both order alike."""
    numbers = [
        {each.completion_ids[0]: (each.prompt_id, each.value) for each in found} for found in (one, other)
    ]
    alike: list[bool] = []
    for left, right in combinations(numbers[0], 2):
        values = [(own[left], own[right]) for own in numbers if left in own and right in own]
        if len(values) < 2 or values[0][0][0] != values[0][1][0]:
            continue
        gaps = [None if a[1] is None or b[1] is None else a[1] - b[1] for a, b in values]
        if all(gap for gap in gaps):
            alike.append((gaps[0] or 0) * (gaps[1] or 0) > 0)
    return round(sum(alike) / len(alike), 3) if alike else None


def gold_cells(items: Items) -> Cells:
    """What is true."""
    principles = load_principles("micro-default").principles
    graded = {said.id: MicroGold().grade(prompt, said.text, principles) for prompt, said in items}
    return {
        (name, each): float(met)
        for name, own in graded.items()
        for each, met in own.items()
        if met is not None
    }


def main() -> None:
    """A row for each judge and protocol."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--judge", action="append", help="name of a model; repeatable [default: micro]")
    parser.add_argument("--prompts", type=int, default=20)
    parser.add_argument("--criteria", type=int, default=8)
    chosen = parser.parse_args()
    items, rubrics = material(chosen.prompts, chosen.criteria)
    truth = gold_cells(items)
    for name in chosen.judge or ["micro"]:
        found: dict[str, list[Judgment]] = {}
        for protocol in PROTOCOLS:
            try:
                row, found[protocol] = judged(name, protocol, items, rubrics)
            except InputError as wrong:
                say({"judge": name, "protocol": protocol, "refused": str(wrong)})
                continue
            say(row | {"agrees with gold": agreement(cells(found[protocol]), truth)})
        if len(found) == len(PROTOCOLS):
            one, other = (found[each] for each in PROTOCOLS)
            say(
                {
                    "judge": name,
                    "say the same": agreement(cells(one), cells(other)),
                    "order alike": same_order(one, other),
                }
            )


def say(row: Mapping[str, Any]) -> None:
    """Print a row."""
    print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
