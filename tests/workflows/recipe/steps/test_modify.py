"""The step `modify`: the bad side answers another instruction; one that is the prompt, or nearly so, is dropped."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.workflows.conftest import Write
from tests.workflows.recipe.playing import drawn, made, planned_calls, play

STEPS = """
step: modify, prompts: 4
step: pairs, source: sides
"""
ASKED = [f"Name a river in country number {n} of the long list that I sent you" for n in range(4)]


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    path = tmp_path / "p.jsonl"
    path.write_text("".join(json.dumps({"prompt": each}) + "\n" for each in ASKED))
    return path


@pytest.fixture
def policy(script: Write) -> str:
    """Writes another instruction for two prompts, the same for the third, and nearly the same for the fourth."""
    instruction = "Then write a different one"
    return script(
        "policy",
        [
            {"contains": [instruction, "number 2"], "texts": [f"  {ASKED[2].upper()} "]},
            {"contains": [instruction, "number 3"], "texts": [f"{ASKED[3]} today"]},
            {"contains": [instruction], "texts": ["Name a mountain."]},
            {"contains": ["mountain"], "texts": ["The Eiger."]},
            {"contains": [], "texts": ["The Rhine."]},
        ],
    )


def test_the_answer_to_another_instruction_is_the_bad_side(
    tmp_path: Path, policy: str, judge: str, prompts: Path, constitution: Path
) -> None:
    world = {"policy": policy, "judge": judge, "prompts": prompts, "constitution": constitution}
    done = play(tmp_path / "a", STEPS, **world)
    found = drawn(done, "modify")
    assert {(each.text, each.origin.side, each.origin.note) for _, each in found if each.origin} == {
        ("The Rhine.", "good", ""),
        ("The Eiger.", "bad", "Name a mountain."),
    }
    assert sorted(each.prompt[0].content for each in made(done)) == ASKED[:2]
    assert {each.rejected[0].content for each in made(done)} == {"The Eiger."}
    note = json.loads((done.run / "steps" / "round-1" / "modify.json").read_text())
    assert note["facts"]["dropped"] == {"same": 1, "alike": 1}
    # an instruction and two answers of each prompt are counted before; what is dropped is not answered
    assert planned_calls(tmp_path / "b", STEPS, **world) == 12
    # the answer to the one other instruction is drawn for each of the prompts it stands for
    assert done.calls["new"] == 8


def test_a_run_stops_where_every_instruction_is_the_prompt(
    tmp_path: Path, script: Write, judge: str, prompts: Path, constitution: Path
) -> None:
    echo = script("echo", [{"contains": [f"number {n}"], "texts": [ASKED[n]]} for n in range(4)])
    done = play(tmp_path / "a", STEPS, policy=echo, judge=judge, prompts=prompts, constitution=constitution)
    assert "the other instruction is the prompt itself (4)" in str(done.unmet)
