"""Recorded judges of LLMBar, as runs: an audit gives the published figures, which are recomputed in the data folder."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from rlaif.auditing.agreement import cohen
from rlaif.exchange.benchmarks import GoldPair, RecordedVerdict, read_gold
from rlaif.exchange.completions import write_completions
from rlaif.exchange.judgments import write_judgments
from rlaif.exchange.pairs import write_pairs
from rlaif.records import Completion, Judgment, Message, Pair, Prompt
from rlaif.store import Store, find_store
from rlaif.store.decisions import ReviewDecision, put_decision
from rlaif.workflows.audit.config import AuditConfig
from rlaif.workflows.audit.run import audit

DATA = Path(os.environ.get("RLAIF_REFERENCE_DATA", Path(__file__).parents[4] / "shared" / "data"))
ARCHIVE = DATA / "llmbar/evaluator_results.tar.gz"
needs_data = pytest.mark.skipif(not ARCHIVE.is_file(), reason="set RLAIF_REFERENCE_DATA")


def golden(block: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((DATA / "golden_numbers.json").read_text())[block]
    return found


def completions(number: int, pair: GoldPair) -> tuple[Prompt, list[Completion]]:
    """Of an item; a number keeps items apart that ask the same."""
    turn = Message(role="user", content=f"{number}: {pair.prompt.text}")
    prompt = Prompt(messages=(turn,))
    return prompt, [
        Completion(prompt_id=prompt.id, text=f"{text} [{side}]", policy="given", draw=side)
        for side, text in enumerate(pair.texts)
    ]


def judgment(prompt: Prompt, shown: Sequence[Completion], verdict: RecordedVerdict, turned: bool) -> Judgment:
    p = None if verdict.p is None else 1 - verdict.p if turned else verdict.p
    ids = tuple(each.id for each in (reversed(shown) if turned else shown))
    return Judgment(
        protocol="compare", judge="recorded", prompt_id=prompt.id, completion_ids=ids, principle_id=None,
        state=verdict.state, value=p,
    )  # fmt: skip


def recorded_run(folder: Path, judge: str) -> Path:
    """The verdicts of a recorded judge as the files of a run, and the experts' labels as decisions."""
    texts, said, pairs, people = [], [], [], []
    for number, item in enumerate(read_gold(f"{ARCHIVE}#{judge}").pairs):
        prompt, both = completions(number, item)
        texts += [(prompt, each) for each in both]
        assert item.recorded is not None
        assert item.recorded.swapped is not None
        orders = (item.recorded.forward, item.recorded.swapped)
        said += [
            judgment(prompt, both, each, turned) for each, turned in zip(orders, (False, True), strict=True)
        ]
        first = {each.p > 0.5 for each in orders if each.p is not None}
        if len(first) == 1 and None not in {each.p for each in orders}:
            sides = [(Message(role="assistant", content=each.text),) for each in both]
            chosen, rejected = sides if first == {True} else sides[::-1]
            pair = Pair(prompt=prompt.messages, chosen=chosen, rejected=rejected, label_prob=0.9)
            pairs.append(pair)
            people.append((pair.id, both[0 if item.first_better > 0.5 else 1].id))
    run = folder / "runs" / "recorded"
    run.mkdir(parents=True)
    (run / "run.json").write_text(json.dumps({"command": "judge", "status": "done", "config": {}}))
    write_completions(run / "completions.jsonl", texts)
    write_judgments(run / "comparisons.jsonl", said)
    write_pairs(run / "pairs.jsonl", pairs)
    with Store.open(find_store(run)) as store:
        for name, better in people:
            put_decision(store, ReviewDecision(pair=name, reviewer="experts", prefers=better))
    return run


@needs_data
@pytest.mark.parametrize("judge", ["GPT-4/Vanilla", "ChatGPT/Vanilla", "Falcon/Vanilla"])
def test_a_recorded_judge_gets_its_published_figures(tmp_path: Path, judge: str) -> None:
    _, both_correct, consistent, first_slot, invalid, _ = golden("llmbar_recorded_judges_419_items_2_orders")[
        judge
    ]
    assert invalid == 0
    (tmp_path / ".rlaif").mkdir()
    found = audit(AuditConfig(run=recorded_run(tmp_path, judge))).audit
    figures = found.figures
    assert found.counts["judgments"] == 2 * 419
    assert 1 - figures["order_disagreement"].value == pytest.approx(consistent, abs=1e-3)
    assert figures["first_slot"].value == pytest.approx(first_slot, abs=1e-3)
    # of the pairs whose orders agree, those that are right
    assert figures["people_agree"].value == pytest.approx(both_correct / consistent, abs=2e-3)
    named = {each.fault for each in found.findings}
    assert ("position" in named) == (first_slot > 0.6)
    assert ("inconsistent" in named) == (consistent < 0.7)


@needs_data
def test_kappas_of_people_are_the_published_ones() -> None:
    labels = read_gold(DATA / "xstest/xstest_judge_labels.csv").labels
    for model, expected in golden("xstest_kappa").items():
        if model != "_cols":
            rows = [asdict(each)["recorded"] for each in labels if each.category == model]
            found = cohen([row["annotation_1"] for row in rows], [row["annotation_2"] for row in rows])
            assert found == pytest.approx(expected[0], abs=1e-3)
