"""A protocol from outside is used as ours are: by name in commands, in a recipe, in dry runs and audits."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from rlaif.cli.main import main
from rlaif.errors import InputError
from rlaif.judging.labels import CallReading
from rlaif.judging.model_judge import ModelJudge
from rlaif.judging.protocol import Judge, One, Two
from rlaif.judging.protocols import PROTOCOLS, Asking, Pairwise, Pointwise, scale_of
from rlaif.judging.scales import Scale
from rlaif.records import Judgment, Principle, State

TEN = Scale(lowest=0.0, highest=10.0)


def stars(judge: Judge, items: Sequence[One], principles: Sequence[Principle], how: Asking) -> list[Judgment]:
    """As the checklist, from 0 to 10."""
    said = judge.checklist(items, principles)
    return [
        replace(each, protocol="stars", value=None if each.value is None else 10 * each.value)
        for each in said
    ]


def read(text: str) -> CallReading:
    """A text that ends in `first` or `second`."""
    last = text.split()[-1:]
    if last not in (["first"], ["second"]):
        return CallReading(State.UNREADABLE, detail="names neither")
    return CallReading(State.PREFERENCE, float(last == ["first"]))


def told(
    judge: ModelJudge, items: Sequence[Two], principles: Sequence[Principle], how: Asking
) -> list[Judgment]:
    questions = judge.both_orders("compare-cot", items, principles)
    return judge.voted("told", questions, read, how.writing())


@pytest.fixture(autouse=True)
def added(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(PROTOCOLS, "_added", {})
    monkeypatch.chdir(tmp_path)
    PROTOCOLS.add(
        Pointwise(name="stars", says="from 0 to 10", ask=stars, scale=TEN, templates=("checklist",))
    )
    PROTOCOLS.add(
        Pairwise(
            name="told",
            says="first or second",
            ask=partial(told),  # type: ignore[arg-type]
            judges=(ModelJudge,),
            templates=("compare-cot",),
            writes=True,
            reads_text=True,
            votes=True,
            sample_reply="\nfirst",
        )
    )
    row = {"prompt": "Say hi.", "completions": ["hi", "hello there", "a very long hello indeed"]}
    (tmp_path / "texts.jsonl").write_text(json.dumps(row) + "\n")


def output(words: str, capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    assert main(words.split()) == 0
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


JUDGE = "judge texts.jsonl --judge random:3 --constitution micro-default --protocol stars --out run --json"


def test_it_is_a_protocol_of_a_command_and_its_scale_is_read_by_audits(
    capsys: pytest.CaptureFixture[str],
) -> None:
    output(JUDGE, capsys)
    rows = [json.loads(line) for line in Path("run/judgments.jsonl").read_text().splitlines()]
    assert {row["protocol"] for row in rows} == {"stars"}
    assert max(row["value"] for row in rows) > 1
    [pair] = [json.loads(line) for line in Path("run/pairs.jsonl").read_text().splitlines()]
    assert 0 <= pair["rejected_score"] <= pair["chosen_score"] <= 1
    assert main(["audit", "run"]) in (0, 3)


def test_a_dry_run_takes_its_sample_reply_so_that_nothing_is_asked_again(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = "judge texts.jsonl --judge micro --constitution micro-default --out run --no-critique --dry-run --json"
    cot = output(f"{words} --protocol compare-cot", capsys)["total"]
    assert output(f"{words} --protocol told", capsys)["total"]["calls"] == cot["calls"]  # type: ignore[index]


def test_judge_check_asks_by_it(capsys: pytest.CaptureFixture[str]) -> None:
    gold = {"input": "hi", "output_1": "LOUD", "output_2": "soft", "label": 1}
    Path("gold.jsonl").write_text(json.dumps(gold) + "\n")
    replies = [
        {"contains": ["LOUD"], "labels": {"yes": 0.9, "no": 0.1}},
        {"contains": [], "labels": {"yes": 0.1, "no": 0.9}},
    ]
    Path("judge.jsonl").write_text("".join(json.dumps(row) + "\n" for row in replies))
    found = output("judge check gold.jsonl --judge script:judge.jsonl --protocol stars --json", capsys)
    assert found["figures"]["accuracy"]["value"] == 1.0  # type: ignore[index]


def test_it_is_a_protocol_of_a_recipes_steps(capsys: pytest.CaptureFixture[str]) -> None:
    Path("mine.yaml").write_text(
        "name: mine\nmodels: {policy: micro, judge: micro}\nconstitution: micro-default\n"
        "prompts: {train: micro:train, held_out: micro:held-out}\nrounds: 1\nround:\n"
        "  - {step: sample, n: 2, prompts: 2}\n  - {step: judge, protocol: stars}\n"
        "  - {step: pairs, then: told}\n  - {step: train, steps: 2}\n"
    )
    assert main(["run", "mine.yaml", "--out", "loop", "--dry-run", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["dry_run"] is True


def test_numbers_of_a_protocol_that_is_gone_mean_nothing() -> None:
    assert scale_of("stars") is TEN
    PROTOCOLS._added.clear()
    with pytest.raises(InputError, match="no protocol of that name is installed"):
        scale_of("stars")
