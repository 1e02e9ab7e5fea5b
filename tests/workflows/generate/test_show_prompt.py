"""`--show-prompt`: every turn of the chosen protocol as it is asked, and no call made."""

from __future__ import annotations

from pathlib import Path

import pytest

from rlaif.cli.main import main
from rlaif.errors import InputError
from rlaif.judging import ModelJudge, RandomJudge
from rlaif.judging.protocols import protocols
from rlaif.workflows.generate.show_prompt import WRITTEN, questions
from tests.judging.builders import RuleEngine, completion, constitution, principle, prompt
from tests.judging.protocols.oracles import ASKED_OF_MODELS, judge_of

HOUSE = constitution(principle("brief", "The response is brief."), principle("kind", "The response is kind."))
TEXTS = [completion(f"text number {n}") for n in range(4)]
TURNS = {"debate": 3, "meta": 2, "rank": 2, "rank-list": 2}


def engine() -> RuleEngine:
    def never(*_: object) -> dict[str, float]:
        raise AssertionError("the judge is asked")

    return RuleEngine(never)


@pytest.mark.parametrize("name", [name for name in ASKED_OF_MODELS if name != "panel"])
def test_every_turn_is_shown_and_the_judge_is_not_asked(name: str) -> None:
    shown = questions(ModelJudge(engine()), HOUSE, prompt(), TEXTS, [name])
    assert shown.count("--- ") == TURNS.get(name, 1)
    assert shown.startswith(f"--- {name}")
    assert "text number 0" in shown
    assert "how do I bake bread" in shown
    if name != "steps":
        assert {"rubric": "Statement: ", "rubric-list": "1. "}.get(
            name, "Rule: "
        ) + "The response is brief." in shown
    assert "kind" not in shown


@pytest.mark.parametrize("name", [name for name in ASKED_OF_MODELS if name != "panel"])
def test_what_is_shown_is_what_is_asked(name: str) -> None:
    """The first question of the listener is among those that a judge gets, byte for byte."""
    from rlaif.judging.protocols import Asking, Pointwise, protocol

    asked = RuleEngine(lambda *_: {"A": 0.5, "B": 0.5, "yes": 0.5, "no": 0.5, "3": 1.0}, lambda _: WRITTEN)
    chosen = protocol(name)
    judge = ModelJudge(asked)
    if isinstance(chosen, Pointwise):
        chosen.ask(judge, [(prompt(), each) for each in TEXTS], HOUSE.principles[:1], Asking(again=0))
    else:
        chosen.ask(judge, [(prompt(), *TEXTS[:2])], HOUSE.principles[:1], Asking(again=0))
    for part in questions(judge, HOUSE, prompt(), TEXTS, [name]).split("\n\n--- "):
        assert part.partition("---\n")[2] in asked.asked


def test_a_panel_shows_each_of_its_seats() -> None:
    shown = questions(judge_of(engine(), "panel"), HOUSE, prompt(), TEXTS, ["panel"])
    assert shown.count("--- x ---") == 4
    assert "--- compare ---" in shown
    assert "--- compare-cot ---" in shown
    assert "--- meta, turn 2 of 2 ---" in shown


def test_of_one_text_only_what_judges_one_is_shown() -> None:
    shown = questions(ModelJudge(engine()), HOUSE, prompt(), TEXTS[:1])
    assert "--- checklist ---" in shown
    assert "--- compare" not in shown
    with pytest.raises(InputError, match="asks nothing about 2 answers"):
        questions(ModelJudge(engine()), HOUSE, prompt(), TEXTS[:2], ["rank-list"])


def test_a_judge_without_questions_says_so() -> None:
    with pytest.raises(InputError, match="reads no question"):
        questions(RandomJudge(), HOUSE, prompt(), TEXTS)


def test_generate_shows_its_own_protocol(
    policy: str,
    prompts: Path,
    constitution: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    judge: str,
) -> None:
    words = ["--policy", policy, "--judge", judge, "--prompts", prompts, "--constitution", constitution]
    line = ["generate", *map(str, words), "--out", str(tmp_path / "out"), "--show-prompt"]
    for name, titles in {
        "debate": ["checklist", "debate, turn 1 of 3", "debate, turn 2 of 3", "debate, turn 3 of 3"],
        "score": ["score"],
        "rank": ["rank", "compare"],
    }.items():
        assert name in protocols()
        assert main([*line, "--protocol", name]) == 0
        shown = capsys.readouterr().out
        assert [each.partition(" ---")[0] for each in f"\n{shown}".split("\n--- ")[1:]] == titles
    assert not (tmp_path / "out").exists()


def test_a_recipe_shows_the_protocols_of_its_round(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["--set", "round.1.protocol=score", "--set", "round.2.then=meta", "--set", "round.0.n=2"]
    assert main(["run", "self-rewarding", "--out", "loop", *words, "--show-prompt"]) == 0
    shown = capsys.readouterr().out
    titles = [each.partition(" ---")[0] for each in f"\n{shown}".split("\n--- ")[1:]]
    assert titles == ["score", "meta, turn 1 of 2", "meta, turn 2 of 2"]
    assert not (tmp_path / "loop").exists()
