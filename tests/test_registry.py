"""Registries: names of ours, of other packages, of Python; what cannot be loaded is said, and breaks nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import EntryPoint, EntryPoints

import pytest

from rlaif import registry as module
from rlaif.errors import InputError
from rlaif.registry import Registry


@dataclass(frozen=True)
class Thing:
    name: str


THERE = Thing("there")


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Registry[Thing]:
    points = EntryPoints(
        [
            EntryPoint("there", f"{__name__}:THERE", "rlaif.things"),
            EntryPoint("broken", "nobody.has.this:X", "rlaif.things"),
            EntryPoint("other", f"{__name__}:THERE", "rlaif.things"),
        ]
    )
    monkeypatch.setattr(module, "_all_installed", lambda: points)
    return Registry("thing", "rlaif.things", (Thing,))


def test_a_package_adds_one_by_its_entry_point(installed: Registry[Thing]) -> None:
    assert installed.get("there") is THERE


def test_one_that_cannot_be_loaded_is_refused_by_name_and_left_out_of_the_rest(
    installed: Registry[Thing],
) -> None:
    with pytest.raises(InputError, match="'broken' of a package cannot be loaded"):
        installed.get("broken")
    assert list(installed.all()) == ["there"]


def test_an_entry_points_name_is_that_of_what_it_names(installed: Registry[Thing]) -> None:
    with pytest.raises(InputError, match="must be a Thing of that name"):
        installed.get("other")


def test_nobody_takes_a_name_that_is_taken(installed: Registry[Thing]) -> None:
    with pytest.raises(InputError, match="is a thing already"):
        installed.add(Thing("there"))
    mine = installed.add(Thing("mine"))
    assert installed.get("mine") is mine
    assert installed.from_outside() == ["broken", "mine", "other", "there"]


def test_an_unknown_name_is_answered_with_the_known_ones(installed: Registry[Thing]) -> None:
    with pytest.raises(InputError, match="'nothing' is no thing; known: broken, other, there"):
        installed.get("nothing")


def test_files_of_a_package_hold_ours() -> None:
    from rlaif.judging.protocols.kinds import Pairwise, Pointwise

    kinds = (Pointwise, Pairwise)
    found: Registry[object] = Registry("protocol", "rlaif.none", kinds, "rlaif.judging.protocols", "PROTOCOL")
    assert {"compare", "checklist"} <= set(found.names())
    assert found.from_outside() == []
