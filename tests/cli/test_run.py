"""What `rlaif run` says: at once what it plays, on the way how it stands, at the end what was learned and what next."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.shell_completion import ShellComplete

from rlaif.cli.ending import MOST
from rlaif.cli.main import cli, main
from rlaif.cli.output import WIDTH
from rlaif.shipped import shipped
from rlaif.workflows.recipe import run as loop
from rlaif.workflows.recipe.finished import Finished
from rlaif.workflows.recipe.pace import RunStanding
from rlaif.workflows.recipe.recipes import recipe_titles
from rlaif.workflows.recipe.table import learned


def row(number: int, gold: float | None, judge: float | None = 0.5) -> dict[str, Any]:
    return {"round": number, "gold_mean": gold, "judge_mean": judge, "pairs": 300 if number else 0}


def standing(**how: Any) -> RunStanding:
    own: dict[str, Any] = {
        "round": 2,
        "of": 3,
        "step": "judge",
        "number": 2,
        "steps": 5,
        "done": 3200,
        "total": 17_000,
        "left_s": 130.0,
    }
    return RunStanding(**(own | how))


def finished(tmp_path: Path, rows: list[dict[str, Any]]) -> Finished:
    names = ["micro", *(f"runs/demo/models/round-{n}" for n in (1, 2, 3))]
    spent = {"prompt_tokens": 3_622_312, "completion_tokens": 103_242, "cost": 0.0}
    return Finished(
        run=Path("runs/demo"),
        rounds=rows,
        report=Path("runs/demo/report.html"),
        calls={"new": 128_472, "reused": 8050, "failed": 0},
        costs={"currency": "USD", "models": dict.fromkeys(names, spent)},
        warnings=["round 3: the data gate: boilerplate: " + "so many of the chosen answers end alike, " * 6],
        unmet=None,
        held_out=300,
    )


@pytest.fixture
def demo(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The shipped recipe, of which nothing runs and nothing is counted."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("rlaif.cli.run.plan_first", lambda *_, **__: None)

    def run(prepared: Any, progress: Any, listener: Any, forecast: Any) -> Finished:
        listener.told(standing(left_s=None, done=0))
        listener.told(standing())
        return finished(tmp_path, [row(0, 0.56), row(1, 0.77), row(2, 0.923), row(3, 0.97)])

    monkeypatch.setattr(loop, "run", run)
    return tmp_path


@pytest.mark.parametrize(("pairs", "then"), [(300, "audit"), (0, "report")])
def test_a_recipe_without_pairs_ends_with_its_report_and_one_with_pairs_with_the_audit(
    pairs: int,
    then: str,
    demo: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    made = finished(demo, [row(0, 0.56), {**row(1, 0.77), "pairs": pairs}])
    assert made.has_pairs == bool(pairs)
    monkeypatch.setattr(loop, "run", lambda *_: made)
    main(["run", "self-rewarding", "--out", "runs/demo"])
    assert capsys.readouterr().err.splitlines()[-1] == f"next: rlaif {then} runs/demo"


def test_the_first_words_name_recipe_rounds_models_and_place(
    demo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "self-rewarding", "--out", "runs/demo"]) == 0
    first, second, *_ = capsys.readouterr().err.splitlines()
    assert first == "running self-rewarding: 3 rounds from micro, judged by the newest policy, into runs/demo"
    assert second == "constitution micro-default 1.0.0, 17 principles; prompts: 1,200 train, 300 held-out"


def test_the_last_words_say_whether_it_helped_what_is_doubtful_what_it_cost_and_where_it_lies(
    demo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["run", "self-rewarding", "--out", "runs/demo"])
    said = capsys.readouterr()
    lines = said.out.splitlines()
    assert lines[0].startswith("did it help? unknown, for answers of both ends were not kept")
    assert "rose from 0.56 to 0.97 in 3 rounds" in " ".join(said.out.split())
    assert lines[-3].startswith("doubtful: round 3: the data gate: boilerplate: ")
    assert lines[-3].endswith("... (--full)")
    assert lines[-2] == (
        "cost: 128,472 calls (8,050 more from the store, 0 failed), 14,902,216 tokens, USD 0.00"
    )
    assert lines[-1] == "page: runs/demo/report.html"
    assert said.err.splitlines()[-1] == "next: rlaif audit runs/demo"


def test_the_longest_ending_has_twelve_lines_and_full_says_all(
    demo: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    changed = {"before": 0.5, "after": 0.25, "change": -0.25, "low": -0.4, "high": 0.1, "prompts": 1000}
    names = [f"principle-of-a-long-name-{each}" for each in range(9)]
    each_one = {each: {**changed, "change": place - 4.5} for place, each in enumerate(names)}
    by = {name: {**changed, "by_principle": each_one} for name in ("gold", "judge")}
    won = {"win_rate": 0.5, "low": 0.4, "high": 0.6, "wins": 400, "losses": 500, "even": 100}
    words = {"before": 36.0, "after": 37.0, "change": 1.0, "low": -3.0, "high": 5.0}
    helped: dict[str, Any] = {"judge": "hf:organisation/a-model-of-a-long-name-7B-instruct"}
    helped |= {
        "constitution": "house-of-many-rules 1.0.0",
        "against": "initial",
        "by": by,
        "won": won,
        "words": words,
        "kl": 0.5,
    }
    made = replace(
        finished(demo, [row(number, 0.5 + number / 100) for number in range(9)]),
        helped=helped,
        warnings=[f"round {each}: something that one should know of, at length " * 3 for each in range(7)],
    )
    monkeypatch.setattr(loop, "run", lambda *_: made)
    main(["run", "self-rewarding", "--out", "runs/demo"])
    short = capsys.readouterr()
    ending = [*short.out.splitlines(), short.err.splitlines()[-1]]
    assert len(ending) <= MOST
    assert max(map(len, ending)) <= WIDTH
    main(["run", "self-rewarding", "--out", "runs/demo", "--full"])
    full = capsys.readouterr()
    assert "what each round was trained on" in full.out
    assert "principles by gold: the share of answers that meet each" in full.out
    assert "runs/demo/models/round-3: " in full.out
    assert "warning: round 6" in full.err


def test_no_line_is_wider_than_a_terminal(demo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["run", "self-rewarding", "--out", "runs/demo"])
    said = capsys.readouterr()
    assert max(map(len, (said.out + said.err).splitlines())) <= WIDTH


def test_json_is_one_object_and_nothing_else_is_said_on_the_way(
    demo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["run", "self-rewarding", "--out", "runs/demo", "--json"])
    said = capsys.readouterr()
    assert json.loads(said.out)["calls"]["new"] == 128_472
    assert not re.search("running|round 2 of 3", said.err)


def test_an_interrupt_says_where_it_was_and_what_is_kept(
    demo: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(prepared: Any, progress: Any, listener: Any, forecast: Any) -> Finished:
        listener.told(standing())
        raise KeyboardInterrupt

    monkeypatch.setattr(loop, "run", interrupted)
    assert main(["run", "self-rewarding", "--out", "runs/demo"]) == 130
    said = capsys.readouterr().err
    assert "interrupted in round 2 of 3, judge: finished steps are kept in runs/demo" in said
    assert "the same command goes on" in said


def test_without_gold_what_was_learned_is_the_judges_word() -> None:
    said = learned([row(0, None, 0.6), row(1, None, 0.5)], 40)
    assert "fell from 0.60 to 0.50 in 1 round (by its judge's word: no gold knows better)" in said


def test_what_was_not_measured_is_not_said_to_be_learned() -> None:
    assert "add an `evaluate` step" in learned([row(0, None, None), row(1, None, None)], 0)


def test_without_a_recipe_the_names_are_listed_each_with_its_line(
    demo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run"]) == 0
    said = capsys.readouterr().out
    titles = recipe_titles()
    assert [line.split()[0] for line in said.splitlines()[1:]] == sorted(titles)
    assert all(title[:60].rstrip() in said for title in titles.values()), "the longest end in dots"
    assert max(map(len, said.splitlines())) <= 100
    assert main(["run", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"recipes": titles}


def test_a_command_that_names_no_recipe_is_a_usage_error_that_names_them(
    demo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "--out", "runs/demo"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "name a recipe: a file, or one of\n" in said.err
    assert "  self-rewarding  " in said.err


def test_the_shell_completes_names_of_recipes() -> None:
    found = ShellComplete(cli, {}, "rlaif", "_RLAIF_COMPLETE").get_completions(["run"], "self-")
    assert "self-rewarding" in [each.value for each in found]


def test_what_nothing_reads_is_said_once_and_before_the_run(
    demo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (shipped("pipelines") / "smoke.yaml").read_text()
    Path("odd.yaml").write_text(
        text.replace("  - {step: judge,", "  - {step: judge, as: spare}\n  - {step: judge,", 1)
    )
    assert main(["run", "odd.yaml", "--out", "runs/odd", "--limit", "2", "--dry-run", "--json"]) == 0
    said = capsys.readouterr()
    [warning] = json.loads(said.out)["warnings"]
    assert warning.startswith("odd.yaml:10: nothing reads the judgments that step 'spare' makes")
    assert "nothing reads" in said.err
    main(["run", "odd.yaml", "--out", "runs/odd"])
    assert capsys.readouterr().err.count("nothing reads") == 1
