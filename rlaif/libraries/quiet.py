"""The one place that keeps other people's libraries quiet: their advice, bars and banners are nothing a user can mend.

What is an error in them comes out as an exception, and is told as ours. Whoever wants to hear them sets
`RLAIF_LIBRARY_MESSAGES=show`, or the library's own variable (`TRANSFORMERS_VERBOSITY=info`), or Python's
(`PYTHONWARNINGS=default`). This loads nothing.
"""

from __future__ import annotations

import atexit
import logging
import os
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from functools import cache
from typing import TextIO

QUIET = "error"
VARIABLE = "RLAIF_LIBRARY_MESSAGES"
"""`show`: everything is left as the libraries have it."""
ENVIRONMENT = {
    # bars; ours are shown by `cli.output.progress`
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    "TQDM_DISABLE": "1",
    # what is printed, or logged by code that is no Python
    "TOKENIZERS_PARALLELISM": "false",
    "TORCH_CPP_LOG_LEVEL": "ERROR",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "GLOG_minloglevel": "2",
    "GRPC_VERBOSITY": "NONE",
    "WANDB_SILENT": "true",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "GRADIO_ANALYTICS_ENABLED": "False",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}
LOGGERS = {
    # those that set their own level as they are loaded, from a variable if there is one
    "transformers": "TRANSFORMERS_VERBOSITY",
    "datasets": "DATASETS_VERBOSITY",
    "huggingface_hub": "HF_HUB_VERBOSITY",
    # those that have none (accelerate's sets the level of the whole process), or whose variable is above
    **dict.fromkeys(("accelerate", "bitsandbytes", "filelock", "gradio", "httpx", "jax", "matplotlib"), ""),
    **dict.fromkeys(
        (
            "mlflow",
            "numexpr",
            "peft",
            "tensorboard",
            "torch",
            "torchao",
            "trackio",
            "trl",
            "urllib3",
            "wandb",
        ),
        "",
    ),
}
"""The root logger of each library, and the variable that says how much it tells."""


class _Held:
    """How many are inside `quiet` now, and what the last to leave puts back."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.inside = 0
        self.undo = ExitStack()


_held = _Held()


def wanted() -> bool:
    """Whether the user has not asked to hear them."""
    return os.environ.get(VARIABLE, "") != "show"


def settle_environment() -> None:
    """For a process that is ours, before a library is loaded: what the user has not set himself is set to quiet."""
    if wanted():
        for name, value in (ENVIRONMENT | _levels()).items():
            os.environ.setdefault(name, value)


@contextmanager
def quiet() -> Iterator[None]:
    """Inside, libraries warn of nothing; afterwards everything is as it was. May be entered again, and by threads."""
    if not wanted():
        yield
        return
    with _held.lock:
        _held.inside += 1
        if _held.inside == 1:
            _held.undo = _hushed()
    try:
        yield
    finally:
        with _held.lock:
            _held.inside -= 1
            if _held.inside == 0:
                _held.undo.close()


@contextmanager
def unheard() -> Iterator[None]:
    """Inside, what is printed is not heard: for libraries that talk to the screen whatever they are told."""
    if not wanted():
        with redirect_stdout(sys.stderr):  # stdout is for results
            yield
        return
    with redirect_stdout(_nowhere()), redirect_stderr(_nowhere()):
        yield


@cache
def _nowhere() -> TextIO:
    """Closed with the process, after what libraries do then: one may hold on to it."""
    nowhere = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    atexit.register(nowhere.close)
    return nowhere


def _hushed() -> ExitStack:
    undo = ExitStack()
    for name, variable in LOGGERS.items():
        if os.environ.get(variable, QUIET) == QUIET:
            undo.callback(
                _restore, logging.getLogger(name), logging.getLogger(name).level, name in sys.modules
            )
            logging.getLogger(name).setLevel(logging.ERROR)
    # read by a library that is loaded meanwhile, which else would undo the level just set
    for variable, value in _levels().items():
        if variable not in os.environ:
            os.environ[variable] = value
            undo.callback(os.environ.pop, variable, None)
    if not sys.warnoptions:
        undo.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        warnings.showwarning = _unshown  # some libraries set filters of their own as they are loaded
    return undo


def _levels() -> dict[str, str]:
    return {variable: QUIET for variable in LOGGERS.values() if variable}


def _restore(logger: logging.Logger, level: int, was_loaded: bool) -> None:
    """Put a level back, unless somebody else has set another one meanwhile."""
    if logger.level == logging.ERROR:
        late = not was_loaded and bool(LOGGERS[logger.name]) and logger.name in sys.modules
        # loaded meanwhile, it would have chosen this one
        logger.setLevel(logging.WARNING if late else level)


def _unshown(*_: object, **__: object) -> None:
    pass
