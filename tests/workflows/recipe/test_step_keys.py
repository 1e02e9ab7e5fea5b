"""What was made of a shipped recipe by an earlier version is found again: digests of recipes and keys of steps.

`tests/fixtures/step_keys.json` was written by commit 8776198: of each shipped recipe its digest, and the keys of all
steps where models are named by fingerprints that follow from their names and every step makes what `make` here does.
Of best-of-n the row is newer: since then it imitates the best by a step `examples`, where it made pairs.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from rlaif.exchange.completions import write_completions
from rlaif.exchange.examples import write_examples
from rlaif.exchange.judgments import write_judgments
from rlaif.exchange.pairs import write_pairs
from rlaif.hashing import digest
from rlaif.records import Completion, Example, Judgment, Message, Pair, State
from rlaif.workflows.configs import RunConfig
from rlaif.workflows.generate.rollouts import round_prompts
from rlaif.workflows.models.pool import ModelPool
from rlaif.workflows.recipe.prepare import prepare_recipe
from rlaif.workflows.recipe.prepared import PreparedRecipe
from rlaif.workflows.recipe.recipes import load_recipe
from rlaif.workflows.recipe.run import run
from rlaif.workflows.recipe.step_cache import Since, StepCache

KEPT: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "fixtures" / "step_keys.json").read_text(encoding="utf-8")
)
LIMIT = 6
FACTS: Mapping[str, Mapping[str, Any]] = {
    "sample": {"prompts": LIMIT, "completions": 2 * LIMIT},
    "judge": {"judgments": LIMIT},
    "pairs": {"pairs": LIMIT, "unreadable_share": 0.0},
    "examples": {"examples": LIMIT, "kinds": {}, "left_out": {}},
    "train": {"figures": {}, "steps": 1, "replay": {}, "left_out": {}, "gate": []},
    "evaluate": {"gold_mean": 0.5, "ungraded": []},
}


def make(prepared: PreparedRecipe, folder: Path, number: int) -> None:
    """What the steps of a round make: of each prompt two completions, what is said of one, and a pair."""
    prompts = round_prompts(prepared.prompts["train"], number, prepared.recipe.round[0].settings.prompts, 0)
    texts = [f"{side} in round {number}" for side in ("good", "bad")]
    drawn = [
        (each, Completion(prompt_id=each.id, text=text, policy="p")) for each in prompts for text in texts
    ]
    folder.mkdir(parents=True, exist_ok=True)
    write_completions(folder / "completions.jsonl", drawn)
    said = [
        Judgment(
            prompt_id=each.id, completion_ids=(drawn[0][1].id,), judge="j", protocol="checklist", state=State.SCORE,
            principle_id="p", value=0.7, calls=("c",),
        )
        for each in prompts
    ]  # fmt: skip
    write_judgments(folder / "judgments.jsonl", said)
    write_judgments(folder / "comparisons.jsonl", [])
    (folder / "funnel.json").write_text("{}")
    sides = [(Message(role="assistant", content=text),) for text in texts]
    pairs = [Pair(prompt=p.messages, chosen=sides[0], rejected=sides[1], label_prob=0.9) for p in prompts]
    write_pairs(folder / "pairs.jsonl", pairs)
    shown = [Example(messages=(*each.prompt, *each.chosen), kind="best", learned=1) for each in pairs]
    write_examples(folder / "examples.jsonl", shown)
    (folder / "evaluation.json").write_text("{}")


def keys(name: str, out: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The key of every step of a shipped recipe, by its name in the run."""
    prepared = prepare_recipe(RunConfig(recipe=name, out=out, limit=LIMIT))
    found: dict[str, str] = {}

    def do(
        self: StepCache,
        name: str,
        inputs: Mapping[str, Any],
        outputs: Sequence[str],
        really: Callable[[], Any],
        since: Since | None = None,
        *_: Any,
        **__: Any,
    ) -> Mapping[str, Any]:
        place, _, step = name.partition("/")
        found[name] = digest("step", 1, step, {**inputs, **(since.inputs if since else {})})
        make(prepared, out / place, int(place.partition("-")[2]))
        for each in outputs:
            if each.startswith("models/"):
                (out / each).mkdir(parents=True)
        return FACTS[step]

    def fingerprint(self: ModelPool, name: str) -> str:
        return digest("fingerprint", name.replace(str(out), "OUT"))

    monkeypatch.setattr(StepCache, "do", do)
    monkeypatch.setattr(ModelPool, "open", lambda self, *names: None)
    monkeypatch.setattr(ModelPool, "fingerprint", fingerprint)
    run(prepared)
    return found


@pytest.mark.parametrize("name", KEPT)
def test_digests_of_shipped_recipes_are_those_of_earlier_versions(name: str) -> None:
    assert load_recipe(name).digest == KEPT[name]["digest"]


@pytest.mark.parametrize("name", KEPT)
def test_keys_of_steps_are_those_of_earlier_versions(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert keys(name, tmp_path / "run", monkeypatch) == KEPT[name]["keys"]
