"""Win rates and gold: both orders, failures apart, intervals over prompts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rlaif.auditing.intervals import Resampling
from rlaif.cli.main import main
from rlaif.constitution import load_constitution
from rlaif.errors import InputError
from rlaif.exchange.measured import read_measured
from rlaif.exchange.prompts import read_prompts
from rlaif.judging import RandomJudge
from rlaif.records import Completion
from rlaif.review.verdict import answer
from rlaif.workflows.configs import EvaluateConfig
from rlaif.workflows.evaluation.run import evaluate, first_question
from rlaif.workflows.evaluation.win_rate import compare_answers
from rlaif.workflows.models.defaults import choose_evaluate
from tests.workflows.conftest import CONSTITUTION, GREETS, SILENT, Write


@pytest.fixture
def settled(tmp_path: Path, script: Write, judge: str, prompts: Path, constitution: Path) -> Any:
    polite, curt = script("polite", [{"texts": [GREETS]}]), script("curt", [{"texts": [SILENT]}])

    def make(**given: Any) -> EvaluateConfig:
        own: dict[str, Any] = {
            "policy": polite,
            "against": (curt, polite),
            "judge": judge,
            "prompts": str(prompts),
            "constitution": str(constitution),
            "store": tmp_path / "store.sqlite",
        }
        return choose_evaluate(EvaluateConfig(**(own | given)))

    return make


def test_who_is_liked_wins_and_who_is_equal_is_even(settled: Any) -> None:
    found = evaluate(settled())
    better, same = found.win_rates
    assert (better.win_rate, better.wins, better.losses, better.even, better.failed) == (1.0, 8, 0, 0, 0)
    assert (same.win_rate, same.even) == (0.5, 8)
    assert found.gold == ()


def test_gold_is_given_for_each_model_and_principle(settled: Any) -> None:
    config = settled(gold=True)
    found = evaluate(config).as_dict()
    polite, curt = found["gold"][config.policy], found["gold"][config.against[0]]
    assert polite["mean"] == 1.0
    assert curt["by_principle"] == {"greet": 0.0, "brief": 1.0}
    assert curt["low"] <= curt["mean"] <= curt["high"]


def test_a_judge_of_position_finds_everybody_even(settled: Any, script: Write) -> None:
    found = evaluate(settled(judge=script("first", [{"labels": {"A": 0.9, "B": 0.1}}])))
    assert found.win_rates[0].even == 8


def test_a_judge_that_cannot_be_read_gives_no_win_rate(settled: Any, script: Write) -> None:
    found = evaluate(
        settled(judge=script("vague", [{"labels": {"A": 0.1, "B": 0.1}}]), against=settled().against[:1])
    )
    rate = found.win_rates[0]
    assert (rate.win_rate, rate.failed, rate.even) == (None, 8, 0)
    assert "no comparison could be read" in answer(found.helped[rate.against], "mine")[1]
    assert any("-" in each.split() for each in found.tables.splitlines()[3:])


def test_gold_alone_asks_no_judge(settled: Any) -> None:
    found = evaluate(settled(judge=None, against=(), gold=True))
    assert found.win_rates == ()
    assert len(found.gold) == 1


def test_a_principle_that_gold_cannot_read_is_named(
    settled: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "foreign.yaml"
    file.write_text(CONSTITUTION + "  - id: rhyme\n    text: The response rhymes.\n")
    found = evaluate(settled(gold=True, constitution=str(file)))
    assert [each for each in found.warnings if "'rhyme'" in each and "gold cannot read it" in each]
    assert len(found.warnings) == 1
    assert "rhyme" not in found.gold[0].by_principle
    words = [
        "--policy",
        settled().policy,
        "--prompts",
        settled().prompts,
        "--constitution",
        str(file),
        "--gold",
    ]
    assert main(["evaluate", *words, "--store", str(tmp_path / "s.sqlite")]) == 0
    assert "doubtful: principle 'rhyme'" in capsys.readouterr().out


def test_gold_without_gold_rows_is_an_error(settled: Any, tmp_path: Path) -> None:
    plain = tmp_path / "plain.jsonl"
    plain.write_text('{"prompt": "a"}\n')
    with pytest.raises(InputError, match="no row names a gold"):
        evaluate(settled(gold=True, prompts=str(plain)))


def test_a_kept_evaluation_is_a_run(settled: Any, tmp_path: Path) -> None:
    found = evaluate(settled(out=tmp_path / "evaluation"))
    kept = json.loads((tmp_path / "evaluation" / "run.json").read_text())["summary"]
    assert kept == json.loads(json.dumps(found.as_dict()))
    again = evaluate(settled(out=tmp_path / "evaluation"))
    assert again.calls["new"] == 0


def test_the_command_prints_one_json_object(settled: Any, capsys: pytest.CaptureFixture[str]) -> None:
    config = settled()
    words = ["evaluate", "--policy", config.policy, "--against", config.against[0], "--judge", config.judge]
    words += ["--prompts", config.prompts, "--constitution", config.constitution, "--gold", "--json"]
    assert main([*words, "--store", str(config.store)]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["win_rates"][0]["win_rate"] == 1.0
    assert shown["gold"][config.policy]["by_principle"]["greet"] == 1.0


def test_tables_name_models_and_principles(settled: Any) -> None:
    shown = evaluate(settled(gold=True)).tables
    assert "win rate" in shown
    assert "greet" in shown


def test_the_first_question_shows_both_texts(settled: Any) -> None:
    shown = first_question(settled())
    assert f"Response A:\n```\n{GREETS}\n```\nResponse B:\n```\n{SILENT}" in shown


def test_swapping_the_models_turns_the_win_rate_round(
    settled: Any, prompts: Path, constitution: Path
) -> None:
    asked, rules = read_prompts(prompts), load_constitution(constitution)

    def texts(text: str) -> list[Completion]:
        return [
            Completion(prompt_id=each.id, text=f"{text} {place}", policy="p")
            for place, each in enumerate(asked)
        ]

    judge, resampling = RandomJudge(3), Resampling()
    one = compare_answers(
        judge, rules, asked, texts("a"), texts("b"), against="b", resampling=resampling
    ).rate
    other = compare_answers(
        judge, rules, asked, texts("b"), texts("a"), against="a", resampling=resampling
    ).rate
    assert (one.wins, one.losses, one.even) == (other.losses, other.wins, other.even)


def test_rules_give_a_share_of_each_principle_of_each_model(settled: Any, tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text("rules:\n  - {principle: greet, matches: Hello}\n")
    found = evaluate(settled(judge=f"rules:{rules}", against=settled().against[:1]))
    [other] = found.helped.values()
    share = other["by"]["judge"]["by_principle"]["greet"]
    assert {share["before"], share["after"]} <= {0.0, 1.0}
    assert share["before"] != share["after"]
    assert "principles by judge rules:" in found.tables


def test_the_answers_are_kept_with_what_was_read_of_them(settled: Any, tmp_path: Path) -> None:
    out = tmp_path / "kept"
    found = evaluate(settled(gold=True, out=out, against=settled().against[:1]))
    rows = read_measured(out / "measured.jsonl")
    own = [each for each in rows if each.model == found.policy]
    assert len(own) == found.prompts
    [other] = found.helped.values()
    gold = [sum(each.gold.values()) / len(each.gold) for each in own if each.gold]
    assert other["by"]["gold"]["after"] == pytest.approx(sum(gold) / len(gold))


def test_sets_of_the_prompts_are_read_before_and_after_by_gold(settled: Any) -> None:
    config = settled(gold=True, sets=("sums", "flatters"))
    found = evaluate(config)
    of_policy = {each.set: each for each in found.sets if each.model == config.policy}
    assert set(of_policy) == {"sums", "flatters"}
    assert of_policy["flatters"].value == 0.0
    curt = next(each for each in found.sets if each.model == config.against[0] and each.set == "sums")
    assert (curt.before, curt.answers, curt.change) == (True, 8, 0.0)
    assert "sums, before" not in found.sets_line
    assert found.sets_line.startswith("sets: sums ")
    assert any(line.startswith("sets, before and after") for line in found.tables.splitlines())


def test_sets_of_the_prompts_need_somebody_who_says_what_answers_show(settled: Any) -> None:
    with pytest.raises(InputError, match="--sets sums: who says what answers show"):
        evaluate(settled(judge=None, against=(), sets=("sums",)))


def test_one_model_is_measured_with_and_without_its_task_prompt(settled: Any, tmp_path: Path) -> None:
    polite = settled().policy
    found = evaluate(
        settled(against=(polite,), system="Be kind.", against_system="none", out=tmp_path / "with")
    )
    [rate] = found.win_rates
    assert rate.against == f"{polite} (against)"
    held = json.loads((tmp_path / "with" / "run.json").read_text())["config"]
    assert held["against_system"] is None
    assert held["system"] is not None


@pytest.mark.heavy
def test_kl_of_a_policy_is_that_of_its_own_answers_and_needs_temperature_one(
    settled: Any, mini: Path
) -> None:
    config = settled(policy=str(mini), against=(str(mini.parent / "random"),), kl=True, max_tokens=24)
    found = evaluate(config)
    [far] = found.kl.values()
    # a trained policy writes what a random one hardly would
    assert far["low"] > 1.0
    assert far["low"] <= far["value"] <= far["high"]
    assert found.kl_line.startswith("KL in nats per answer, from ")
    with pytest.raises(InputError, match="--kl reads the policy's own answers"):
        evaluate(settled(policy=str(mini), against=(str(mini),), kl=True, temperature=0.0))
