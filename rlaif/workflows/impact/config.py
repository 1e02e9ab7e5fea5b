"""What `rlaif constitution diff --impact` is told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rlaif.settings import setting
from rlaif.workflows.configs import ModelOptions
from rlaif.workflows.registered_names import judge_names


@dataclass(frozen=True, slots=True, kw_only=True)
class ImpactConfig(ModelOptions):
    """The run, and its judge where that has another name here."""

    run: Path = setting(help="Directory of the run, loop or round.")
    judge: str | None = setting(
        None, help="The judge of that run, where it has another name now.", known=judge_names
    )
