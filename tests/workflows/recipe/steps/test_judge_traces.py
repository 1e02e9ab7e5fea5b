"""The step `judge-traces` in a recipe: what it writes and counts, and what is refused before anything is asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rlaif.errors import InputError, RecipeError
from rlaif.exchange.examples import read_examples
from rlaif.exchange.pairs import read_pairs
from rlaif.templates import load_template
from rlaif.workflows.configs import RunConfig
from rlaif.workflows.recipe.finished import Finished
from rlaif.workflows.recipe.prepare import prepare_recipe
from rlaif.workflows.recipe.run import run
from tests.workflows.conftest import GREETS, Write, judge_rows

RECIPE = """\
name: traces
models: {{policy: {policy}, judge: "{judge}"}}
constitution: {constitution}
prompts: {{train: {prompts}, held_out: {prompts}}}
rounds: 1
round:
  - {{step: sample, n: 2, prompts: 4}}
  - {{step: judge}}
  - {{step: pairs, then: none, critique: false}}
  - {{step: judge-traces, principles: [greet], n: 2{more}}}
"""
FENCE = "```\n"


def writing(*texts: str) -> list[dict[str, Any]]:
    """A judge that also writes its verdicts, these texts in turn."""
    return [*judge_rows(), {"contains": ["Say what each response does"], "texts": list(texts)}]


@pytest.fixture
def recipe(tmp_path: Path, policy: str, script: Write, prompts: Path, constitution: Path) -> Any:
    def write(*texts: str, more: str = "", judge: str | None = None) -> Path:
        path = tmp_path / "traces.yaml"
        path.write_text(
            RECIPE.format(
                policy=policy,
                judge=judge or script("teacher", writing(*texts)),
                constitution=constitution,
                prompts=prompts,
                more=more,
            )
        )
        return path

    return write


def play(path: Path) -> Finished:
    return run(prepare_recipe(RunConfig(recipe=str(path), out=path.parent / "out")))


def test_right_texts_become_examples_of_exactly_what_the_judge_is_asked(recipe: Any) -> None:
    done = play(recipe("One greets.\nAnswer: A", "One greets.\nAnswer: B"))
    found = read_examples(done.run / "round-1" / "traces.jsonl")
    assert len(found) == 2 * 4
    words = load_template("compare-cot", None).words.split("\n")[0][:40]
    for each in found:
        question, said = (turn.content for turn in each.messages)
        first = question.split("Response A:\n")[1].startswith(f"{FENCE}{GREETS}")
        assert words in question
        assert said == f"One greets.\nAnswer: {'A' if first else 'B'}"
    traces = done.rounds[-1]["traces"]
    assert (traces["texts"], traces["right"], traces["wrong"], traces["kept"]) == (16, 8, 8, 8)


def test_unreadable_texts_are_counted_and_never_kept(recipe: Any) -> None:
    done = play(recipe("Who knows?", "Hm."))
    assert "no trace is left to learn from (0 of 16 texts are right, 16 unreadable)" in str(done.unmet)


def test_a_right_and_a_wrong_text_make_a_pair(recipe: Any) -> None:
    done = play(recipe("One greets.\nAnswer: A", "One greets.\nAnswer: B", more=", learn: pairs"))
    found = read_pairs(done.run / "round-1" / "traces.jsonl")
    assert len(found) == 8
    assert {each.chosen[0].content[-1] for each in found} == {"A", "B"}


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (", protocol: compare", "writes no reasoning that ends in A or B"),
        (", learn: pairs, n: 1", "raise n to 2 or more"),
        (", temperature: 0", "at temperature 0 all 2 texts to a question are one"),
    ],
)
def test_settings_that_leave_no_trace_are_refused_with_the_line_before_anything_is_asked(
    recipe: Any, more: str, said: str
) -> None:
    path = recipe("Answer: A", more=more.replace(", n: 1", ""))
    if "n: 1" in more:
        path.write_text(path.read_text().replace("n: 2, learn", "n: 1, learn"))
    with pytest.raises(RecipeError, match=said) as refused:
        play(path)
    assert "traces.yaml:10" in str(refused.value)
    assert not (path.parent / "out").exists()


def test_a_judge_that_writes_nothing_is_refused_before_anything_is_asked(recipe: Any) -> None:
    with pytest.raises(InputError, match="gold:"):
        play(recipe("Answer: A", judge="gold:"))


def test_a_principle_that_is_not_there_is_refused_with_its_line_before_any_call(recipe: Any) -> None:
    path = recipe("Answer: A")
    path.write_text(path.read_text().replace("[greet]", "[rhyme]"))
    with pytest.raises(RecipeError, match=r"\.yaml:\d+: .*has no principle 'rhyme'; it has: brief, greet"):
        play(path)
    assert not (path.parent / "out").exists()
