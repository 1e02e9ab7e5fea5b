"""What an edit of a constitution does to the pairs of a run, and what it costs."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from rlaif.cli.main import main
from rlaif.constitution.release import release
from rlaif.engines.open import open_engine
from rlaif.errors import InputError
from rlaif.judging import kinds
from rlaif.judging.ask import Asked, ask_labels
from rlaif.judging.labels import AB, YES_NO, read_share
from rlaif.judging.options import USUAL, JudgeOptions
from rlaif.records import (
    Engine,
    GenerateRequest,
    Generation,
    Judgment,
    Score,
    ScoreRequest,
    State,
    Usage,
)
from rlaif.workflows.configs import GenerateConfig, JudgeConfig, RunConfig
from rlaif.workflows.generate.run import generate, judge
from rlaif.workflows.impact.config import ImpactConfig
from rlaif.workflows.impact.recorded_runs import load_side
from rlaif.workflows.impact.result import Impact
from rlaif.workflows.impact.run import impact
from rlaif.workflows.models import open_engines
from rlaif.workflows.recipe.prepare import prepare_recipe
from rlaif.workflows.recipe.run import run as play
from tests.workflows.conftest import Write

MARKS = [f"m{number}" for number in range(16)]
"""What the sixteen principles ask for: a text with that word."""
TEXTS = [
    "It is 5. " + " ".join(MARKS[:8]),
    "It is 5. " + " ".join(MARKS[:2]),
    "It is five.",
    "It is 5. " + " ".join(MARKS[10:14]),
]


class Billing:
    """A model that says how many tokens it was sent: a word is a token."""

    def __init__(self, inner: Engine) -> None:
        self.inner = inner
        self.name, self.fingerprint = inner.name, inner.fingerprint

    def generate(self, requests: Iterable[GenerateRequest]) -> Iterator[Generation]:
        for request in requests:
            usage = Usage(prompt_tokens=_words(request), completion_tokens=3)
            yield from (replace(each, usage=usage) for each in self.inner.generate([request]))

    def score(self, requests: Iterable[ScoreRequest]) -> Iterator[Score]:
        for request in requests:
            usage = Usage(prompt_tokens=_words(request))
            yield from (replace(each, usage=usage) for each in self.inner.score([request]))


def _words(request: GenerateRequest | ScoreRequest) -> int:
    return len(request.messages[-1].content.split())


def reads_marks(texts: list[str]) -> list[dict[str, Any]]:
    """Rows of a judge that reads `has the word mN` (and `lacks`) in a principle, and nothing else."""
    rows: list[dict[str, Any]] = [{"contains": ["Name one rule"], "texts": ["It lacks a word."]}]
    for mark in MARKS:
        for verb in ("has", "lacks"):
            rule = f"The response {verb} the word {mark}."

            def good(text: str, mark: str = mark, verb: str = verb) -> bool:
                return (mark in text.split()) == (verb == "has")

            for one in texts:
                asked = {"contains": [rule, "Does the response", f"```\n{one}\n```"]}
                rows.append(asked | {"labels": _share(0.9 if good(one) else 0.1, "yes", "no")})
                for other in texts:
                    both = ["Which response", f"Response A:\n```\n{one}\n", f"Response B:\n```\n{other}\n"]
                    p = 0.5 + 0.4 * (good(one) - good(other))
                    rows.append({"contains": [rule, *both], "labels": _share(p, "A", "B")})
    return rows


def _share(p: float, one: str, other: str) -> dict[str, float]:
    return {one: p, other: 1 - p}


def rules(**edits: str) -> dict[str, str]:
    """The lines of sixteen principles; `m3="..."` replaces the lines of one, an empty text removes it."""
    own = {mark: f"  - id: {mark}\n    text: The response has the word {mark}.\n" for mark in MARKS}
    return own | edits


Rules = Callable[..., Path]


@pytest.fixture
def written(tmp_path: Path) -> Rules:
    def write(name: str, head: str = "", **edits: str) -> Path:
        path = tmp_path / f"{name}.yaml"
        start = f"name: sixteen\nversion: 1.0.0\n{head}principles:\n"
        path.write_text(start + "".join(rules(**edits).values()))
        return path

    return write


@pytest.fixture
def run(
    tmp_path: Path, script: Write, prompts: Path, written: Rules, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Eight prompts, four completions each, judged by sixteen principles."""
    monkeypatch.setattr(open_engines, "open_engine", lambda name, **how: Billing(open_engine(name, **how)))
    generate(
        GenerateConfig(
            out=tmp_path / "run",
            prompts=str(prompts),
            policy=(script("policy", [{"texts": TEXTS}]),),
            judge=script("judge", reads_marks(TEXTS)),
            constitution=str(written("before")),
            n=4,
        )
    )
    return tmp_path / "run"


def calls(tmp_path: Path) -> tuple[int, int]:
    """Calls and tokens that the store holds: what was billed, counted by nobody who is tested here."""
    with sqlite3.connect(tmp_path / ".rlaif" / "store.sqlite") as store:
        row = store.execute("SELECT count(*), sum(prompt_tokens + completion_tokens) FROM calls").fetchone()
    return int(row[0]), int(row[1])


def _judge_of(run: Path) -> str:
    return str(json.loads((run / "run.json").read_text())["config"]["judge"]["name"])


def seen(run: Path, after: Path) -> Impact:
    return impact(ImpactConfig(run=run), load_side(str(run)), load_side(str(after)))


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".rlaif").mkdir()
    monkeypatch.chdir(tmp_path)


def test_edit_one_principle_rejudges_one_share(run: Path, written: Rules, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / ".rlaif" / "store.sqlite") as store:
        judging = store.execute(
            "SELECT count(*), sum(prompt_tokens) FROM calls WHERE kind = 'score'"
        ).fetchone()
    calls_before, tokens_before = calls(tmp_path)
    found = seen(run, written("after", m3="  - id: m3\n    text: The response lacks the word m3.\n"))
    calls_after, tokens_after = calls(tmp_path)
    new_calls, new_tokens = calls_after - calls_before, tokens_after - tokens_before
    assert 0 < new_calls <= judging[0] / 16 * 1.02
    assert 0 < new_tokens <= judging[1] / 16 * 1.02
    assert (found.calls["new"], found.tokens["new"]) == (new_calls, new_tokens)
    assert (found.calls["reused"], found.calls["failed"]) == (new_calls * 15, 0)
    assert found.tokens["reused"] == new_tokens * 15
    assert seen(run, tmp_path / "after.yaml").calls["new"] == 0


@pytest.mark.parametrize(
    ("head", "edit"),
    [
        ("", "    weight: 9\n"),
        ("", "    hard: true\n"),
        ("", "    applies_to: [other]\n"),
        ("decide: {rule: majority}\n", ""),
        ("decide: {rule: min, temperature: 4}\n", ""),
        ("", None),
    ],
    ids=["weight", "hard", "narrower", "rule", "temperature", "ablated"],
)
def test_a_new_decision_rule_judges_nothing(
    run: Path, written: Rules, tmp_path: Path, head: str, edit: str | None
) -> None:
    own = rules()["m3"]
    before = calls(tmp_path)
    found = seen(run, written("after", head, m3="" if edit is None else own + edit))
    assert calls(tmp_path) == before
    assert (found.calls["new"], found.tokens["new"], found.calls["failed"]) == (0, 0, 0)
    assert found.counts["before"] == 8
    assert (found.re_paired is None) == (edit is not None and "applies_to" in edit)


def test_it_is_told_for_how_many_prompts_the_new_rules_would_compare_others(
    run: Path, written: Rules, tmp_path: Path
) -> None:
    # the fourth text has m10 to m13, so with that weight it beats the first, which has m0 to m7
    own = {f"m{number}": rules()[f"m{number}"] + "    weight: 9\n" for number in range(10, 14)}
    found = seen(run, written("after", **own))
    assert (found.re_paired, found.calls["new"]) == (8, 0)
    assert found.cost[-1].startswith("of 8 prompts the new rules would set other completions")
    assert seen(run, tmp_path / "before.yaml").re_paired == 0


@pytest.mark.parametrize(("pairing", "twos"), [("all", 6), ("random", 1)])
def test_judged_again_the_same_pairs_cost_the_reworded_principle_and_nothing_else(
    run: Path, written: Rules, tmp_path: Path, pairing: Any, twos: int
) -> None:
    def again(name: str, constitution: Path) -> int:
        config = JudgeConfig(
            source=run,
            out=tmp_path / name,
            judge=_judge_of(run),
            constitution=str(constitution),
            pairing=pairing,
            critique=False,
        )
        return judge(config).calls["new"]

    again("all", tmp_path / "before.yaml")
    assert again("heavier", written("heavier", m3=rules()["m3"] + "    weight: 9\n")) == 0
    assert again("ablated", written("ablated", m3="")) == 0
    lacks = written("lacks", m3=rules()["m3"].replace("has", "lacks"))
    assert again("lacks", lacks) == 8 * 4 + 8 * twos * 2  # each of four alone, the twos in both orders


def test_flipped_vanished_and_appeared_pairs_name_the_principle_they_come_through(
    run: Path, written: Rules, tmp_path: Path
) -> None:
    # TEXTS[0] has eight words and the third none: the pair is between these; m0 alone now outweighs all others
    heavy = "  - id: m0\n    text: The response lacks the word m0.\n    weight: 40\n"
    flipped = seen(run, written("flip", m0=heavy, m9=rules()["m9"] + "    weight: 1.5\n"))
    assert (flipped.counts["flip"], flipped.counts["kept"]) == (8, 0)
    assert flipped.through == {"m0": {"flip": 8, "vanish": 0, "appear": 0}}
    change = flipped.changes[0]
    assert (change.better, change.worse) == (TEXTS[2], TEXTS[0])
    assert change.before.chosen != change.after.chosen
    assert change.id in (run / "pairs.jsonl").read_text()

    # eight words against eight absent ones: nothing is left to choose by
    even = {mark: f"  - id: {mark}\n    text: The response lacks the word {mark}.\n" for mark in MARKS[:4]}
    gone = seen(run, written("gone", **even))
    assert gone.counts["vanish"] == 8
    assert gone.through == {mark: {"flip": 0, "vanish": 8, "appear": 0} for mark in MARKS[:4]}

    assert seen(run, tmp_path / "before.yaml").counts["kept"] == 8


def test_pairs_appear_through_the_principle_that_forbade_them(
    run: Path, written: Rules, tmp_path: Path
) -> None:
    # no text has m15: while it is hard both sides violate it
    hard = written("hard", m15=rules()["m15"] + "    hard: true\n")
    again = judge(
        JudgeConfig(
            source=run,
            out=tmp_path / "none",
            judge=_judge_of(run),
            constitution=str(hard),
            min_pair_share=0,
        )
    )
    assert (again.pairs, again.calls["new"]) == ([], 0)
    found = impact(
        ImpactConfig(run=tmp_path / "none"),
        load_side(str(tmp_path / "none")),
        load_side(str(written("soft", m2=rules()["m2"] + "    weight: 2\n"))),
    )
    assert (found.counts["before"], found.counts["after"], found.counts["appear"]) == (0, 8, 8)
    assert found.through == {"m15": {"flip": 0, "vanish": 0, "appear": 8}}
    assert str(found.changes[0].before) == "no pair: both_violate"
    assert found.calls["new"] == 0


def test_changes_that_only_together_turn_a_pair_are_named_together(
    run: Path, written: Rules, tmp_path: Path
) -> None:
    # eight words speak for the one side; four denials make it even, and five turn it
    edits = {mark: f"  - id: {mark}\n    text: The response lacks the word {mark}.\n" for mark in MARKS[:5]}
    found = seen(run, written("five", **edits, m9=rules()["m9"] + "    weight: 0.5\n"))
    assert found.counts["flip"] == 8
    assert found.changes[0].through == tuple(MARKS[:5])


class Whole:
    """A judge that is asked one question about all principles together."""

    def __init__(self, engine: Engine, *, in_writing: bool = False, options: JudgeOptions = USUAL) -> None:
        self.engine = engine
        self.name, self.fingerprint = engine.name, engine.fingerprint

    def checklist(self, items: Any, principles: Any) -> list[Judgment]:
        read = partial(read_share, YES_NO, "yes", State.SCORE)
        asked = [
            Asked(
                f"{prompt.text}\n{_rules(principles)}\nDoes the response\n```\n{one.text}\n```",
                prompt.id,
                (one.id,),
                None,
            )
            for prompt, one in items
        ]
        return ask_labels(self.engine, "checklist", asked, YES_NO.continuations, read)

    def compare(self, items: Any, principles: Any) -> list[Judgment]:
        read = partial(read_share, AB, "A", State.PREFERENCE)
        asked = [
            Asked(
                f"{prompt.text}\n{_rules(principles)}\nWhich response\n"
                f"Response A:\n```\n{a.text}\n```\nResponse B:\n```\n{b.text}\n",
                prompt.id,
                (a.id, b.id),
                None,
            )
            for prompt, one, other in items
            for a, b in ((one, other), (other, one))
        ]
        return ask_labels(self.engine, "compare", asked, AB.continuations, read)


def _rules(principles: Any) -> str:
    return "\n".join(each.text for each in principles)


def test_a_judge_of_all_principles_together_judges_all_again_and_says_so(
    run: Path, written: Rules, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kinds, "ModelJudge", Whole)
    config = JudgeConfig(
        source=run, out=tmp_path / "whole", judge=_judge_of(run), constitution="before.yaml", critique=False
    )
    asked = judge(config).calls["new"]
    assert asked == 8 * 4 + 8 * 2  # each of four alone, two of them in both orders
    edited = written("after", m3="  - id: m3\n    text: The response lacks the word m3.\n")
    found = seen(tmp_path / "whole", edited)
    assert not found.per_principle
    assert (found.calls["new"], found.calls["reused"]) == (8 * 2 + 8 * 2, 0)
    assert "an edit judges all again" in found.cost[-1]
    assert all(each.through == () for each in found.changes)
    heavier = seen(tmp_path / "whole", written("heavier", m3=rules()["m3"] + "    weight: 9\n"))
    assert heavier.calls["new"] == 0
    assert "nothing that it is asked has changed" in heavier.cost[-1]


def test_by_pointwise_judgments_the_share_is_the_same(run: Path, written: Rules, tmp_path: Path) -> None:
    config = JudgeConfig(
        source=run,
        out=tmp_path / "alone",
        judge=_judge_of(run),
        constitution="before.yaml",
        protocol="checklist",
        critique=False,
    )
    judge(config)
    found = seen(
        tmp_path / "alone", written("after", m3="  - id: m3\n    text: The response lacks the word m3.\n")
    )
    assert found.calls == {"new": 16, "reused": 16 * 15, "failed": 0}


def test_a_run_whose_release_was_edited_warns_and_records_the_digest(
    run: Path, written: Rules, tmp_path: Path
) -> None:
    path = tmp_path / "before.yaml"
    release(str(path))
    path.write_text(path.read_text().replace("has the word m3", "lacks the word m3"))
    made = judge(
        JudgeConfig(source=run, out=tmp_path / "edited", judge=_judge_of(run), constitution=str(path))
    )
    assert [each for each in made.warnings if "edited since its release (m3)" in each]
    held = json.loads((tmp_path / "edited" / "run.json").read_text())["config"]["constitution"]
    assert held["digest"] == load_side(str(path)).digest
    assert load_side(str(tmp_path / "edited")).digest == held["digest"]


def test_an_added_principle_is_asked_and_a_widened_one_only_where_it_was_not(
    run: Path, written: Rules, tmp_path: Path
) -> None:
    whole = calls(tmp_path)[0]
    new = "  - id: new\n    text: The response lacks the word m5.\n"
    found = seen(run, written("added", m15=rules()["m15"] + new))
    assert found.calls["new"] == calls(tmp_path)[0] - whole > 0
    assert found.calls["new"] * 16 == found.calls["reused"]


def test_a_run_that_another_constitution_judged_is_named(run: Path, written: Rules) -> None:
    other = load_side(str(written("other", head="title: Another\n")))
    found = impact(ImpactConfig(run=run), other, other)
    assert "was judged by sixteen 1.0.0" in found.warnings[0]


def test_another_judge_than_the_one_that_judged_is_refused(run: Path, script: Write) -> None:
    side = load_side(str(run))
    with pytest.raises(InputError, match="is not the model that judged"):
        impact(ImpactConfig(run=run, judge=script("other", reads_marks(TEXTS[:2]))), side, side)


def test_the_command_shows_pairs_principles_calls_and_tokens(
    run: Path, written: Rules, capsys: pytest.CaptureFixture[str]
) -> None:
    after = written("after", m0="  - id: m0\n    text: The response lacks the word m0.\n    weight: 40\n")
    words = ["constitution", "diff", str(run), str(after), "--impact", str(run)]
    assert main([*words, "--show", "1"]) == 0
    shown = capsys.readouterr().out
    for text in ("reworded  m0", "weight: 1.0 -> 40.0", "flip through m0: I am Ben.", "7 more", "(6.2% of "):
        assert text in shown
    assert main([*words, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["impact"]["pairs"] == {
        "before": 8, "after": 8, "kept": 0, "flip": 8, "vanish": 0, "appear": 0,
    }  # fmt: skip
    assert said["impact"]["calls"]["new"] == 0
    assert len(said["impact"]["changes"]) == 8


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["before.yaml", "before.yaml", "--impact", "."], "no run directory"),
        (["before.yaml", "nobody.yaml", "--impact", "torn"], "no such file"),
        (["before.yaml", "before.yaml", "--judge", "micro"], "--judge: goes with --impact"),
        (["before.yaml", "before.yaml", "--impact", "trained"], "is no run of `generate`, `judge` or `run`"),
        (["before.yaml", "before.yaml", "--impact", "cut"], "let its command come to the end"),
        (["before.yaml", "before.yaml", "--impact", "loop"], "let its command come to the end"),
        (["before.yaml", "before.yaml", "--impact", "loop/round-1"], "no pairs were made in it yet"),
        (["before.yaml", "before.yaml", "--impact", "cut/round-1"], "nor a round of one"),
        (["before.yaml", "before.yaml", "--impact", "torn"], "are not as rlaif wrote them"),
    ],
)
def test_bad_input_is_reported(
    tmp_path: Path, written: Rules, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    written("before")
    for name, command in (("trained", "train"), ("loop", "run"), ("cut", "generate"), ("torn", "judge")):
        (tmp_path / name / "round-1").mkdir(parents=True)
        held = {"kind": "rlaif run", "command": command, "config": {}}
        (tmp_path / name / "claim.json").write_text(json.dumps(held))
    done = {"command": "judge", "status": "done", "config": {"protocol": "compare"}}
    (tmp_path / "torn" / "run.json").write_text(json.dumps(done))
    assert main(["constitution", "diff", *words]) == 2
    assert said in capsys.readouterr().err


RECIPE = """\
name: two-rounds
models: {{policy: "{policy}", judge: "{judge}"}}
constitution: {constitution}
prompts: {{train: {prompts}, held_out: {prompts}}}
rounds: 2
seed: 3
round:
  - {{step: sample, n: 4, prompts: 4}}
  - {{step: judge, protocol: {protocol}}}
  - {{step: pairs, then: {then}, critique: false}}
"""


@pytest.mark.parametrize(("protocol", "then"), [("checklist", "compare"), ("checklist", "none")])
def test_of_a_loop_every_round_is_looked_at_or_the_one_that_is_named(
    tmp_path: Path, script: Write, prompts: Path, written: Rules, protocol: str, then: str
) -> None:
    before = written("before")
    judge, policy = script("judge", reads_marks(TEXTS)), script("policy", [{"texts": TEXTS}])
    recipe = tmp_path / "two.yaml"
    recipe.write_text(
        RECIPE.format(
            policy=policy, judge=judge, constitution=before, prompts=prompts, protocol=protocol, then=then
        )
    )
    loop = play(prepare_recipe(RunConfig(recipe=str(recipe), out=tmp_path / "loop"))).run
    whole = calls(tmp_path)
    heavy = written("heavy", m0=rules()["m0"].replace("has", "lacks") + "    weight: 40\n")
    found = seen(loop, heavy)
    spent = calls(tmp_path)
    assert (found.calls["new"], found.tokens["new"]) == (spent[0] - whole[0], spent[1] - whole[1])
    assert found.calls["new"] * 15 == found.calls["reused"] > 0
    assert {name: each["flip"] for name, each in found.rounds.items()} == {"round-1": 4, "round-2": 4}
    assert found.counts["flip"] == len(found.changes) == 8
    assert found.through == {"m0": {"flip": 8, "vanish": 0, "appear": 0}}
    assert found.warnings == ()
    named = impact(
        ImpactConfig(run=loop / "round-2"), load_side(str(loop / "round-2")), load_side(str(heavy))
    )
    assert (named.counts, named.calls["new"]) == (found.rounds["round-2"], 0)
    assert named.rounds == {}


def test_a_protocol_that_orders_by_chance_is_asked_by_the_runs_own_seed(
    run: Path, written: Rules, tmp_path: Path
) -> None:
    config = JudgeConfig(
        source=run,
        out=tmp_path / "ranked",
        judge=_judge_of(run),
        constitution="before.yaml",
        protocol="rank",
        seed=7,
        critique=False,
    )
    judge(config)
    before = calls(tmp_path)
    found = seen(tmp_path / "ranked", written("after", m3=rules()["m3"] + "    weight: 2\n"))
    assert (calls(tmp_path), found.calls["new"], found.warnings) == (before, 0, ())
