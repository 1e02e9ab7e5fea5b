"""The step `audit`: statistics of a round's pairs and of the judgments that they come from."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlaif.atomic import write_text
from rlaif.auditing.audit import audit
from rlaif.hashing import digest_files
from rlaif.runs.layout import CLAIM, COMPARISONS, COMPLETIONS, CONSTITUTION, FUNNEL, JUDGMENTS, PAIRS
from rlaif.workflows.audit.load_run import read_source
from rlaif.workflows.audit.run import plain
from rlaif.workflows.recipe.artefacts import Artefact
from rlaif.workflows.recipe.step import Facts, Job, RunJob, Step


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditSettings:
    """An audit has no settings: it looks at everything that there is."""


def _files(job: Job) -> dict[str, Path]:
    """Return the files of the pairs and of what they come from, by the names that an audit looks for."""
    pairs: Artefact = job.takes("pairs")
    found = {PAIRS: job.run / pairs.path}
    for kind, name in (("completions", COMPLETIONS), ("judgments", JUDGMENTS)):
        if (made := job.took(kind)) is not None:
            found[name] = job.run / made.path
    beside = found[PAIRS]
    for name in (COMPARISONS, FUNNEL):
        own = name if beside.name == PAIRS else f"{beside.stem}.{name}"
        found[name] = beside.with_name(own)
    return {name: path for name, path in found.items() if path.is_file()}


def make(job: RunJob) -> Facts:
    """Audit the pairs, and keep all figures."""
    with tempfile.TemporaryDirectory() as folder:
        for name, path in {**_files(job), **_run_files(job)}.items():
            shutil.copyfile(path, Path(folder, name))
        found = audit(read_source(Path(folder)).evidence, seed=job.seed)
    (file,) = outputs(job)
    write_text(job.run / file, json.dumps(plain(found), indent=1, ensure_ascii=False) + "\n")
    return {"findings": [{"fault": each.fault, "says": each.says} for each in found.findings]}


def _run_files(job: Job) -> dict[str, Path]:
    return {name: job.run / name for name in (CLAIM, CONSTITUTION)}


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
