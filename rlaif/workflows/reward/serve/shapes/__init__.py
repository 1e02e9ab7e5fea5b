"""All wire shapes; one is a file here whose `SHAPE` says everything that is particular to a trainer."""

from __future__ import annotations

from rlaif.registry import Registry
from rlaif.workflows.reward.serve.shape import WireShape

SHAPES: Registry[WireShape] = Registry(
    noun="wire shape", group="rlaif.wire_shapes", kinds=(WireShape,), package=__name__, attribute="SHAPE"
)
