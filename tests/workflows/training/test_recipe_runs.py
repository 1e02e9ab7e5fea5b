"""A training on what a recipe's run made: which model it starts from, and on which prompts nothing is learned."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rlaif.errors import InputError, PromptFileError
from rlaif.workflows.training.config import train_config
from rlaif.workflows.training.recipe_runs import measured_on, round_models
from rlaif.workflows.training.run import settle

HELD_OUT = "How do I bake bread?"


def pair(text: str) -> dict[str, Any]:
    def turn(role: str, content: str) -> list[dict[str, str]]:
        return [{"role": role, "content": content}]

    sides = {"chosen": turn("assistant", "So it is."), "rejected": turn("assistant", "No.")}
    return {"prompt": turn("user", text), **sides, "label_prob": 0.9}


def rows(file: Path, *values: Any) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(json.dumps(each) + "\n" for each in values))
    return file


@pytest.fixture
def run(tmp_path: Path, mini: Path) -> Path:
    """Two rounds: pairs, a policy trained on them, then examples, and a judge trained at the end of each."""
    folder = tmp_path / "run"
    held_out = rows(tmp_path / "held.jsonl", {"prompt": HELD_OUT})
    recipe = {
        "models": {"policy": str(mini), "judge": "previous"},
        "prompts": {"train": "mine.jsonl", "held_out": str(held_out)},
        "options": {"policy": {"thought_marks": ["<t>", "</t>"]}},
        "rounds": 2,
    }
    made = []
    for number in (1, 2):
        for kind, name, moves in (
            ("pairs", f"round-{number}/pairs.jsonl", ""),
            ("model", f"models/round-{number}", "policy"),
            ("examples", f"round-{number}/examples.jsonl", ""),
            ("model", f"models/round-{number}-judge", "judge"),
        ):
            step = Path(name).stem
            row = {"path": name, "kind": kind, "round": number, "step": step, "of": {}}
            made.append(row | ({"moves": moves} if moves else {}))
            if kind == "model":
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).symlink_to(mini)
            elif kind == "pairs":
                rows(folder / name, pair("How?"), pair(HELD_OUT))
            else:
                said = [{"role": "user", "content": "How?"}, {"role": "assistant", "content": "So."}]
                rows(
                    folder / name,
                    {"messages": said},
                    {"messages": [{**said[0], "content": HELD_OUT}, said[1]]},
                )
    (folder / "artefacts.json").write_text(json.dumps(made))
    config = {"models": {"policy": "b2:p", "judge": "b2:j"}, "recipe": recipe}
    (folder / "run.json").write_text(json.dumps({"command": "run", "config": config, "status": "done"}))
    (folder / "claim.json").write_text(json.dumps({"command": "run", "config": config}))
    return folder


def models(source: Path) -> tuple[str, str]:
    found = round_models(source)
    return Path(found["policies"][0]["name"]).name, Path(found["judge"]["name"]).name


def test_the_model_is_the_newest_one_before_what_is_learned_from(run: Path, mini: Path) -> None:
    first = mini.name
    assert models(run / "round-1" / "pairs.jsonl") == (first, first)
    assert models(run / "round-1" / "examples.jsonl") == ("round-1", "round-1")
    assert models(run / "round-1") == (first, first)
    assert models(run / "round-2" / "pairs.jsonl") == ("round-1", "round-1-judge")
    assert models(run / "round-2" / "examples.jsonl") == ("round-2", "round-1-judge")
    assert models(run) == ("round-1", "round-1-judge")  # its newest round
    assert round_models(run)["policies"][0]["options"] == {"thought_marks": ["<t>", "</t>"]}


def test_a_run_of_another_command_says_nothing_of_rounds(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(json.dumps({"command": "generate", "config": {}, "status": "done"}))
    assert round_models(tmp_path) == {}
    assert measured_on(tmp_path) == []
    assert round_models(rows(tmp_path / "elsewhere" / "pairs.jsonl", pair("How?"))) == {}


@pytest.mark.parametrize(
    ("source", "method", "base"),
    [
        ("round-1", "dpo", "mini"),
        ("round-1/pairs.jsonl", "dpo", "mini"),
        ("round-2", "sft", "round-1"),
        ("round-1/examples.jsonl", "sft", "round-1"),
        ("", "distill", "round-2"),
    ],
)
def test_a_training_finds_its_model_and_leaves_out_what_the_recipe_measures_on(
    run: Path, mini: Path, tmp_path: Path, source: str, method: str, base: str
) -> None:
    job = settle(train_config(run / source, method=method, out=tmp_path / "model", steps=1))
    assert job.base.name == (mini.name if base == "mini" else base)
    assert job.thought_marks == ("<t>", "</t>")
    assert job.gate is not None
    assert (job.gate.given, job.gate.left_out) == (2, {"leaked": 1})
    whole = settle(train_config(run / source, method=method, out=tmp_path / "model", gate="off"))
    assert len(whole.pairs or whole.examples) == 2


def test_what_is_named_goes_before_what_the_run_says(run: Path, mini: Path, tmp_path: Path) -> None:
    other = rows(tmp_path / "other.jsonl", {"prompt": "How?"})
    told = {"policy": str(mini), "held_out": str(other), "out": tmp_path / "model"}
    job = settle(train_config(run / "round-2", method="dpo", **told))
    assert job.base == mini
    assert [each.prompt[0].content for each in job.pairs] == [HELD_OUT]


def test_held_out_prompts_that_are_gone_are_asked_for(run: Path, tmp_path: Path) -> None:
    (tmp_path / "held.jsonl").unlink()
    with pytest.raises(PromptFileError, match=r"its recipe measures on .*Name these prompts by --held-out"):
        settle(train_config(run / "round-1", method="dpo", out=tmp_path / "model"))


def test_a_run_that_does_not_say_which_model_it_made_asks_for_it(run: Path, tmp_path: Path) -> None:
    facts = json.loads((run / "run.json").read_text())
    del facts["config"]["recipe"]["models"]
    (run / "run.json").write_text(json.dumps(facts))
    with pytest.raises(InputError, match="--policy is missing"):
        settle(train_config(run / "round-1", method="dpo", out=tmp_path / "model"))
