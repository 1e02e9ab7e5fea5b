"""What a round's steps read that keys of older versions lacked, and how it is found out of a step under such a key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rlaif.errors import RlaifError
from rlaif.exchange.completions import read_completions
from rlaif.hashing import digest, digest_files
from rlaif.records import Constitution, Example, Pair, PrincipleTest, Prompt, prompt_name
from rlaif.runs.layout import COMPLETIONS
from rlaif.workflows.models.judge_names import is_control
from rlaif.workflows.recipe.step_cache import Since
from rlaif.workflows.training.data_gate import gate_round
from rlaif.workflows.training.datasets import run_constitution
from rlaif.workflows.training.job import TrainJob
from rlaif.workflows.training.options import PairTrainingOptions


def since_columns(prompts: Sequence[Prompt]) -> Since:
    """Of a sample step: what a row of the prompts holds beside its question, which goes into the completions."""
    columns = columns_of(prompts)

    def alike(run: Path, name: str, _: Mapping[str, Any]) -> bool:
        file = run / Path(name).parent / COMPLETIONS
        return file.is_file() and columns_of([prompt for prompt, _ in read_completions(file)]) == columns

    return Since({"columns": digest("columns", columns)} if columns else {}, alike)


def since_tests(constitution: Constitution, judge: str) -> Since:
    """Of a pairs step: the tests of principles that the judge is tried on, which are no part of a digest."""
    tests = {} if is_control(judge) else _tests(constitution)

    def alike(run: Path, _: str, __: Mapping[str, Any]) -> bool:
        if is_control(judge):
            return True
        held = _constitution_of(run)
        return held is not None and _tests(held) == tests

    return Since({"tests": digest("tests", tests)} if tests else {}, alike)


def since_training(
    completions: Path | None,
    pairs: Sequence[Pair],
    examples: Sequence[Example],
    job: TrainJob,
    constitution: Constitution | None,
) -> Since:
    """Of a train step: what was held out, how answers were drawn, and the principles of a judge's questions.

    `pairs` and `examples` are all that it was given; `constitution` is that of a judge that is trained.
    """
    kept = {each.id for each in job.pairs}
    without, _ = gate_round(pairs, {})
    learned = {prompt_name(each.messages) for each in job.examples}
    asked = {prompt_name(each.messages) for each in examples} - learned
    leaked = sorted({*({each.id for each in without} - kept), *asked})
    drawn = sorted([name, each.cut, list(each.ids or ())] for name, each in job.sampled.items())
    inputs: dict[str, Any] = {
        **({"held_out": leaked} if leaked else {}),
        **({"sampled": digest("sampled", drawn)} if drawn else {}),
        **({"constitution": constitution.digest} if constitution is not None else {}),
    }
    # questions to a judge were once set apart by the question, so that held-out prompts were trained on
    held_out = job.options.held_out_pairs if isinstance(job.options, PairTrainingOptions) else 0.0
    if apart := constitution is not None and held_out > 0:
        inputs["held_out_by"] = "prompt"
    own = None if completions is None else digest_files([completions])

    def alike(run: Path, name: str, facts: Mapping[str, Any]) -> bool:
        # an older step says how many were left out, not which: only none is the same as none
        if apart or leaked or facts.get("left_out", {}).get("leaked"):
            return False
        file = run / Path(name).parent / COMPLETIONS
        if not file.is_file() or digest_files([file]) != own:
            return False
        held = _constitution_of(run) if constitution is not None else None
        return constitution is None or (held is not None and held.digest == constitution.digest)

    return Since(inputs, alike)


def columns_of(prompts: Sequence[Prompt]) -> dict[str, dict[str, Any]]:
    """Return the columns beside the question, by prompt id, of prompts that have some."""
    return {each.id: dict(each.meta) for each in prompts if each.meta}


def _tests(constitution: Constitution) -> dict[str, list[Any]]:
    return {each.id: list(map(_test, each.tests)) for each in constitution.principles if each.tests}


def _test(test: PrincipleTest) -> dict[str, Any]:
    held = asdict(test)
    # tests were no conversations once: one that is none has the digest that it had then
    return held if test.before else {name: value for name, value in held.items() if name != "before"}


def _constitution_of(run: Path) -> Constitution | None:
    try:
        return run_constitution(run)
    except RlaifError:
        return None
