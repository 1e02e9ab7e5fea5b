"""What a training run keeps on disk while it works, so that a kill costs some steps and nothing else.

`out/.training/` holds the claim (what is being trained), the last checkpoint and the reference's
log-probabilities; it is removed when `train.json` stands.
"""

from __future__ import annotations

import fcntl
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from rlaif.atomic import whole_file, write_text
from rlaif.boundary import disk_is_full, outside, told
from rlaif.errors import DiskError, InputError, RunError, ThresholdError
from rlaif.hashing import digest
from rlaif.runs.claim import GONE
from rlaif.runs.layout import (
    ALARM,
    CHECKPOINT,
    CLAIM,
    METRICS,
    TRAIN_RECORD,
    TRAINING,
    USED_PAIRS,
    checkpoint_file,
)

_WRITTEN = (METRICS, ALARM, USED_PAIRS, "tensorboard", "wandb")
"""What lies beside unfinished work, and says nothing without it."""


class TrainingFolder:
    """The output directory of one training run."""

    def __init__(self, out: Path, identity: Mapping[str, Any]) -> None:
        self.out = out
        self.identity: dict[str, Any] = json.loads(json.dumps(identity))

    @property
    def inner(self) -> Path:
        """Where unfinished work is kept."""
        return self.out / TRAINING

    @property
    def digest(self) -> str:
        """Of what is trained, how and on what."""
        return digest("training", self.identity)

    def finished(self) -> dict[str, Any] | None:
        """The record of this very training, if it is done."""
        record = _json(self.out / TRAIN_RECORD)
        if record is not None:
            identity = record.get("identity")
            self._same(identity if isinstance(identity, dict) else {})
        return record

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """Hold the directory against other processes. Raises RunError when it is not ours or in use."""
        self.refuse_others()
        try:
            self.inner.mkdir(parents=True, exist_ok=True)
            lock = (self.inner / "lock").open("w")
        except OSError as problem:
            if disk_is_full(problem):
                raise DiskError(str(self.out)) from problem
            raise RunError(f"{self.out} cannot be written: {problem}") from problem
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as problem:
                raise RunError(
                    f"{self.out} is being trained by another process; wait, or stop it"
                ) from problem
            except OSError as problem:
                raise RunError(f"{self.out} cannot be locked: {problem}; name a local directory") from problem
            write_text(self.inner / CLAIM, json.dumps(self.identity))
            try:
                yield
            except (InputError, ThresholdError):
                self._withdraw()
                raise

    def refuse_others(self) -> None:
        """Raise RunError where the directory is another training's or none of ours."""
        claim = _json(self.inner / CLAIM)
        if claim is not None:
            self._same(claim)
        else:
            self._refuse_foreign()

    def finish(self, record: Mapping[str, Any]) -> None:
        """Write the record, last of all, and forget the unfinished work."""
        if not (self.inner / CLAIM).is_file():
            raise DiskError(str(self.out), GONE)
        text = json.dumps({**record, "identity": self.identity}, indent=1, ensure_ascii=False)
        write_text(self.out / TRAIN_RECORD, text + "\n")
        self.clear()

    def clear(self) -> None:
        """Remove the unfinished work of a training that is done."""
        shutil.rmtree(self.inner, ignore_errors=True)

    def save(self, name: str, tensors: Mapping[str, torch.Tensor], **facts: Any) -> None:
        """Write tensors whole; `load` gives them back to this training only."""
        metadata = {"digest": self.digest, "facts": json.dumps(facts)}
        with whole_file(checkpoint_file(self.out, name)) as draft:
            save_file({key: each.detach().contiguous() for key, each in tensors.items()}, draft, metadata)

    def load(self, name: str) -> tuple[dict[str, torch.Tensor], dict[str, Any]] | None:
        """Tensors and facts saved under `name`, or None."""
        path = checkpoint_file(self.out, name)
        if not path.is_file():
            return None
        with (
            outside(RunError, str(path), f"remove {self.inner} to begin anew"),
            safe_open(path, framework="pt") as held,
        ):
            metadata = held.metadata()
            if metadata["digest"] != self.digest:
                return None
            tensors = {key: held.get_tensor(key) for key in held.keys()}  # noqa: SIM118 - safe_open is no mapping
            return tensors, json.loads(metadata["facts"])

    def _refuse_foreign(self) -> None:
        if not self.out.exists():
            return
        if not self.out.is_dir():
            raise RunError(f"{self.out}: is a file; choose another directory")
        # a training that was killed before its claim stood has left nothing but its own folder
        strange = sorted(path.name for path in self.out.iterdir() if path.name != TRAINING)
        if strange:
            raise RunError(
                f"{self.out}: is no training of ours (it holds {strange[0]}); choose an empty or new directory"
            )

    def _withdraw(self) -> None:
        # nothing that was trained is kept: leave the place as it was found
        if not checkpoint_file(self.out, CHECKPOINT).exists():
            self.clear()
            for path in (self.out / name for name in _WRITTEN):
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
            with suppress(OSError):
                self.out.rmdir()

    def _same(self, other: Mapping[str, Any]) -> None:
        differing = sorted(_differing(self.identity, other))
        if differing:
            raise RunError(
                f"{self.out} belongs to another training; different: {', '.join(differing)}. "
                "Choose another directory, or remove it"
            )


def _differing(one: Mapping[str, Any], other: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key in sorted({*one, *other}):
        first, second = one.get(key), other.get(key)
        if isinstance(first, dict) and isinstance(second, dict):
            yield from _differing(first, second, f"{prefix}{key}.")
        elif first != second:
            yield prefix + key


def _json(path: Path) -> dict[str, Any] | None:
    if not path.is_file():
        return None
    try:
        loaded = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError, RecursionError) as problem:
        raise RunError(f"{path} is not ours: {told(problem)}; choose another directory") from problem
    if not isinstance(loaded, dict):
        raise RunError(f"{path} is not ours; choose another directory")
    return loaded
