"""The train methods: one file each, and those of other packages (entry points `rlaif.methods`). Loads no torch."""

from __future__ import annotations

from rlaif.registry import Registry
from rlaif.workflows.training.method import Method

METHODS: Registry[Method] = Registry(
    noun="train method",
    group="rlaif.methods",
    kinds=(Method,),
    package="rlaif.workflows.training.methods",
    attribute="METHOD",
)
DEFAULT = "dpo"
"""The method of `rlaif train RUN`, and of a train step that names none."""
