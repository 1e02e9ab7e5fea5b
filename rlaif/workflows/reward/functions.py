"""A Python function that a reward names: `module:name`, or `path/to/file.py:name`."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from rlaif.errors import InputError
from rlaif.hashing import digest_files

SUFFIX = ".py"


def load_function(named: str) -> Any:
    """The function of a name. Modules are looked for in the current directory first, as `python -m` does.

    Raises InputError where there is no such module, file or function, or it raises while it is imported.
    """
    place, colon, name = named.rpartition(":")
    if not colon or not place or not name:
        raise InputError(f"{named!r} names no function; write module:name, or path/to/file.py:name")
    module = _loaded(place)
    found: Any = module
    for part in name.split("."):
        found = getattr(found, part, None)
    if not callable(found):
        known = sorted(
            each for each, value in vars(module).items() if callable(value) and not each.startswith("_")
        )
        raise InputError(f"{named}: {place} has no function {name!r}; it has: {', '.join(known) or 'none'}")
    return found


def _loaded(place: str) -> ModuleType:
    try:
        with _beside_us():
            return _of_file(Path(place)) if place.endswith(SUFFIX) else importlib.import_module(place)
    except InputError:
        raise
    except ModuleNotFoundError as missing:
        raise InputError(
            f"{place}: {missing}; name a module that is installed or lies in the current directory, or a file"
        ) from None
    except Exception as problem:
        raise InputError(f"{place}: cannot be imported: {type(problem).__name__}: {problem}") from problem


def _of_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise InputError(f"{path}: no such file; name the file that has the function")
    name = f"rlaif_reward_{digest_files([path]).rpartition(':')[2]}"
    if name not in sys.modules:
        module = sys.modules[name] = ModuleType(name)
        module.__file__ = str(path)
        try:
            # not by an import: its cache of byte code takes a file of the same second and length for the old one
            exec(compile(path.read_bytes(), str(path), "exec"), module.__dict__)
        except BaseException:
            del sys.modules[name]
            raise
    return sys.modules[name]


@contextmanager
def _beside_us() -> Iterator[None]:
    """The current directory is where modules are looked for first."""
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        yield
    finally:
        sys.path.remove(here)
