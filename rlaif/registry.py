"""Things of one kind by name: ours from files of one package, others' from entry points, and those added in Python.

Everything that can be added from outside goes through one of these: a protocol, a recipe step, a train method, a
model kind, a judge kind, a reward, an exchange format. Whoever needs one asks its registry by name; nobody lists them.
"""

from __future__ import annotations

import importlib
import logging
import pkgutil
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import EntryPoint, EntryPoints, entry_points
from importlib.util import find_spec
from typing import Any, Generic, TypeVar, cast

from rlaif.errors import InputError, PluginError, RlaifError

T = TypeVar("T")
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Registry(Generic[T]):
    """All things of one kind. Names are read at once; what an entry point names is loaded when it is asked for."""

    noun: str
    """What one of them is called in messages: `protocol`."""
    group: str
    """The entry-point group in which other packages add theirs: `rlaif.protocols`."""
    kinds: tuple[type, ...]
    """The classes that one of them may be an instance of."""
    package: str = ""
    """A package of ours, each module of which may hold one (or a tuple of them) as `attribute`; no list names them."""
    attribute: str = ""
    module: str = ""
    """Where each has a folder: the module of that name in the sub-packages of `package` is read, and no other."""
    check: Callable[[T], None] | None = None
    """Raises InputError for a thing from outside that cannot work; called when it is added or loaded."""
    _added: dict[str, T] = field(default_factory=dict)
    _own: dict[str, T] = field(default_factory=dict)
    _broken: dict[str, str] = field(default_factory=dict)
    _read: tuple[Any, Mapping[str, EntryPoint]] | None = None
    """All entry points there were when those of `group` were picked, and these by name."""

    def __contains__(self, name: str) -> bool:
        """Whether there is one of this name; loads nothing of other packages."""
        return name in self._ours() or name in self._added or name in self._points()

    def add(self, thing: T) -> T:
        """Add one by its `name`, in this process. Raises InputError where one of ours or a package's has that name."""
        name = _name(thing)
        if name in self._ours() or name in self._points():
            raise InputError(f"{name!r} is a {self.noun} already; choose another name")
        if self.check is not None:
            self.check(thing)
        self._added[name] = thing
        return thing

    def added(self) -> list[T]:
        """Those that were added in this process, or loaded from another package."""
        return list(self._added.values())

    def names(self) -> list[str]:
        """Every name, in alphabetical order; loads nothing of other packages."""
        return sorted({*self._ours(), *self._points(), *self._added})

    def get(self, name: str) -> T:
        """The one of this name. Raises InputError naming those that there are, or saying why it cannot be loaded."""
        if (own := self._ours().get(name)) is not None:
            return own
        if (added := self._added.get(name)) is not None:
            return added
        if name in self._points():
            return self._loaded(name)
        raise InputError(f"{name!r} is no {self.noun}; known: {', '.join(self.names())}")

    def all(self) -> Mapping[str, T]:
        """Every one by its name, in alphabetical order; a package's that cannot be loaded is left out and logged."""
        found: dict[str, T] = {}
        for name in self.names():
            try:
                found[name] = self.get(name)
            except InputError as wrong:
                if self._broken.setdefault(name, str(wrong)):
                    _log.warning("%s", wrong)
        return found

    def from_outside(self) -> list[str]:
        """Names that are not ours: of other packages, or added in this process."""
        return [name for name in self.names() if name not in self._ours()]

    def is_of_process(self, name: str) -> bool:
        """Whether this process alone knows it: it was added in Python, and no package has it."""
        return name in self._added and name not in self._points()

    def is_from_outside(self, name: str) -> bool:
        """Whether it is of another package, or was added in this process."""
        return name not in self._ours() and (name in self._added or name in self._points())

    def described(self, name: str) -> str:
        """What a message calls one from outside: kind, name, and the package that has it."""
        point = self._points().get(name)
        return f"{self.noun} {name!r} of {'this process' if point is None else _package_of(point)}"

    @contextmanager
    def guarded(self, name: str) -> Iterator[None]:
        """Say of what a thing from outside raises in the block whose it is. What ours raises stays as it is.

        Raises PluginError with kind, name, package, exception and line; an error that is a RlaifError passes.
        """
        try:
            yield
        except (RlaifError, BrokenPipeError):
            raise
        except Exception as problem:
            if not self.is_from_outside(name):
                raise
            raise PluginError(raised(self.described(name), problem)) from problem

    def _ours(self) -> Mapping[str, T]:
        if not self._own and self.package:
            for name in self._modules():
                held = getattr(importlib.import_module(name), self.attribute, None)
                for each in held if isinstance(held, tuple) else () if held is None else (held,):
                    self._own[_name(each)] = each
        return self._own

    def _modules(self) -> list[str]:
        package = importlib.import_module(self.package)
        found = [each for each in pkgutil.iter_modules(package.__path__) if each.ispkg or not self.module]
        names = [f"{self.package}.{each.name}" for each in found]
        if not self.module:
            return names
        return [f"{each}.{self.module}" for each in names if find_spec(f"{each}.{self.module}")]

    def _points(self) -> Mapping[str, EntryPoint]:
        # a dry run asks tens of thousands of times, and there may be hundreds of packages
        if self._read is None or self._read[0] is not _all_installed():
            self._read = (_all_installed(), {each.name: each for each in _installed(self.group)})
        return {name: each for name, each in self._read[1].items() if name not in self._own}

    def _loaded(self, name: str) -> T:
        point = self._points()[name]
        thing = _load(point, self.noun)
        kinds = " or ".join(each.__name__ for each in self.kinds)
        if not isinstance(thing, self.kinds) or _name(thing) != name:
            of = _package_of(point)
            raise InputError(f"{self.noun} {name!r} of {of}: {point.value} must be a {kinds} of that name")
        found = cast(T, thing)
        if self.check is not None:
            self.check(found)
        self._added[name] = found
        return found


def raised(whose: str, problem: Exception) -> str:
    """One sentence on an exception: whose code raised it, what it says, and in which line."""
    told = f"{type(problem).__name__}: {problem}".removesuffix(": ")
    lines = traceback.extract_tb(problem.__traceback__)
    where = f" ({lines[-1].filename}:{lines[-1].lineno}, in {lines[-1].name})" if lines else ""
    noted = "".join(f", {each}" for each in getattr(problem, "__notes__", ()))
    return f"{whose} raised {told}{where}{noted}; mend it and run the same command again: finished calls are kept"


def installed(group: str, name: str, noun: str) -> Any:
    """What an installed package adds to `group` under `name`, for kinds whose things do not know their own name.

    Raises InputError naming those that there are, or the package whose thing cannot be loaded.
    """
    found = {each.name: each for each in _installed(group)}
    if name not in found:
        known = ", ".join(sorted(found)) or "none"
        raise InputError(f"{noun} {name!r} is not installed (entry points of group {group}; known: {known})")
    return _load(found[name], noun)


def _load(point: EntryPoint, noun: str) -> Any:
    try:
        return point.load()
    except Exception as problem:
        raise InputError(
            f"{noun} {point.name!r} of {_package_of(point)} cannot be loaded ({point.value}): {problem}; "
            "mend or uninstall that package"
        ) from problem


def _package_of(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else "a package"


@cache
def _all_installed() -> Any:
    # reading the metadata of every installed package takes tens of milliseconds: once for all groups
    return entry_points()


def _installed(group: str) -> EntryPoints:
    found: EntryPoints = _all_installed().select(group=group)
    return found


def _name(thing: Any) -> str:
    return str(thing.name)
