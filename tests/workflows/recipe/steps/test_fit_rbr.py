"""Weights of rules are fitted inside a recipe, and order the draws that pairs are made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rlaif.errors import InputError, RecipeError
from rlaif.exchange.judgments import read_judgments
from rlaif.exchange.pairs import read_pairs
from rlaif.judging.rbr import read_weights
from rlaif.workflows.configs import RunConfig
from rlaif.workflows.dry_run.recipe import plan
from rlaif.workflows.recipe.finished import Finished
from rlaif.workflows.recipe.prepare import prepare_recipe
from rlaif.workflows.recipe.prepared import PreparedRecipe
from rlaif.workflows.recipe.run import run
from tests.workflows.conftest import GREETS, Write, judge_rows

RULES = """\
name: rules
version: 1.0.0
title: Greet
propositions:
  - {id: greets, text: The response greets the user.}
behaviors:
  order: [good, bad]
  classes:
    good: {sum: {greets: true}}
    bad: {sum: {greets: false}}
"""
RECIPE = """\
name: rules
models: {{policy: "{policy}", judge: "{judge}"{further}}}
constitution: {constitution}
prompts: {{train: {prompts}}}
rounds: 1
round:
  - {{step: sample, n: 4, as: drawn}}
  - {{step: fit-rbr, rules: {rules}, steps: 50{fit}}}
  - {{step: rule-reward, of: drawn{reward}}}
  - {{step: pairs, then: none, critique: false}}
"""


class Rules:
    """A recipe with rules over the world of two texts."""

    def __init__(self, place: Path, **named: Any) -> None:
        self.place, self.named = place, named
        self.rules = place / "rules.yaml"
        self.rules.write_text(RULES)

    def prepared(
        self, *, fit: str = "", reward: str = "", further: str = "", out: str = "run", **overrides: str
    ) -> PreparedRecipe:
        path = self.place / "recipe.yaml"
        filled = {"fit": fit, "reward": reward, "further": further, "rules": self.rules, **self.named}
        path.write_text(RECIPE.format(**filled))
        named = {key.replace("__", "."): value for key, value in overrides.items()}
        return prepare_recipe(RunConfig(recipe=str(path), out=self.place / out, overrides=named))

    def play(self, **how: Any) -> Finished:
        return run(self.prepared(**how))


@pytest.fixture
def rules(tmp_path: Path, script: Write, policy: str, prompts: Path, constitution: Path) -> Rules:
    judge = script("judge-of-rules", judge_rows())
    return Rules(tmp_path, policy=policy, judge=judge, prompts=prompts, constitution=constitution)


def test_the_better_class_has_the_greater_reward_and_makes_the_pairs(rules: Rules) -> None:
    done = rules.play()
    weights = read_weights(done.run / "round-1/rbr-weights.json")
    assert set(weights.kinds) == {"sum"}
    assert weights.kinds["sum"]["greets"] > 0
    rewards = {each.value for each in read_judgments(done.run / "round-1/rewards.jsonl")}
    assert len(rewards) == 2
    pairs = read_pairs(done.run / "round-1/pairs.jsonl")
    assert len(pairs) == 8
    assert {each.chosen[-1].content for each in pairs} == {GREETS}
    # a reward is a log-odds up to a constant
    assert {each.label_prob > 0.5 for each in pairs} == {True}


def test_the_reward_is_the_sum_of_weights_and_features_by_hand(rules: Rules) -> None:
    done = rules.play()
    (own,) = read_weights(done.run / "round-1/rbr-weights.json").kinds.values()
    rewards = sorted({each.value or 0.0 for each in read_judgments(done.run / "round-1/rewards.jsonl")})
    by_hand = [own["greets"] * p + own["class:good"] * p + own["class:bad"] * (1 - p) for p in (0.2, 0.9)]
    assert rewards == pytest.approx(by_hand, abs=1e-6)


def test_several_sorts_of_answers_are_fitted_together(rules: Rules) -> None:
    one = rules.prepared()
    assert [each.kind for each in one.round(1)[1].takes] == ["completions"]
    text = (rules.place / "recipe.yaml").read_text()
    more = text.replace("as: drawn}\n", "as: drawn}\n  - {step: sample, n: 2, as: more, temperature: 0.5}\n")
    (rules.place / "recipe.yaml").write_text(
        more.replace("{step: fit-rbr,", "{step: fit-rbr, of: [drawn, more],")
    )
    both = prepare_recipe(RunConfig(recipe=str(rules.place / "recipe.yaml"), out=rules.place / "both"))
    assert [each.name for each in both.round(1)[2].takes] == ["drawn", "more"]
    assert read_pairs(run(both).run / "round-1/pairs.jsonl")


def test_another_rule_makes_other_weights(rules: Rules) -> None:
    rules.play()
    rules.rules.write_text(RULES.replace("greets the user", "greets"))
    again = rules.play(out="again")
    (question,) = read_weights(again.run / "round-1/rbr-weights.json").rules.propositions  # type: ignore[union-attr]
    assert question["text"] == "The response greets."


def test_the_dry_run_counts_a_question_an_answer(rules: Rules) -> None:
    found = plan(rules.prepared())
    calls = {each.name: each.calls for each in found.graph}
    # the draws of a prompt may all differ, and what is asked to fit is in the store when it is asked for rewards
    assert calls["round-1/fit-rbr"] == 8 * 4
    assert calls["round-1/rule-reward"] == 0


def test_too_few_pairs_in_order_end_the_run(rules: Rules, script: Write) -> None:
    unsure = script(
        "unsure", [{"contains": ["Does the response"], "labels": {"yes": 0.5, "no": 0.5}}, *judge_rows()]
    )
    with pytest.raises(InputError, match="nothing to fit"):
        rules.play(models__judge=unsure)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (RULES.replace("    bad: {sum: {greets: false}}\n", "").replace(", bad]", "]"), "in no class"),
        (RULES.replace("behaviors", "behaviours"), "behaviours"),
    ],
)
def test_rules_with_a_gap_are_refused_with_the_step_before_any_call(
    rules: Rules, text: str, problem: str
) -> None:
    rules.rules.write_text(text)
    with pytest.raises(InputError, match=problem):
        rules.prepared()


def test_prompts_of_no_kind_are_refused_with_the_step(rules: Rules) -> None:
    rules.rules.write_text(RULES.replace("{sum:", "{refusal:"))
    with pytest.raises(InputError, match=r"recipe\.yaml:8: no prompt has exactly one tag"):
        rules.play()


def test_a_base_that_is_no_reward_model_or_named_once_is_refused(rules: Rules) -> None:
    with pytest.raises(RecipeError, match="is no reward model"):
        rules.prepared(fit=", base: judge", reward=", base: judge")
    with pytest.raises(RecipeError, match="name the same at both"):
        rules.prepared(fit=", base: scorer", further=', scorer: "reward:models/rm"')


TAUGHT = """\
name: rules
models: {{policy: "{policy}", judge: "{judge}"}}
constitution: {constitution}
prompts: {{train: {prompts}}}
rounds: 1
round:
  - {{step: sample, n: 4, as: drawn}}
  - {{step: fit-rbr, as: fitted, rules: {rules}, steps: 50}}
  - {{step: train, of: train, method: grpo, as: rl, reward: [{{judge: fitted{more}}}], n: 4, steps: 2, batch_size: 4,
     max_tokens: 16, learning_rate: 5.0e-3}}
"""


def taught(place: Path, more: str = "", **world: Any) -> PreparedRecipe:
    path = place / "taught.yaml"
    (place / "rules.yaml").write_text(RULES)
    path.write_text(TAUGHT.format(rules=place / "rules.yaml", more=more, **world))
    return prepare_recipe(RunConfig(recipe=str(path), out=place / "taught"))


def test_fitted_rules_are_the_reward_of_rl_and_a_dry_run_counts_what_they_ask(
    tmp_path: Path, mini: Path, judge: str, prompts: Path, constitution: Path
) -> None:
    world = {"policy": mini, "judge": judge, "prompts": prompts, "constitution": constitution}
    prepared = taught(tmp_path, **world)
    ahead = {each.name: each.calls for each in plan(prepared).graph}
    assert ahead["round-1/rl"] > 0
    done = run(prepared)
    assert 0 < done.calls["new"] <= sum(ahead.values())
    rl = (done.run / "models/round-1-rl/metrics.jsonl").read_text().splitlines()
    assert "rewards/fitted/mean" in rl[0]
    assert run(taught(tmp_path, **world)).calls["new"] == 0


def test_fitted_rules_have_one_number_and_no_protocol(
    tmp_path: Path, mini: Path, judge: str, prompts: Path, constitution: Path
) -> None:
    world = {"policy": mini, "judge": judge, "prompts": prompts, "constitution": constitution}
    with pytest.raises(RecipeError, match="one number of the whole, and protocol is 'score'"):
        plan(taught(tmp_path, ", protocol: score", **world))
