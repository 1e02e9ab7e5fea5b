"""A reward opened: models by name or role, every call in the store, failures with their reasons, bad parts refused."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from rlaif.constitution import load_principles
from rlaif.errors import BudgetError, RecipeError
from rlaif.exchange.prompts import read_prompts
from rlaif.judging.group_rewards.parts_reward import PartsReward
from rlaif.records import Completion, Constitution, Prompt, ScoredGroups
from rlaif.store import Store
from rlaif.workflows.configs import ModelOptions
from rlaif.workflows.models.pool import ModelPool
from rlaif.workflows.models.role_options import NOTHING, RoleOptions
from rlaif.workflows.reward.open_parts import open_reward
from rlaif.workflows.reward.parts import reward_parts
from tests.engines.local.test_reward import write as write_reward_model
from tests.workflows.tiny import make_tiny

WHERE = "recipe.yaml:9"
MICRO = load_principles("micro-default")
RULES = """\
rules:
  - principle: thanks
    matches: thank
  - principle: brief
    length: {max_words: 4}
"""
HOUSE = """\
name: house
version: 1.0.0
title: How we answer
principles:
  - {id: thanks, text: The response thanks the user.}
  - {id: brief, text: The response is brief.}
"""
FUNCTION = """\
def brief(prompt, completion):
    if completion.text == "fail":
        raise RuntimeError("no opinion")
    return -float(len(completion.text.split()))
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "limits.yaml").write_text(RULES)
    (tmp_path / "house.yaml").write_text(HOUSE)
    (tmp_path / "mine.py").write_text(FUNCTION)
    return tmp_path


@contextmanager
def opened(
    value: Any, *, rules: Constitution | None = None, budget: dict[str, float] | None = None, **how: Any
) -> Iterator[tuple[PartsReward, ModelPool]]:
    """The reward of an entry, its calls in the store of this test."""
    models = ModelPool(ModelOptions(budget=budget or {}))
    with Store.open(Path("calls.sqlite")) as store:
        models.record(store, "")
        try:
            told = {"seed": 0, "where": WHERE} | how
            yield (
                open_reward(
                    reward_parts(value, WHERE), models, rules or load_principles("house.yaml"), **told
                ),
                models,
            )
        finally:
            models.close()


def score(reward: PartsReward, *texts: str, to: Prompt | None = None, step: int = 0) -> ScoredGroups:
    asked = to or read_prompts("micro:train")[0]
    drawn = [Completion(prompt_id=asked.id, text=each, policy="p") for each in texts]
    return reward.score([asked], [drawn], step=step, seed=0)


def refusal(value: Any, **how: Any) -> str:
    with pytest.raises(RecipeError) as told, opened(value, **how):
        pass
    assert str(told.value).startswith(WHERE)
    return str(told.value)


def greeting() -> Prompt:
    return next(each for each in read_prompts("micro:train") if "sum" in each.tags)


GOOD, CURT, RUDE = "Hello. It is 5.", "It is 5.", "You fool. It is 5."


def test_the_bundled_judge_gives_rewards_and_a_second_run_pays_for_none() -> None:
    parts = [{"judge": "micro"}, {"judge": "micro", "protocol": "circular", "weight": 0.5}]
    with opened(parts, rules=MICRO) as (reward, models):
        first = score(reward, GOOD, CURT, RUDE, to=greeting())
        paid = models.calls
    assert [each.name for each in first.components] == ["micro", "micro (circular)"]
    assert all(total is not None for total in first.totals)
    assert first.totals[2] == min(each for each in first.totals if each is not None)
    applying = paid["new"] / (
        3 + 2 * 3
    )  # one of each completion, and G comparisons in both orders, a principle
    assert applying == int(applying) > 0
    with opened(parts, rules=MICRO) as (reward, models):
        assert score(reward, GOOD, CURT, RUDE, to=greeting()) == first
        assert models.calls == {"new": 0, "reused": paid["new"], "failed": 0}


@pytest.mark.parametrize("kind", ["llama", "qwen3", "gemma2"])
def test_any_make_of_model_may_judge(kind: str, tmp_path: Path) -> None:
    directory = make_tiny(tmp_path / kind, kind=kind)
    parts = [{"judge": f"hf:{directory}"}, {"judge": f"hf:{directory}", "protocol": "circular"}]
    with opened(parts) as (reward, models):
        found = score(reward, "thank you", "no", "go on then")
        assert models.calls["new"] == 2 * (3 + 6)
        assert models.calls["failed"] == 0
    # a judge that knows nothing may be unreadable: then there is a reason, and no number
    for each in found.components:
        assert sum(value is None for value in each.values) == sum(reward.reasons[each.name].values())


def test_rules_are_a_condition_beside_a_judge() -> None:
    parts = [
        {"judge": "micro"},
        {"judge": "rules:limits.yaml", "hard": True, "at_least": 1, "constitution": "house.yaml"},
    ]
    with opened(parts, rules=MICRO) as (reward, _):
        found = score(reward, "I thank you.", "It is 5.", to=greeting())
    assert found.components[1].values == (1.0, 0.5)
    assert found.totals[1] == -1.0
    assert not found.additive


def test_a_reward_model_is_named_by_its_directory_or_by_its_role(tmp_path: Path) -> None:
    directory = write_reward_model(tmp_path / "rm")
    with opened([{"model": str(directory)}]) as (reward, models):
        alone = score(reward, "wait", "stop")
        assert models.calls["new"] == 2
    stands = {"reward_model": f"reward:{directory}"}
    with opened([{"model": "reward_model"}], stands=stands) as (reward, models):
        assert score(reward, "wait", "stop").totals == alone.totals
        assert models.calls["reused"] == 2
    assert len(set(alone.totals)) == 2


def test_a_role_is_asked_as_the_recipe_says(tmp_path: Path) -> None:
    asked: list[str] = []

    def options(role: str) -> RoleOptions:
        asked.append(role)
        return RoleOptions(sees="all") if role == "judge" else NOTHING

    stands = {"judge": "micro", "previous": "micro:base"}
    parts = [{"judge": "judge"}, {"judge": "previous"}, {"judge": "micro:weak"}]
    with opened(parts, rules=MICRO, stands=stands, asked=options) as (reward, _):
        assert [each.name for each in score(reward, GOOD, to=greeting()).components] == [
            "judge",
            "previous",
            "micro:weak",
        ]
    assert set(asked) == {"judge", "previous"}


def test_a_function_is_asked_of_each_completion_and_what_it_raises_is_a_failure() -> None:
    with opened([{"function": "mine.py:brief"}]) as (reward, _):
        assert score(reward, "a b c", "fail", "a").totals == (-3.0, None, -1.0)
        assert reward.reasons["mine.py:brief"] == {"unreadable: raised RuntimeError: no opinion": 1}


def test_an_ensemble_of_reward_models_trusts_its_least_member(tmp_path: Path) -> None:
    model = write_reward_model(tmp_path / "rm")
    whole = {"parts": [{"model": str(model)}, {"function": "mine.py:brief"}], "together": "min"}
    with opened(whole) as (reward, _):
        found = score(reward, "a b c d e f g h", "wait")
    for total, *members in zip(found.totals, *(each.values for each in found.components), strict=True):
        assert total == min(each for each in members if each is not None)


def test_what_a_judge_could_not_say_is_none_with_its_reason() -> None:
    Path("mute.jsonl").write_text('{"texts": ["no verdict"]}\n')
    with opened([{"judge": "script:mute.jsonl"}]) as (reward, models):
        found = score(reward, "thank you", "no")
        assert found.totals == (None, None)
        assert models.calls["failed"] == 4
    [[why, count]] = reward.reasons["script:mute.jsonl"].items()
    assert count == 2
    assert "transport" in why


def test_rubrics_are_read_from_a_file_and_thinned_alike_when_a_run_is_resumed() -> None:
    asked = greeting()
    rows = [
        {"id": name, "text": f"The response is {name}."} for name in ("brief", "kind", "polite", "honest")
    ]
    turns = [{"role": each.role, "content": each.content} for each in asked.messages]
    Path("rubrics.jsonl").write_text(json.dumps({"prompt": turns, "criteria": rows}) + "\n")
    liked = [{"contains": [f"is {name}."], "labels": {"yes": 0.9, "no": 0.1}} for name in ("kind", "polite")]
    rest = {"contains": [], "labels": {"yes": 0.2, "no": 0.8}}
    Path("judge.jsonl").write_text("".join(json.dumps(each) + "\n" for each in [*liked, rest]))
    part = {"judge": "script:judge.jsonl", "rubrics": "rubrics.jsonl", "dropout": 0.5}

    def seen(steps: Sequence[int]) -> list[tuple[float | None, ...]]:
        with opened([part]) as (reward, _):
            return [score(reward, "yes", to=asked, step=step).totals for step in steps]

    through = seen(range(8))
    assert len(set(through)) > 1
    assert seen(range(4)) + seen(range(4, 8)) == through


def test_a_budget_stops_it() -> None:
    with (
        opened([{"judge": "micro"}], rules=MICRO, budget={"calls": 2}) as (reward, _),
        pytest.raises(BudgetError),
    ):
        score(reward, GOOD, CURT, RUDE, to=greeting())


@pytest.mark.parametrize(
    ("part", "why"),
    [
        ({"judge": "nobody:x"}, "reward part 'nobody:x': .*names no model"),
        ({"judge": "mciro"}, "did you mean 'micro'"),
        ({"judge": "rules:missing.yaml"}, "missing.yaml: cannot be read"),
        ({"judge": "rules:limits.yaml", "protocol": "score"}, "cannot be asked by protocol 'score'"),
        ({"judge": "micro", "protocol": "checklist", "samples": 3}, "takes no vote"),
        ({"judge": "micro", "constitution": "missing.yaml"}, "missing.yaml"),
        ({"judge": "micro", "protocol": "rubric", "rubrics": "missing.jsonl"}, "missing.jsonl"),
        ({"function": "mine.py:missing"}, "has no function 'missing'; it has: brief"),
        ({"function": "no_such_module:f"}, "No module named"),
        ({"model": "no/such/place"}, "no/such/place"),
    ],
)
def test_a_part_that_cannot_be_opened_is_refused_with_its_place(part: dict[str, Any], why: str) -> None:
    assert re.search(why, refusal([part]))


def test_a_reward_model_that_is_none_or_lacks_its_tokenizer_is_refused(tmp_path: Path) -> None:
    language = make_tiny(tmp_path / "lm")
    assert "is a language model and no reward model; train one" in refusal([{"model": str(language)}])
    bare = write_reward_model(tmp_path / "rm")
    for each in bare.glob("tokenizer*"):
        each.unlink()
    assert "reward part" in (told := refusal([{"model": str(bare)}]))
    assert "tokenizer" in told


def test_principles_are_not_given_to_whom_reads_none(tmp_path: Path) -> None:
    directory = write_reward_model(tmp_path / "rm")
    part = {"judge": f"reward:{directory}", "constitution": "house.yaml"}
    assert "reads no principles, and constitution says nothing to it" in refusal([part])


def test_what_cannot_be_put_together_is_refused_before_anything_is_asked() -> None:
    product = {"parts": [{"judge": "micro"}, {"function": "mine.py:brief"}], "together": "product"}
    assert "its numbers may be below 0" in refusal(product)
    gated = [{"function": "mine.py:brief"}, {"judge": "rules:limits.yaml", "hard": True, "at_least": 1}]
    assert "needs a floor" in refusal(gated)


def test_a_rubric_accepts_or_rejects_and_a_dense_reward_gives_the_direction() -> None:
    asked = greeting()
    turns = [{"role": each.role, "content": each.content} for each in asked.messages]
    row = {"prompt": turns, "criteria": [{"id": "thanks", "text": "It thanks."}]}
    Path("rubrics.jsonl").write_text(json.dumps(row) + "\n")
    gate = {"judge": "rules:limits.yaml", "rubrics": "rubrics.jsonl", "hard": True, "at_least": 0.5}
    whole = {"parts": [{"function": "mine.py:brief"}, gate], "floor": -9}
    with opened(whole) as (reward, _):
        found = score(reward, "thank you", "no", "I thank you so much", "it is so", to=asked)
    assert found.totals == (-2.0, -9.0, -5.0, -9.0)
    assert found.components[1].values == (1.0, 0.0, 1.0, 0.0)
