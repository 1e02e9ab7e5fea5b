"""Samples are read from the run alone, and a run that lost them has none."""

from __future__ import annotations

from pathlib import Path

from rlaif.exchange.measured import MeasuredAnswer, write_measured
from rlaif.records import Completion, Message, Prompt
from rlaif.review.sample import helped_samples

PROMPT = Prompt(messages=(Message(role="user", content="Hi"),))
HELPED = {
    "answers": [["round-0/measured.jsonl", "policy"], ["round-1/measured.jsonl", "policy"]],
    "samples": [{"where": "most", "prompt": PROMPT.id, "before": 0.25, "after": 1.0}],
}


def test_a_sample_has_both_answers_and_says_why_it_is_shown(tmp_path: Path) -> None:
    for number, text in enumerate(("no", "yes")):
        said = Completion(prompt_id=PROMPT.id, text=text, policy="p")
        path = tmp_path / f"round-{number}" / "measured.jsonl"
        path.parent.mkdir()
        write_measured(path, [MeasuredAnswer(model="policy", prompt=PROMPT, answer=said)])
    [found] = helped_samples(tmp_path, HELPED)
    assert (found.before.text, found.after.text) == ("no", "yes")
    assert found.title == "helped most: meets 0.25 -> 1.00"


def test_answers_that_are_gone_or_lie_outside_of_the_run_are_no_samples(tmp_path: Path) -> None:
    assert helped_samples(tmp_path, HELPED) == []
    assert helped_samples(tmp_path, {}) == []
    outside = tmp_path / "secret.jsonl"
    outside.write_text("{}\n")
    run = tmp_path / "run"
    run.mkdir()
    assert helped_samples(run, {**HELPED, "answers": [["../secret.jsonl", "policy"]] * 2}) == []
