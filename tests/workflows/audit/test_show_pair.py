"""One pair to its last byte, and two runs side by side."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rlaif.cli.main import main
from rlaif.errors import InputError
from rlaif.exchange.pairs import read_pairs
from rlaif.store import Store, find_store
from rlaif.workflows.audit.compare_runs import compare
from rlaif.workflows.audit.show_pair import show
from rlaif.workflows.configs import JudgeConfig
from rlaif.workflows.generate.run import generate, judge
from rlaif.workflows.models.defaults import choose_judge
from tests.workflows.conftest import GREETS, SILENT, Configured, Write, judge_rows


@pytest.fixture
def run(configured: Configured) -> Path:
    return generate(configured()).run


@pytest.fixture
def other(run: Path, script: Write, constitution: Path, tmp_path: Path) -> Path:
    """The same completions by a judge that likes the silent ones."""
    rows = judge_rows("It is 5.")
    config = JudgeConfig(
        source=run,
        out=tmp_path / "other",
        judge=script("contrary", rows),
        constitution=str(constitution),
        critique=False,
    )
    return judge(choose_judge(config)).run


def test_a_pair_is_shown_with_every_call_and_the_exact_question(run: Path) -> None:
    pair = read_pairs(run / "pairs.jsonl")[0]
    found = show(pair.id, run)
    assert found.missing == []
    assert {each.key for each in found.calls} == set(pair.provenance["calls"])
    questions = [each.messages[-1].content for each in found.calls]
    assert any(
        GREETS in text and SILENT in text and "The response greets the user." in text for text in questions
    )
    assert {each.principle for each in found.said} == {"greet", "brief"}
    compared = next(each for each in found.said if each.protocol == "compare" and each.principle == "greet")
    assert (compared.chosen_first, compared.chosen_second) == (pytest.approx(0.9), pytest.approx(0.9))
    assert found.constitution is not None
    assert found.constitution.digest == pair.provenance["constitution"]["digest"]
    assert not found.constitution_differs


def test_the_beginning_of_an_id_is_enough_and_a_shorter_one_is_refused(run: Path) -> None:
    pair = read_pairs(run / "pairs.jsonl")[0]
    assert show(pair.id.removeprefix("b2:")[:8], run).pair.id == pair.id
    with pytest.raises(InputError, match="too short"):
        show("b2:1", run)
    with pytest.raises(InputError, match="no such pair"):
        show("b2:0000000000", run)


def test_the_run_of_a_pair_is_found_in_the_project(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pair = read_pairs(run / "pairs.jsonl")[0]
    monkeypatch.chdir(run.parent)
    assert show(pair.id).run.resolve() == run.resolve()


def test_calls_that_are_elsewhere_are_counted(run: Path, tmp_path: Path) -> None:
    pair = read_pairs(run / "pairs.jsonl")[0]
    found = show(pair.id, run, tmp_path / "none.sqlite")
    assert list(found.missing) == list(pair.provenance["calls"])
    assert found.calls == []


def test_a_pair_of_another_constitution_is_said_so(run: Path) -> None:
    pair = read_pairs(run / "pairs.jsonl")[0]
    path = run / "constitution.yaml"
    path.write_text(path.read_text().replace("greets the user", "greets the person"))
    assert show(pair.id, run).constitution_differs


def test_the_command_prints_both_ways(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pair = read_pairs(run / "pairs.jsonl")[0]
    assert main(["audit", "show", pair.id, "--run", str(run)]) == 0
    assert "[Hello. ]It is 5." in capsys.readouterr().out
    assert main(["audit", "show", pair.id, "--run", str(run), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["pair"]["id"] == pair.id


def test_a_contrary_judge_agrees_in_nothing(run: Path, other: Path) -> None:
    found = compare(run, other)
    assert found.common == 8
    assert found.agreement.value == 0.0
    assert (found.same_pairs, found.turned_pairs) == (0, 8)
    # the plain count and the one with an interval are the same figure
    assert (found.kappa is None) == (found.kappa_between is None)
    if found.kappa is not None and found.kappa_between is not None:
        assert found.kappa_between.value == pytest.approx(found.kappa)
        assert found.kappa_between.low <= found.kappa <= found.kappa_between.high
    assert {(each.first, each.second) for each in found.disagreements} == {(GREETS, SILENT)}
    assert all(None not in each.pairs for each in found.disagreements)


def test_a_run_agrees_with_itself(run: Path) -> None:
    found = compare(run, run)
    assert (found.agreement.value, found.same_pairs, found.disagreements) == (1.0, 8, [])
    assert set(found.by_principle) == {"greet", "brief"}


def test_runs_of_other_texts_are_refused(run: Path, configured: Configured, script: Write) -> None:
    texts = script("others", [{"contains": [], "texts": ["Hello. It is 7.", "It is 7."]}])
    foreign = generate(configured("foreign", policy=(texts,))).run
    with pytest.raises(InputError, match="no two completions in common"):
        compare(run, foreign)


def test_the_comparison_is_printed(run: Path, other: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "compare", str(run), str(other)]) == 0
    assert "0.000" in capsys.readouterr().out
    assert main(["audit", "compare", str(run), str(other), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["turned_pairs"] == 8


def test_the_training_steps_of_a_pair_are_shown(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pair = read_pairs(run / "pairs.jsonl")[0]
    with Store.open(find_store(run)) as store:
        store.put_usage("models/r1", 3, [pair.id])
        store.put_usage("models/r1", 7, [pair.id])
    assert show(pair.id, run).used == [("models/r1", 3), ("models/r1", 7)]
    assert main(["audit", "show", pair.id, "--run", str(run)]) == 0
    assert "trained on by models/r1 in steps 3, 7" in capsys.readouterr().out
