"""The one place that knows accelerate: the processes of a launch, and its trackers by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rlaif.libraries.versions import changed, importing

with importing("accelerate"):
    from accelerate import Accelerator
    from accelerate.tracking import LOGGER_TYPE_TO_CLASS
    from accelerate.utils import broadcast_object_list

__all__ = ["Accelerator", "join_launch", "said_by_main", "start_tracker"]

NAME = "accelerate"


def join_launch(*, cpu: bool) -> Accelerator:
    """This process among those of its launch; told of the CPU, it joins the others there too."""
    return Accelerator(cpu=cpu)


def said_by_main(value: Any) -> Any:
    """What the main process passes, in every process; all must call."""
    said = [value]
    broadcast_object_list(said)
    return said[0]


def start_tracker(tracker: str, project: str, options: Mapping[str, Any]) -> Any:
    """A started tracker with `log(figures, step=)`, `store_init_configuration` and `finish`.

    Raises LibraryError where accelerate no longer has it under this name; what the tracker itself raises comes out.
    """
    kind = LOGGER_TYPE_TO_CLASS.get(tracker)
    if kind is None:
        raise changed(NAME, f"trackers: {tracker} cannot be started")
    started = kind(project, **options)
    started.start()
    return started
