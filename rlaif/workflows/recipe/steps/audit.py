"""The step `audit`: statistics of a round's pairs and of the judgments that they come from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlaif.atomic import write_text
from rlaif.auditing.audit import audit
from rlaif.hashing import digest_files
from rlaif.runs.layout import COMPARISONS, COMPLETIONS, FUNNEL, JUDGMENTS, PAIRS, PairSources, sources_of
from rlaif.workflows.audit.load_run import read_pair_sources
from rlaif.workflows.audit.run import plain
from rlaif.workflows.recipe.step import Facts, Job, RunJob, Step


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditSettings:
    """An audit has no settings: it looks at everything that there is."""


def _files(job: Job) -> dict[str, Path]:
    """Return the files of the pairs and of what they come from that there are, by the names that keys have."""
    own = _sources(job)
    found = {PAIRS: own.pairs, COMPLETIONS: own.completions, JUDGMENTS: own.judgments}
    found |= {COMPARISONS: own.comparisons, FUNNEL: own.funnel}
    return {name: path for name, path in found.items() if path.is_file()}


def _sources(job: Job) -> PairSources:
    return sources_of(job.run / job.takes("pairs").path)


def make(job: RunJob) -> Facts:
    """Audit the pairs, and keep all figures."""
    found = audit(read_pair_sources(job.run, _sources(job)).evidence, seed=job.seed)
    (file,) = outputs(job)
    write_text(job.run / file, json.dumps(plain(found), indent=1, ensure_ascii=False) + "\n")
    return {"findings": [{"fault": each.fault, "says": each.says} for each in found.findings]}


def forecast(_: Job) -> None:
    """Ask nothing: an audit calls no model."""


def inputs(job: Job) -> Mapping[str, Any]:
    """Return all files that are read, and the constitution."""
    return {
        "files": {name: digest_files([path]) for name, path in _files(job).items()},
        "constitution": job.constitution.digest,
        "seed": job.seed,
    }


def outputs(job: Job) -> list[str]:
    """Return the file of figures."""
    return [job.file("audit", ".json")]


def row(facts: Facts, _: int) -> dict[str, Any]:
    """Return what is wrong, in words."""
    return {"warnings": [f"audit: {each['says']}" for each in facts.get("findings", [])]}


STEP = Step(
    name="audit",
    help="Statistics of the round's pairs and judgments; what is wrong with them goes into the table of rounds.",
    settings=AuditSettings,
    needs=(("pairs",),),
    make=make,
    forecast=forecast,
    inputs=inputs,
    outputs=outputs,
    row=row,
)
