"""The step `pairs`: two completions of a prompt become a preference pair, or there is a reason why not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from rlaif.atomic import write_text
from rlaif.errors import InputError
from rlaif.exchange.judgments import write_judgments
from rlaif.exchange.pairs import pair_row
from rlaif.records import Pair, Prompt
from rlaif.runs.record_files import FUNNEL_SCHEMA, read_record
from rlaif.workflows.evaluation.policy_metrics import pair_precision
from rlaif.workflows.generate.judge_step import NO_PAIR
from rlaif.workflows.recipe.pairs_step import (
    PairsStep,
    misplaced,
    pairs_step,
    pairs_step_schema,
    source_of,
)
from rlaif.workflows.recipe.step import CheckedStep, Expected, Facts, Job, RunJob, Step
from rlaif.workflows.recipe.step_cache import Since


def make(job: RunJob) -> Facts:
    """Make the pairs, and write them with what became of the rest."""
    source = source_of(job.settings)
    found = source.pair(job)
    _, funnel_file, *comparisons = outputs(job)
    job.write(found.pairs)
    write_text(job.run / funnel_file, json.dumps(dict(found.counts), indent=1) + "\n")
    for each in comparisons:
        write_judgments(job.run / each, found.comparisons)
    precision = pair_precision(job.constitution, _prompts(job), found.pairs)
    return {"pairs": len(found.pairs), "pair_precision": precision, **found.facts}


def forecast(job: Job) -> list[Pair]:
    """Ask what the making of the pairs would ask, and return those that are known already."""
    return list(source_of(job.settings).forecast(job))


def inputs(job: Job) -> Mapping[str, Any]:
    """Return all that the source reads."""
    return source_of(job.settings).inputs(job)


def since(job: Job) -> Since | None:
    """Return what keys of earlier versions lacked."""
    return source_of(job.settings).since(job)


def outputs(job: Job) -> list[str]:
    """Return the pairs, what became of the candidates, and the comparisons where some are made."""
    made = job.task.makes
    assert made is not None
    compared = source_of(job.settings).compares(job.settings.options)
    own = [job.file("comparisons", ".jsonl")] if compared else []
    return [made.path, job.file("funnel", ".json"), *own]


def finish(job: RunJob, _: Facts) -> None:
    """Keep the pairs in the project's store."""
    own = f"{job.run_id}/{job.round}" + ("" if job.task.entry.is_default else f"/{job.task.entry.key}")
    job.store.put_pairs(own, [pair_row(each) for each in job.read(_made(job))])


def _prompts(job: Job) -> dict[str, Prompt]:
    """The prompts of all completions that the pairs are made of, by id."""
    made_of = (each.ancestor("completions") for each in job.task.takes)
    return {prompt.id: prompt for each in made_of if each is not None for prompt, _ in job.read(each)}


def _made(job: Job) -> Any:
    return job.task.makes


def _reasons(job: Job) -> str:
    """Why prompts gave no pair, with counts, the most frequent first: `tie 4, inconsistent 1`."""
    funnel = read_record(job.run / outputs(job)[1], FUNNEL_SCHEMA)
    why = {key.removeprefix(NO_PAIR): count for key, count in funnel.items() if key.startswith(NO_PAIR)}
    return ", ".join(f"{reason} {count}" for reason, count in sorted(why.items(), key=lambda each: -each[1]))


def halts(job: RunJob, facts: Facts) -> str | None:
    """Return why the pairs must not be trained on, or None."""
    source = source_of(job.settings)
    if (unmet := source.halts(job, facts)) is not None:
        return unmet
    if not facts["pairs"]:
        return f"no prompt gave a pair ({_reasons(job) or 'no prompt had two completions'})" + "".join(
            f". {each}" for each in source.whys(job)
        )
    return None


def check(checked: CheckedStep) -> None:
    """Raise InputError where two completions could not be decided between."""
    settings = checked.entry.settings
    asked = STEP.roles_of(checked.entry)
    for key in STEP.roles:
        if key in checked.entry.named and key not in asked:
            raise InputError(f"source {settings.source} asks no {key} with these options; remove `{key}`")
    source_of(settings).check(checked)


def work(expected: Expected) -> int:
    """Count the calls of the source."""
    return source_of(expected.entry.settings).work(expected)


def row(facts: Facts, _: int) -> dict[str, Any]:
    """Return the columns that say what a round was trained on."""
    shown = {name: facts[name] for name in COLUMNS if name in facts}
    return {
        **shown,
        **facts.get("figures", {}),
        "warnings": [*facts.get("not_applied", []), *facts.get("warnings", [])],
    }


COLUMNS: Mapping[str, Any] = {
    "pairs": 0,
    "pair_precision": None,
    "gap": None,
    "order_consistency": {},
    "unreadable_share": None,
}
STEP = Step(
    name="pairs",
    help="Two completions of a prompt become a preference pair, confirmed by a comparison in both orders.",
    settings=PairsStep,
    needs=(("judgments",), ("completions",)),
    wants=lambda entry: source_of(entry.settings).needs(entry.settings.options),
    makes="pairs",
    gathers=lambda entry: source_of(entry.settings).gathers,
    roles={"judge": "judge", "model": "policy", "before": "earlier", "base": "initial"},
    asks=lambda entry: source_of(entry.settings).models(entry.settings.options),
    may_name={"critic": "who writes the critiques; the judge by default"},
    stem="pairs",
    make=make,
    forecast=forecast,
    inputs=inputs,
    since=since,
    outputs=outputs,
    finish=finish,
    halts=halts,
    check=check,
    joins=lambda entry: source_of(entry.settings).joins,
    fits=lambda checked, prepared: source_of(checked.entry.settings).fits(checked, prepared),
    protocols=lambda settings: source_of(settings).protocols(settings.options),
    work=work,
    columns=COLUMNS,
    row=row,
    schema=lambda beside, outside: pairs_step_schema(beside, from_outside=outside),
    hint=misplaced,
    parse=pairs_step,
)
