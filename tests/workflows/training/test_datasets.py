"""`rlaif train sft RUN --learn revisions` learns what a run's step `revise` made, though no pair says so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rlaif.errors import InputError
from rlaif.records import CutSide, Message, Pair
from rlaif.workflows.configs import RunConfig
from rlaif.workflows.recipe.prepare import prepare_recipe
from rlaif.workflows.recipe.run import run
from rlaif.workflows.training.config import train_config
from rlaif.workflows.training.datasets import examples, run_revisions
from rlaif.workflows.training.methods.sft import SFTOptions
from rlaif.workflows.training.plan import plan_steps
from rlaif.workflows.training.run import settle
from tests.workflows.conftest import GREETS, Write

RECIPE = """\
name: revision
models: {{policy: "{policy}", judge: "{judge}", editor: "{editor}"}}
constitution: {constitution}
prompts: {{train: {prompts}}}
rounds: 1
round:
  - {{step: sample, n: 2, prompts: 4, as: first}}
  - {{step: revise, of: first, reviser: editor, principles: [greet]}}
{more}
"""


@pytest.fixture
def revised(
    tmp_path: Path, policy: str, judge: str, script: Write, prompts: Path, constitution: Path
) -> Path:
    rows = [
        {"contains": ["Name one", "Response:\n```\nHello"], "texts": ["The response breaks no rule."]},
        {"contains": ["Name one"], "texts": ["The response does not greet."]},
        {"contains": ["Rewrite"], "texts": [GREETS]},
    ]
    names = {"policy": policy, "judge": judge, "editor": script("editor", rows)}
    path = tmp_path / "revision.yaml"
    more = "  - {step: judge, of: first}\n  - {step: pairs, critique: false}"
    path.write_text(RECIPE.format(**names, constitution=constitution, prompts=prompts, more=more))
    return run(prepare_recipe(RunConfig(recipe=str(path), out=tmp_path / "run"))).run


@pytest.mark.parametrize("place", ["", "round-1"])
def test_the_revisions_of_a_run_are_learned_and_nothing_else(
    revised: Path, tmp_path: Path, place: str
) -> None:
    config = train_config(
        revised / place, method="sft", learn="revisions", policy="micro", out=tmp_path / "model", steps=1
    )
    job = settle(config)
    assert job.pairs == []
    assert [each.messages[-1].content for each in job.examples] == [GREETS] * 4
    assert {each.kind for each in job.examples} == {"revision"}
    assert len({each.messages[0].content for each in job.examples}) == 4
    planned = plan_steps(job)
    assert planned is not None
    assert planned.rows == 4


def test_revisions_of_held_out_prompts_are_left_out_and_counted(revised: Path, tmp_path: Path) -> None:
    learned = sorted({each.messages[0].content for each in run_revisions(revised)})
    held = tmp_path / "held.jsonl"
    held.write_text("".join(json.dumps({"prompt": text}) + "\n" for text in learned[:3]))
    told = {"method": "sft", "learn": "revisions", "policy": "micro", "out": tmp_path / "model", "steps": 1}
    job = settle(train_config(revised, held_out=str(held), **told))
    assert {each.messages[0].content for each in job.examples} == set(learned[3:])
    assert job.gate is not None
    assert (job.gate.given, job.gate.left_out) == (4, {"leaked": 3})


def test_without_any_revision_the_message_names_the_step_that_makes_some() -> None:
    with pytest.raises(InputError, match="a recipe's step `revise` makes some, or set learn to chosen"):
        examples([], SFTOptions(learn="revisions").learn)


def test_revisions_of_a_run_are_learned_where_its_rounds_have_pairs_of_them_too(
    tmp_path: Path, policy: str, judge: str, script: Write, prompts: Path, constitution: Path
) -> None:
    rows = [
        {"contains": ["Name one"], "texts": ["The response does not greet."]},
        {"contains": ["Rewrite"], "texts": [GREETS]},
    ]
    names = {"policy": policy, "judge": judge, "editor": script("editor", rows)}
    path = tmp_path / "revision.yaml"
    more = "  - {step: pairs, source: revisions}"
    path.write_text(RECIPE.format(**names, constitution=constitution, prompts=prompts, more=more))
    made = run(prepare_recipe(RunConfig(recipe=str(path), out=tmp_path / "run"))).run
    job = settle(
        train_config(made, method="sft", learn="revisions", policy="micro", out=tmp_path / "m", steps=1)
    )
    assert {each.messages[-1].content for each in job.examples} == {GREETS}


def test_a_run_whose_rounds_revised_nothing_says_what_makes_revisions(
    tmp_path: Path, policy: str, judge: str, prompts: Path, constitution: Path
) -> None:
    path = tmp_path / "plain.yaml"
    path.write_text(
        f"name: plain\nmodels: {{policy: '{policy}', judge: '{judge}'}}\nconstitution: {constitution}\n"
        f"prompts: {{train: {prompts}}}\nrounds: 1\nround:\n  - {{step: sample, n: 2}}\n  - {{step: judge}}\n"
        "  - {step: pairs, critique: false}\nstop: {unreadable_share: 1.0}\n"
    )
    made = run(prepare_recipe(RunConfig(recipe=str(path), out=tmp_path / "run"))).run
    with pytest.raises(
        InputError, match="no completion of the run is one; a recipe's step `revise` makes some"
    ):
        settle(
            train_config(made, method="sft", learn="revisions", policy="micro", out=tmp_path / "m", steps=1)
        )


@pytest.mark.parametrize(
    ("cut", "learn", "texts"),
    [
        ("rejected", "chosen", ["yes"]),
        ("chosen", "chosen", []),
        ("rejected", "good-bad", ["yes"]),
        ("chosen", "good-bad", ["no"]),
        ("", "good-bad", ["yes", "no"]),
    ],
)
def test_no_side_that_was_cut_off_is_imitated(cut: CutSide, learn: str, texts: list[str]) -> None:
    def said(text: str) -> tuple[Message, ...]:
        return (Message(role="assistant", content=text),)

    asked = (Message(role="user", content="Is it?"),)
    pair = Pair(prompt=asked, chosen=said("yes"), rejected=said("no"), label_prob=0.9, truncated=cut)
    assert [each.messages[-1].content for each in examples([pair], learn)] == texts
