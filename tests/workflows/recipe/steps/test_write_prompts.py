"""Written prompts: none is held out or was there before, each has the tags of its like, and figures say how far."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rlaif.errors import RecipeError
from rlaif.exchange.completions import read_completions
from rlaif.exchange.prompts import read_prompts
from rlaif.feedback.write_prompts import DraftedPrompt
from rlaif.records import Message, Prompt
from rlaif.workflows.dry_run.recipe import plan
from rlaif.workflows.recipe.run import run
from rlaif.workflows.recipe.steps.write_prompts import coverage, distinct, kept
from tests.workflows.conftest import Write, asked

from .conftest import Prepare


def prompt(text: str) -> Prompt:
    return Prompt(messages=(Message(role="user", content=text),))


def written(*texts: str) -> list[DraftedPrompt]:
    return [DraftedPrompt(text=each, like=(prompt("x"),)) for each in texts]


LONG = "Please tell me in a few words how I can climb the high hill behind our old house"


def test_only_what_is_new_is_kept_and_a_held_out_prompt_never_is() -> None:
    new, counts = kept(
        written("What is 1?", "what  is 1?", "Held out?", LONG + ".", "What is 9?", "Given?"),
        [prompt("Given?")],
        [prompt("HELD OUT?"), prompt(LONG)],
    )
    assert [each.text for each in new] == ["What is 1?", "What is 9?"]
    assert counts == {"held out": 2, "duplicates": 2}


def test_coverage_is_the_share_of_given_prompts_with_a_like_one() -> None:
    assert coverage(["a b c d", "w x y z"], ["a b c e"]) == 0.5
    assert coverage(["a"], []) is None


def test_distinct_2_counts_different_runs_of_two_words() -> None:
    assert distinct(["a b c", "a b d"]) == 3 / 4
    assert distinct(["a"]) is None


def test_prompts_are_written_by_a_role_and_sampled_from(
    prepare: Prepare, script: Write, tmp_path: Path
) -> None:
    held = tmp_path / "held.jsonl"
    held.write_text(json.dumps({"prompt": "Who are you?"}) + "\n")
    author = script(
        "author",
        [{"contains": [], "texts": ["Name a river.", asked(3), "Who are you?", "Name a river."]}],
    )
    prepared = prepare(
        "step: write-prompts, n: 4, writer: author, as: fresh",
        "step: sample, of: fresh, n: 2",
        roles=f'author: "{author}"',
        sets=f"held_out: {held}",
    )
    nodes = {each.name: each for each in plan(prepared).graph}
    assert nodes["round-1/fresh"].calls == 4
    done = run(prepared)
    [made] = read_prompts(done.run / "round-1/fresh.jsonl")
    assert made.text == "Name a river."
    # as the prompt that it is like
    assert (made.tags, made.gold) == (("sum",), "micro")
    assert done.rounds[1]["written"] == 1
    assert done.rounds[1]["not_written"] == {"held out": 1, "duplicates": 2}
    assert {each.text for each, _ in read_completions(done.run / "round-1/completions.jsonl")} == {made.text}


def test_a_writer_of_nothing_new_stops_the_run(prepare: Prepare, script: Write) -> None:
    author = script("author", [{"contains": [], "texts": ["", asked(1)]}])
    done = run(prepare("step: write-prompts, n: 2, writer: author", roles=f'author: "{author}"'))
    assert done.unmet is not None
    assert "no new prompt was written (unreadable 1, duplicates 1)" in done.unmet


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("shots: 9", "a request shows 9 prompts, and 8 are given; lower shots, or give more prompts"),
        ("shots: 3, given: 2", "a request shows 3 prompts, and `given` is 2"),
        ("shots: 0", "must be a whole number, 1 or above"),
    ],
)
def test_fewer_prompts_than_a_request_shows_are_refused_before_any_call(
    prepare: Prepare, settings: str, said: str
) -> None:
    with pytest.raises(RecipeError) as caught:
        prepare(f"step: write-prompts, {settings}")
    assert said in str(caught.value)
    assert "steps.yaml:7: " in str(caught.value)
