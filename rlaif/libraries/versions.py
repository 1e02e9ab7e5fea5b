"""Which versions of other people's libraries are here, and which ones this package was tested with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import metadata

from packaging.requirements import Requirement
from packaging.version import InvalidVersion, Version

from rlaif.errors import LibraryError

PACKAGE = "rlaif"


@cache
def tested() -> dict[str, Requirement]:
    """The ranges of pyproject.toml by name, extras too, as the installed package carries them."""
    try:
        lines = metadata.requires(PACKAGE) or []
    except metadata.PackageNotFoundError:  # run from a bare source tree
        return {}
    found: dict[str, Requirement] = {}
    for line in lines:
        requirement = Requirement(line)
        found.setdefault(requirement.name, requirement)
    return found


def installed(name: str) -> str | None:
    """The version that is installed; None where none is."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def said(name: str) -> str:
    """`transformers 5.30.0 (tested: <5.25,>=5.16)`, for a message."""
    requirement = tested().get(name)
    shown = f"{name} {installed(name) or 'is not installed'}"
    return f"{shown} (tested: {_range(requirement)})" if requirement is not None else shown


def remedy(*names: str) -> str:
    """The command that installs tested versions of these."""
    wanted = [f"'{name}{_range(tested()[name])}'" if name in tested() else name for name in names]
    return f"pip install {' '.join(wanted)}"


LOCAL = ("torch", "transformers", "safetensors")
"""What a model needs that runs in this process."""
TRAINING = (*LOCAL, "accelerate", "peft")
"""What a training needs."""


def require(*names: str) -> None:
    """Raise LibraryError where one is not installed, or is older than anything this package works with.

    Loads nothing. A version newer than the tested ones is let through: what it broke is found by trying, and said.
    """
    for name in names:
        version, requirement = installed(name), tested().get(name)
        if version is None:
            raise LibraryError(f"{name} is not installed in this environment; {remedy(name)}")
        if requirement is not None and _older(version, requirement):
            raise LibraryError(f"{said(name)} is too old for this version of rlaif; {remedy(name)}")


@contextmanager
def importing(name: str) -> Iterator[None]:
    """Around the imports of an adapter: a name that is gone, or a library that cannot be loaded, is a LibraryError."""
    try:
        yield
    except (
        ImportError,
        OSError,
        AttributeError,
        ValueError,
        RuntimeError,
    ) as problem:  # the last two: a variable
        if installed(name) is None:
            raise LibraryError(f"{name} is not installed in this environment; {remedy(name)}") from problem
        reason = (str(problem).strip() or type(problem).__name__).splitlines()[0]
        # a value is what it was given: by the environment
        first = "unset the variable that it does not take, or " if isinstance(problem, ValueError) else ""
        raise LibraryError(
            f"{said(name)} cannot be used: {reason}; {first}{remedy(name)} (with --force-reinstall where it is damaged)"
        ) from problem


def changed(name: str, what: str) -> LibraryError:
    """The error for a library that no longer does what its adapter assumes; it blames no model."""
    return LibraryError(
        f"{what}: {said(name)} no longer does what rlaif {installed(PACKAGE)} takes for granted of it, whatever the "
        f"model; {remedy(name)}"
    )


def _range(requirement: Requirement) -> str:
    return str(requirement.specifier)


def _older(version: str, requirement: Requirement) -> bool:
    lowest = [each.version for each in requirement.specifier if each.operator in (">=", "==", "~=")]
    try:
        return any(Version(version) < Version(each) for each in lowest)
    except InvalidVersion:
        return False
