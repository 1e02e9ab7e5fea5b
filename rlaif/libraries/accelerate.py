"""The one place that knows accelerate: the processes of a launch, and its trackers by name."""

from __future__ import annotations

import logging
import os
import select
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch

from rlaif.errors import LibraryError
from rlaif.libraries.versions import changed, importing

with importing("accelerate"):
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState, is_initialized
    from accelerate.tracking import LOGGER_TYPE_TO_CLASS
    from accelerate.utils import broadcast_object_list

__all__ = ["Accelerator", "check_launch", "end_tracker", "join_launch", "said_by_main", "start_tracker"]

NAME = "accelerate"
SECONDS_UNSAID, SECONDS_AGAIN = 3.0, 60.0
"""How long a process waits for the others of its launch before that is said, and said again."""
SECONDS_TO_REACT = 1.0
"""How long a signal is left to its handler, which cannot run while torch waits."""
_ENDING = frozenset((signal.SIGINT, signal.SIGTERM, signal.SIGHUP))
_OF_A_LAUNCH = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
_OF_MPI = {
    "RANK": ("PMI_RANK", "OMPI_COMM_WORLD_RANK", "MV2_COMM_WORLD_RANK"),
    "WORLD_SIZE": ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "MV2_COMM_WORLD_SIZE"),
    "LOCAL_RANK": ("MPI_LOCALRANKID", "OMPI_COMM_WORLD_LOCAL_RANK", "MV2_COMM_WORLD_LOCAL_RANK"),
}
"""What accelerate reads in the place of torch's own variables, or, on CPUs, before them."""
_NUMBERS = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_PORT")
_SHARDING = "it shards by its own means: --loop parallel=fully_shard"
_LEFT_OVER = {
    "ACCELERATE_USE_DEEPSPEED": _SHARDING,
    "ACCELERATE_USE_FSDP": _SHARDING,
    "ACCELERATE_USE_MEGATRON_LM": _SHARDING,
    "ACCELERATE_USE_PARALLELISM_CONFIG": _SHARDING,
    "ACCELERATE_USE_SAGEMAKER": "it knows no jobs of SageMaker",
    "ACCELERATE_GRADIENT_ACCUMULATION_STEPS": "a step takes --loop batch_size, in passes of batch_tokens",
    "ACCELERATE_DYNAMO_BACKEND": "it compiles no model",
}
"""Variables by which accelerate would do what this training does itself, or does not do."""
_MEANS_NOTHING = ("", "0", "1", "false", "no", "n", "f", "off", "none")

_log = logging.getLogger(__name__)


def check_launch(environment: Mapping[str, str] | None = None) -> None:
    """Raise LibraryError where the environment says half of a launch, or another one than this training can be part of.

    Containers, notebooks and cluster shells leave such variables behind, and a launcher's configuration sets some.
    """
    given = os.environ if environment is None else environment
    for name, instead in _LEFT_OVER.items():
        value = given.get(name, "").strip().lower()
        if value not in _MEANS_NOTHING:
            raise LibraryError(
                f"{name}={given[name]} asks accelerate for what `rlaif train` does not use: {instead}. Unset it, or "
                "launch with torchrun, which reads no configuration of accelerate's"
            )
    held = {name: given[name] for name in _OF_A_LAUNCH if given.get(name)}
    others = {name: given[name] for names in _OF_MPI.values() for name in names if given.get(name)}
    for name, value in (held | others).items():
        if (name in _NUMBERS or name in others) and not value.strip().isdecimal():
            raise LibraryError(f"{name}={value}: is no number; {_remedy([*held, *others])}")
    _check_mpi(held, others)
    # a process of its own has neither rank nor size; an address alone says nothing
    if held.keys() & {"RANK", "WORLD_SIZE", "LOCAL_RANK"}:
        if lacking := [name for name in _OF_A_LAUNCH if name not in held]:
            raise LibraryError(
                f"{_spelled(held)}: a launch sets {', '.join(lacking)} too; {_remedy(list(held))}"
            )
        if int(held["RANK"]) >= int(held["WORLD_SIZE"]):
            raise LibraryError(
                f"{_spelled(held)}: the last of {held['WORLD_SIZE']} processes has another rank; {_remedy(list(held))}"
            )


def _check_mpi(held: Mapping[str, str], others: Mapping[str, str]) -> None:
    for own, names in _OF_MPI.items():
        for name in names:
            if name in others and own in held and int(others[name]) != int(held[own]):
                raise LibraryError(
                    f"{own}={held[own]} and {name}={others[name]} are of two launches; {_remedy([name])}"
                )
    several = [name for name in _OF_MPI["WORLD_SIZE"] if int(others.get(name, 1)) > 1]
    if several and "WORLD_SIZE" not in held:
        raise LibraryError(
            f"{_spelled(others)}: `rlaif train` is launched by torchrun, and not by MPI; {_remedy(list(others))}"
        )


def _spelled(held: Mapping[str, str]) -> str:
    return " ".join(f"{name}={value}" for name, value in held.items())


def _remedy(names: list[str]) -> str:
    return (
        f"for one process: unset {' '.join(dict.fromkeys(names))}; for several: torchrun --nproc-per-node 2 -m rlaif "
        "train ..."
    )


def process_count() -> int:
    """How many processes the launch has that this one is of; nothing is joined. Raises LibraryError."""
    check_launch()
    return int(os.environ.get("WORLD_SIZE") or 1)


def join_launch(*, cpu: bool) -> Accelerator:
    """Return the Accelerator of this process in its launch; `cpu=True` keeps all processes on CPUs.

    Says what is being waited for, while other processes of the launch do not come. Raises LibraryError where the launch
    cannot be joined, or another trainer of this process has set accelerate to another precision.
    """
    check_launch()
    _check_precision_held()
    precision = os.environ.get("ACCELERATE_MIXED_PRECISION", "no").lower()
    if precision not in ("no", ""):
        _log.warning(
            "ACCELERATE_MIXED_PRECISION=%s is not used: say --loop precision=bf16, or nothing for full precision",
            precision,
        )
    held = {name: os.environ[name] for name in _OF_A_LAUNCH if os.environ.get(name)}
    try:
        with _waiting(held):
            joined = Accelerator(cpu=cpu, mixed_precision="no")
        # a variable may have named a device that is not there
        torch.empty(0, device=joined.device)
        return joined
    except (Exception, SystemExit) as problem:
        told = " ".join(str(problem).split())[:300] or type(problem).__name__
        raise LibraryError(
            f"the processes of this training cannot be joined ({_spelled(held) or 'no launch'}): {told}; "
            + _remedy(list(held) or ["the ACCELERATE_ variables"])
        ) from problem


def _check_precision_held() -> None:
    # accelerate has one state a process, and keeps the first: its own message names neither who set it nor what to do
    held = AcceleratorState().mixed_precision if is_initialized() else "no"
    if held != "no":
        raise LibraryError(
            f"another trainer of this process has set accelerate to mixed_precision={held}, which holds for all of "
            "the process, and this training needs it unset (its own is --loop precision=bf16): run this training in a "
            "process of its own, or give the other trainer `bf16=False` (TRL's take bf16 unless they are told)"
        )


@contextmanager
def _waiting(held: Mapping[str, str]) -> Iterator[None]:
    """Inside, somebody who waits for other processes is told so, and a signal ends the wait."""
    if int(held.get("WORLD_SIZE", "1")) < 2:
        yield
        return
    done = threading.Event()

    def tell() -> None:
        wait = SECONDS_UNSAID
        # no `select.select`: it takes no descriptor above 1,023, and a program may have opened many
        signals = select.poll()
        signals.register(come, select.POLLIN)
        while not done.is_set():
            if signals.poll(wait * 1000):
                if _ENDING.intersection(os.read(come, 64)):
                    _end_unless(done)
            elif not done.is_set():
                _log.warning(
                    "waiting for the other processes of %s at %s:%s; if there are none: %s",
                    held["WORLD_SIZE"], held["MASTER_ADDR"], held["MASTER_PORT"], _remedy(list(held)),
                )  # fmt: skip
                wait = SECONDS_AGAIN

    with _signals_written() as (come, written):
        teller = threading.Thread(target=tell, daemon=True)
        teller.start()
        try:
            yield
        finally:
            done.set()
            os.write(written, b"\0")
            teller.join()


@contextmanager
def _signals_written() -> Iterator[tuple[int, int]]:
    """The two ends of a pipe: inside, a signal that a handler takes is readable at the first, whatever runs."""
    come, written = os.pipe()
    os.set_blocking(written, False)
    main = threading.current_thread() is threading.main_thread()
    before = signal.set_wakeup_fd(written, warn_on_full_buffer=False) if main else -1
    try:
        yield come, written
    finally:
        if main:
            signal.set_wakeup_fd(before)
        os.close(come)
        os.close(written)


def _end_unless(done: threading.Event) -> None:
    # the main thread waits inside torch, where no handler of Python's runs
    if not done.wait(SECONDS_TO_REACT):
        os.write(2, b"interrupted while it waited for the other processes; nothing was trained yet\n")
        os._exit(128 + signal.SIGINT)


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
