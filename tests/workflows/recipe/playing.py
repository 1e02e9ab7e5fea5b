"""Recipes as tests write and run them: a header, and the steps of a round."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rlaif.exchange.completions import read_completions
from rlaif.exchange.pairs import read_pairs
from rlaif.records import Completion, Message, Origin, Pair, Prompt
from rlaif.workflows.configs import RunConfig
from rlaif.workflows.dry_run.recipe import plan
from rlaif.workflows.recipe.finished import Finished
from rlaif.workflows.recipe.prepare import prepare_recipe
from rlaif.workflows.recipe.run import run

HEAD = """\
name: played
models: {{policy: "{policy}", judge: "{judge}"}}
constitution: {constitution}
prompts: {{train: {prompts}}}
rounds: {rounds}
round:
"""


def config(
    folder: Path, steps: str, *, policy: str, judge: str, prompts: Path, constitution: Path, rounds: int = 1
) -> RunConfig:
    """A run of these steps, a line each."""
    folder.mkdir(exist_ok=True)
    path = folder / "recipe.yaml"
    head = HEAD.format(policy=policy, judge=judge, prompts=prompts, constitution=constitution, rounds=rounds)
    path.write_text(head + "".join(f"  - {{{line}}}\n" for line in steps.strip().splitlines()))
    return RunConfig(recipe=str(path), out=folder / "run")


def play(folder: Path, steps: str, **world: Any) -> Finished:
    """Run them."""
    return run(prepare_recipe(config(folder, steps, **world)))


def planned_calls(folder: Path, steps: str, **world: Any) -> int:
    """How many calls a dry run counts."""
    found = plan(prepare_recipe(config(folder, steps, **world)))
    return sum(each.calls for each in found.graph)


def made(done: Finished, name: str = "pairs") -> list[Pair]:
    """The pairs of round 1."""
    file = done.run / "round-1" / f"{name}.jsonl"
    return read_pairs(file) if file.stat().st_size else []


def drawn(done: Finished, name: str) -> list[tuple[Prompt, Completion]]:
    """The completions of round 1."""
    return read_completions(done.run / "round-1" / f"{name}.jsonl")


def prompt(text: str = "How?", **more: Any) -> Prompt:
    """A prompt of one turn."""
    return Prompt(messages=(Message(role="user", content=text),), **more)


def said(
    to: Prompt,
    text: str,
    *,
    side: str = "",
    kind: str = "made",
    parent: str = "",
    stage: int = 0,
    **more: Any,
) -> Completion:
    """A completion that says what it was made of, where it was."""
    made_of = side or parent
    origin = Origin(kind=kind, side=side, parent=parent, stage=stage) if made_of else None
    return Completion(prompt_id=to.id, text=text, policy="p", origin=origin, **more)
