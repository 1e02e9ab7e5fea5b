"""The one place that knows accelerate: the processes of a launch, and its trackers by name."""

from __future__ import annotations

from typing import Any

from rlaif.libraries.versions import changed, importing

with importing("accelerate"):
    from accelerate import Accelerator
    from accelerate.tracking import LOGGER_TYPE_TO_CLASS
    from accelerate.utils import broadcast_object_list

__all__ = ["Accelerator", "end_tracker", "join_launch", "said_by_main", "start_tracker"]

NAME = "accelerate"


def join_launch(*, cpu: bool) -> Accelerator:
    """Return the Accelerator of this process in its `accelerate launch`; `cpu=True` keeps all processes on CPUs."""
    return Accelerator(cpu=cpu)


def said_by_main(value: Any) -> Any:
    """What the main process passes, in every process; all must call."""
    said = [value]
    broadcast_object_list(said)
    return said[0]


def start_tracker(name: str, project: str, /, **options: Any) -> Any:
    """A started tracker with `log(figures, step=)`, `store_init_configuration` and `finish`.

    Raises LibraryError where accelerate no longer has it under this name; what the tracker itself raises comes out.
    """
    kind = LOGGER_TYPE_TO_CLASS.get(name)
    if kind is None:
        raise changed(NAME, f"trackers: {name} cannot be started")
    tracker = kind(project, **options)
    tracker.start()
    return tracker


def end_tracker(name: str, tracker: Any) -> None:
    """Let a started tracker write what it holds back, and end."""
    if name == "trackio":
        # accelerate's way ends the run and does not forget it: it would end again, and say so, with the process
        from trackio import finish

        end: Any = finish
        end()
    else:
        tracker.finish()
