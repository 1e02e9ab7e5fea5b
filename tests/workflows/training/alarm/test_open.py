from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rlaif.constitution import load_principles
from rlaif.errors import RecipeError
from rlaif.exchange.pairs import write_pairs
from rlaif.records import Message, Pair, Prompt
from rlaif.workflows.training.alarm.inputs import AlarmInputs
from rlaif.workflows.training.alarm.open import alarm_inputs
from rlaif.workflows.training.job import TrainJob
from rlaif.workflows.training.methods.grpo import GRPOOptions


def prompt(text: str) -> Prompt:
    return Prompt(messages=(Message(role="user", content=text),))


TRAINED = [prompt(f"Please tell me about the number {n}.") for n in range(20)]
HELD_OUT = [prompt(f"What is there to say of the letter {chr(97 + n)}?") for n in range(12)]


def job(alarm: Any) -> TrainJob:
    return TrainJob(
        method="grpo",
        options=GRPOOptions(reward=[{"judge": "scorer"}], alarm=alarm),
        pairs=(),
        prompts=TRAINED,
        base=Path("model"),
        out=Path("out"),
        card={},
    )


def read(alarm: Any, **more: Any) -> AlarmInputs:
    given: dict[str, Any] = {
        "where": "recipe.yaml:7",
        "constitution": load_principles("micro-default"),
        "rewarded_by": ("scorer",),
    }
    found = alarm_inputs(job(alarm), **(given | more))
    assert found is not None
    return found


def ids(prompts: Sequence[Prompt]) -> set[str]:
    return {each.id for each in prompts}


def anchor(path: Path, asked: list[Prompt]) -> str:
    sides = ((Message(role="assistant", content="good"),), (Message(role="assistant", content="bad"),))
    write_pairs(
        path,
        [Pair(prompt=each.messages, chosen=sides[0], rejected=sides[1], label_prob=1.0) for each in asked],
    )
    return str(path)


def test_the_reward_cannot_be_its_own_alarm() -> None:
    with pytest.raises(RecipeError, match="judge scorer is the reward itself"):
        read({"judge": "scorer"})
    with pytest.raises(RecipeError, match="judge rm is the reward itself"):
        read(
            {"judge": "rm"},
            rewarded_by=("made",),
            stands={"rm": "reward:models/rm", "made": "reward:models/rm"},
        )


def test_an_alarm_with_nobody_to_look_is_refused_with_who_could() -> None:
    with pytest.raises(
        RecipeError, match=r"name a judge other than the reward \(judge\), pairs of known order"
    ):
        read("stop")


def test_a_recipes_judge_looks_where_it_is_not_the_reward() -> None:
    assert read("stop", stands={"judge": "micro", "scorer": "reward:rm"}).spec.judge == "judge"
    with pytest.raises(RecipeError, match="nobody but the reward"):
        read("stop", stands={"judge": "micro"}, rewarded_by=("judge",))


def test_it_looks_at_held_out_prompts_and_at_trained_ones_where_none_are_held_out() -> None:
    assert ids(read({"judge": "other"}, held_out=HELD_OUT).prompts) == ids(HELD_OUT)
    assert ids(read({"judge": "other"}).prompts) <= ids(TRAINED)
    assert len(read({"judge": "other", "count": 9}).prompts) == 9
    assert ids(read({"judge": "other", "prompts": "mine"}, sets={"mine": HELD_OUT}).prompts) == ids(HELD_OUT)


def test_an_anchor_that_is_trained_on_is_refused_with_the_first_of_its_prompts(tmp_path: Path) -> None:
    apart = read({"anchor": anchor(tmp_path / "apart.jsonl", HELD_OUT)})
    assert len(apart.anchor) == len(HELD_OUT)
    with pytest.raises(
        RecipeError, match=r"2 of its 12 prompts are trained on, the first of them 'Please tell me"
    ):
        read({"anchor": anchor(tmp_path / "shared.jsonl", [*HELD_OUT[:10], *TRAINED[:2]])})


def test_an_anchor_of_few_pairs_or_of_several_turns_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="holds 3 pairs; 8 or more"):
        read({"anchor": anchor(tmp_path / "few.jsonl", HELD_OUT[:3])})
    path = tmp_path / "turns.jsonl"
    anchor(path, HELD_OUT)
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    del rows[0]["id"]
    rows[0]["chosen"] = [*rows[0]["chosen"], {"role": "user", "content": "And?"}, *rows[0]["chosen"]]
    path.write_text("".join(json.dumps(each) + "\n" for each in rows))
    with pytest.raises(RecipeError, match="1 of 12 pairs have sides of several turns"):
        read({"anchor": str(path)})


def test_a_judge_without_a_constitution_is_refused() -> None:
    with pytest.raises(RecipeError, match="by which constitution"):
        read({"judge": "other"}, constitution=None)
    assert (
        read({"judge": "other", "constitution": "micro-default"}, constitution=None).constitution is not None
    )


def test_the_looks_of_a_training_count_the_one_before_it_and_its_last_step() -> None:
    found = read({"judge": "other", "every": 10})
    assert [found.checks(steps) for steps in (9, 10, 11, 40)] == [2, 2, 3, 5]
    assert found.told(40) == "warn: 5 looks of 20 answers; judged by other; KL at most 60"


def test_a_job_without_an_alarm_has_none() -> None:
    plain = replace(job(None), options=GRPOOptions(reward=[{"judge": "scorer"}]))
    assert alarm_inputs(plain, where="train") is None
