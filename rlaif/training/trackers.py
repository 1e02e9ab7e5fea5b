"""W&B, MLflow and trackio by name, through accelerate's trackers; none is imported before it is asked for.

TensorBoard is written by `MetricsLog` itself, which can drop the steps that a resumed run takes again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rlaif.errors import InputError, RlaifError
from rlaif.libraries.quiet import unheard

TENSORBOARD = "tensorboard"
PROJECT = "rlaif"
WANDB, MLFLOW = "wandb", "mlflow"
PACKAGES = {WANDB: "wandb", MLFLOW: "mlflow", "trackio": "trackio"}


def check_trackers(names: Sequence[str]) -> None:
    """Raise InputError where one is not installed."""
    for name in names:
        package = PACKAGES.get(name)
        if package is not None and find_spec(package) is None:
            raise InputError(
                f"trackers: {name} is not installed here; `pip install {package}`, or leave it out: "
                "metrics.jsonl has every figure anyway"
            )


class Trackers:
    """Those of a run that were asked for, TensorBoard aside; their own variables say where they write.

    WANDB_MODE=offline, MLFLOW_TRACKING_URI and TRACKIO_DIR keep figures on this machine.
    """

    def __init__(self, names: Sequence[str], out: Path, config: Mapping[str, Any], digest: str) -> None:
        """Raise InputError where one cannot be started."""
        self._open: dict[str, Any] = {}
        try:
            for name in names:
                if name != TENSORBOARD:
                    self._open[name] = _start(name, out, config, digest)
        except InputError:
            self.close()  # those that have begun are not left behind
            raise

    def write(self, step: int, figures: Mapping[str, float]) -> None:
        """The figures of one step, which counts from 1. Raises RlaifError where a tracker takes them no more."""
        for name, tracker in self._open.items():
            said = _in_files(figures) if name == MLFLOW else dict(figures)
            with _speaking_of(name, f"takes no figures at step {step}"):
                tracker.log(said, step=step)

    def close(self) -> None:
        """Let each write what it holds back."""
        from rlaif.libraries.accelerate import end_tracker

        while self._open:
            name, tracker = self._open.popitem()
            with _speaking_of(name, "does not end"):
                end_tracker(name, tracker)


def _start(name: str, out: Path, config: Mapping[str, Any], digest: str) -> Any:
    from rlaif.libraries.accelerate import start_tracker

    options: dict[str, dict[str, Any]] = {
        # the same run again where one is resumed
        "wandb": {"name": out.name, "dir": str(out), "id": digest[-16:], "resume": "allow"},
        "mlflow": {"run_name": out.name},
        "trackio": {"name": out.name, "resume": "allow", "embed": False},
    }
    if name == WANDB and not _writable(Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache")):
        # its log lies beside its cache; where that cannot be, it logs to the screen
        os.environ.setdefault("WANDB_CACHE_DIR", str(out / "wandb" / "cache"))
    try:
        with unheard():
            tracker = start_tracker(name, PROJECT, **options[name])
            tracker.store_init_configuration(_flat(config))
    except InputError:
        raise
    except Exception as problem:
        raise InputError(f"trackers: {name} cannot be started: {problem}") from problem
    return tracker


@contextmanager
def _speaking_of(name: str, what: str) -> Iterator[None]:
    """Inside, a tracker is heard by nobody, and what goes wrong in it is told as ours."""
    try:
        with unheard():
            yield
    except Exception as problem:
        raise RlaifError(
            f"trackers: {name} {what}: {problem}; metrics.jsonl has every figure, and the same "
            f"command without {name} goes on"
        ) from problem


def _in_files(figures: Mapping[str, float]) -> dict[str, float]:
    """MLflow on this machine keeps each figure in a file, and `loss/preference` would lie in the file `loss`."""
    return {
        name.replace("/", ".") if name.partition("/")[0] in figures else name: value
        for name, value in figures.items()
    }


def _writable(folder: Path) -> bool:
    """Whether `folder` is there and takes files, or can be made."""
    with suppress(RuntimeError):  # nobody knows whose home
        folder = folder.expanduser()
    there = next((each for each in (folder, *folder.parents) if each.exists()), folder)
    return os.access(there, os.W_OK)


def _flat(config: Mapping[str, Any]) -> dict[str, Any]:
    simple = (str, int, float, bool)
    return {name: value if isinstance(value, simple) else json.dumps(value) for name, value in config.items()}
