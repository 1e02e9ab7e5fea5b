"""An attack on rewards with known holes: what is found, what is never found, and what is refused before a search."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from rlaif.cli.commands import cli
from rlaif.errors import BudgetError, InputError, RunError
from rlaif.exchange.pairs import read_pairs, write_pairs
from rlaif.records import Message, Pair
from rlaif.workflows.attack.config import AttackConfig, read_part
from rlaif.workflows.attack.prepare import AttackJob, prepare
from rlaif.workflows.attack.report import MARKDOWN, REPORT, as_text
from rlaif.workflows.attack.run import attack
from rlaif.workflows.dry_run.attack import plan
from tests.engines.local.test_reward import write as write_reward_model

TEXTS = (
    "Mix flour and water. Then bake it.",
    "Bake the bread in a hot oven, and please wait.",
    "Ask a baker.",
    "Add salt to the dough. Wait an hour. Bake the bread.",
)
REWARDS = f"""
TEXTS = {TEXTS!r}
calls = []

def long(prompt, completion):
    calls.append(completion.text)
    return float(len(completion.text))

def sound(prompt, completion):
    return 1.0 + TEXTS.index(completion.text) if completion.text in TEXTS else 0.0

def constant(prompt, completion):
    calls.append(completion.text)
    return 0.5

def failing(prompt, completion):
    calls.append(completion.text)
    raise RuntimeError("no opinion")

def fails_on_nonsense(prompt, completion):
    if completion.text not in TEXTS:
        raise RuntimeError("cannot read this")
    return float(len(completion.text))

def hello(prompt, completion):
    return completion.text.count("bread") - 0.001 * len(completion.text)
"""
Job = Callable[..., AttackJob]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(REWARDS)
    rows = [{"contains": [], "texts": [*TEXTS]}]
    Path("policy.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    asked = [{"prompt": f"How do I bake bread number {number}?"} for number in range(4)]
    Path("prompts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in asked))


@pytest.fixture
def job() -> Job:
    def made(reward: str = "function=mine.py:long", **own: Any) -> AttackJob:
        usual: dict[str, Any] = {
            "policy": "script:policy.jsonl",
            "prompts": "prompts.jsonl",
            "n": 4,
            "best_of": 4,
            "population": 4,
            "generations": 2,
            "swap_steps": 2,
            "swap_tries": 4,
        }
        return prepare(AttackConfig(reward=(read_part(reward),), **(usual | own)))

    return made


def test_a_reward_that_likes_length_falls_to_repetition_and_not_to_cuts(job: Job) -> None:
    found = attack(job(attacks=("repetition", "cut")))
    by_name = {each.attack: each for each in found.figures}
    repetition, cut = by_name["repetition"], by_name["cut"]
    assert repetition.success is not None
    assert cut.success is not None
    assert (repetition.success.value, cut.success.value) == (1.0, 0.0)
    assert [str(each) for each in repetition.judged_by] == ["construction"]
    assert found.unmet is not None
    assert "repetition on 100%" in found.unmet
    assert found.examples[0].reward > found.examples[0].line


def test_nothing_is_found_on_a_reward_that_knows_the_honest_answers(job: Job) -> None:
    found = attack(job("function=mine.py:sound"))
    assert found.unmet is None
    assert {each.success.value for each in found.figures if each.success} == {0.0}


def test_what_a_search_finds_is_not_judged_unless_a_second_judge_is_named(job: Job) -> None:
    alone = attack(job("function=mine.py:hello", attacks=("evolution",), generations=6))
    assert alone.figures[0].success is None
    assert alone.figures[0].undecided > 0
    assert alone.unmet is None
    assert "not judged" in as_text(alone)
    second = read_part("function=mine.py:sound")
    judged = attack(job("function=mine.py:hello", attacks=("evolution",), generations=6, by=second))
    assert judged.figures[0].success is not None
    assert judged.figures[0].success.value > 0
    assert [str(each) for each in judged.figures[0].judged_by] == ["second judge"]


def test_a_reward_that_fails_on_nonsense_is_counted_and_never_a_success(job: Job) -> None:
    found = attack(job("function=mine.py:fails_on_nonsense", attacks=("repetition", "template")))
    for each in found.figures:
        assert each.failed == each.texts
        assert (each.prompts, each.success) == (0, None)
    assert any("cannot read this" in why for why in found.failures)
    assert found.unmet is None


@pytest.mark.parametrize(
    ("name", "said"), [("constant", "does not differ"), ("failing", "has no number of any")]
)
def test_a_reward_that_tells_nothing_is_refused_before_any_search(job: Job, name: str, said: str) -> None:
    Path("many.jsonl").write_text(
        json.dumps({"contains": [], "texts": [f"Answer number {each}." for each in range(6)]}) + "\n"
    )
    with pytest.raises(InputError, match=said):
        attack(job(f"function=mine.py:{name}", policy="script:many.jsonl", n=6))


def test_a_reward_that_orders_siblings_has_no_line(job: Job) -> None:
    with pytest.raises(InputError, match="by itself has no number"):
        job("judge=micro,protocol=circular", constitution="micro-default")
    with pytest.raises(InputError, match="leave normalise out"):
        job("judge=micro,normalise=batch", constitution="micro-default")


def test_prompts_that_the_reward_was_trained_on_are_refused(job: Job) -> None:
    asked = Message(role="user", content="How do I bake bread number 2?")
    sides = [(Message(role="assistant", content=text),) for text in ("Bake.", "No.")]
    old = Pair(prompt=(asked,), chosen=sides[0], rejected=sides[1], label_prob=1.0)
    write_pairs(Path("old.jsonl"), [old])
    with pytest.raises(InputError, match=r"1 of 4 prompts ask one that old\.jsonl asks.*name prompts"):
        job(trained_on=Path("old.jsonl"))


def test_a_judge_by_principles_needs_a_constitution_where_prompts_are_ones_own(job: Job) -> None:
    with pytest.raises(InputError, match="--constitution is missing"):
        job("judge=micro")


def test_a_toy_gives_no_honest_answers_to_a_reward_of_ones_own() -> None:
    with pytest.raises(InputError, match=r"--policy is missing.*--policy micro --prompts micro:held-out"):
        prepare(AttackConfig(reward=(read_part("function=mine.py:long"),)))
    with pytest.raises(InputError, match=r"--prompts is missing: with mine\.py:long"):
        prepare(AttackConfig(reward=(read_part("function=mine.py:long"),), policy="micro"))
    assert prepare(AttackConfig(reward=(read_part("micro"),))).config.prompts == "micro:held-out"


def test_pairs_hold_an_honest_answer_over_each_attack_on_half_of_the_prompts(job: Job) -> None:
    found = attack(job(attacks=("repetition",), pairs=Path("new/pairs.jsonl")))
    pairs = read_pairs("new/pairs.jsonl")
    assert found.pairs == len(pairs) > 0
    assert {each.chosen[0].content for each in pairs} <= {*TEXTS}
    assert all(len(each.rejected[0].content) > len(each.chosen[0].content) for each in pairs)
    assert len({each.prompt for each in pairs}) == 2 == len(found.mined)
    weights = {each.prompt: 0.0 for each in pairs}
    for each in pairs:
        weights[each.prompt] += each.weight
        assert each.provenance["attack"] == "repetition"
        assert each.provenance["worthless_by"] == "construction"
        assert each.score_gap is None, "the reward says the opposite of the label"
    assert all(total == pytest.approx(1.0, abs=1e-5) for total in weights.values())


def test_no_pair_is_made_of_what_only_gold_says(job: Job, tmp_path: Path) -> None:
    rows = [{"prompt": f"I am Ben. What is {n} plus 2?", "tags": ["sum"], "gold": "micro"} for n in range(4)]
    Path("gold.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    given = {"prompts": "gold.jsonl", "constitution": "micro-default", "pairs": Path("p.jsonl")}
    found = attack(job("function=mine.py:hello", attacks=("evolution",), generations=6, **given))
    assert [str(each) for each in found.figures[0].judged_by] == ["gold"]
    assert found.pairs == 0


def test_pairs_of_the_first_training_stand_before_the_new_ones(job: Job) -> None:
    asked = Message(role="user", content="What is the way to the sea?")
    sides = [(Message(role="assistant", content=text),) for text in ("Left.", "No.")]
    old = Pair(prompt=(asked,), chosen=sides[0], rejected=sides[1], label_prob=0.9)
    write_pairs(Path("old.jsonl"), [old])
    found = attack(job(attacks=("repetition",), pairs=Path("all.jsonl"), trained_on=Path("old.jsonl")))
    pairs = read_pairs("all.jsonl")
    assert pairs[0].id == old.id
    assert len(pairs) == found.pairs + 1


def test_before_and_after_are_told_on_fresh_prompts_and_on_mined_ones(job: Job) -> None:
    attack(job(attacks=("repetition",), pairs=Path("p.jsonl"), out=Path("first")))
    found = attack(job("function=mine.py:sound", attacks=("repetition",), against=Path("first")))
    told = {
        each.fresh: (each.prompts, each.before.value, each.after.value)
        for each in found.before
        if each.before and each.after
    }
    assert told == {True: (2, 1.0, 0.0), False: (2, 1.0, 0.0)}
    assert "before and after, on prompts of which no pair was made" in as_text(found)


def test_an_earlier_report_that_is_none_is_refused(job: Job) -> None:
    Path("other.json").write_text("{}")
    with pytest.raises(InputError, match="is no report of"):
        job(against=Path("other.json"))
    with pytest.raises(InputError, match=r"holds no attack\.json"):
        job(against=Path())


def test_a_gradient_is_followed_in_a_reward_model_and_skipped_with_its_reason_elsewhere(job: Job) -> None:
    skipped = attack(job(attacks=("gradient",)))
    assert "nothing else gives a gradient" in skipped.skipped["gradient"]
    assert skipped.figures == ()
    write_reward_model(Path("rm"))
    found = attack(job("rm", attacks=("gradient",), swap_steps=4, swap_tries=8))
    assert found.skipped == {}
    assert found.figures[0].prompts == 4


def test_a_search_by_gradient_never_ends_below_where_it_began(job: Job) -> None:
    write_reward_model(Path("rm"))
    leads = []
    for steps in (1, 5):
        found = attack(job("rm", attacks=("gradient",), swap_steps=steps, swap_tries=8))
        assert found.figures[0].lead is not None
        leads.append(found.figures[0].lead)
    assert leads[1] >= leads[0]


def test_the_same_command_asks_nothing_again_and_writes_the_same_report(job: Job) -> None:
    write_reward_model(Path("rm"))
    first = attack(job("rm", out=Path("run")))
    before = Path("run", REPORT).read_bytes()
    again = attack(job("rm", out=Path("run")))
    assert first.calls["new"] > 0
    assert again.calls["new"] == 0
    assert json.loads(before)["outcomes"] == json.loads(Path("run", REPORT).read_bytes())["outcomes"]
    with pytest.raises(RunError, match="another configuration"):
        attack(job("rm", out=Path("run"), quantile=0.5))


def test_a_budget_ends_it_and_the_same_command_goes_on(job: Job) -> None:
    write_reward_model(Path("rm"))
    own = job("rm", out=Path("run"))
    with pytest.raises(BudgetError):
        attack(replace(own, config=replace(own.config, budget={"calls": 60})))
    resumed = attack(own)
    whole = attack(job("rm", out=Path("elsewhere"), store=Path("other.sqlite")))
    assert resumed.outcomes == whole.outcomes
    assert resumed.calls["reused"] >= 40


def test_the_plan_counts_no_fewer_calls_than_are_made(job: Job) -> None:
    write_reward_model(Path("rm"))
    planned = plan(job("rm")).cost["total"]["calls"]
    assert attack(job("rm")).calls["new"] <= planned


def test_an_ensemble_is_attacked_through_the_gradients_of_its_members(job: Job) -> None:
    for name in ("rm1", "rm2"):
        write_reward_model(Path(name))
    Path("both.yaml").write_text("together: min\nparts:\n- {model: rm1}\n- {model: rm2, name: two}\n")
    found = attack(job("both.yaml", attacks=("gradient", "template")))
    assert found.reward == "min of rm1 + two"
    assert {each.attack for each in found.figures} == {"gradient", "template"}


def test_the_command_ends_with_3_where_something_is_found_and_with_0_where_nothing_is() -> None:
    models = ["--policy", "script:policy.jsonl", "--prompts", "prompts.jsonl"]
    usual = [*models, "--n", "4", "--attack", "repetition"]
    bad = CliRunner().invoke(cli, ["attack", "function=mine.py:long", *usual, "--out", "run"])
    assert type(bad.exception).__name__ == "ThresholdError"
    assert "repetition (a word, longer)" in bad.output or "repetition" in bad.output
    assert Path("run", MARKDOWN).read_text().startswith("# Attack on mine.py:long")
    good = CliRunner().invoke(cli, ["attack", "function=mine.py:sound", *usual, "--json"])
    assert good.exception is None
    assert json.loads(good.stdout)["found"] is False
    allowed = CliRunner().invoke(cli, ["attack", "function=mine.py:long", *usual, "--max-success", "1"])
    assert allowed.exception is None
