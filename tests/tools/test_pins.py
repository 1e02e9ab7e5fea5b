"""What is wrong with a lock is found, on small wrong ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from packaging.requirements import Requirement

Tool = Callable[[str], Any]
GOOD = "# why\n#\nb==2.1  # via rlaif\na==1.0  # via b\nHy_Phen.ated==3.0.post1  # via a, b\n"
PROJECT = {
    "project": {
        "dependencies": ["b>=2,<2.2"],
        "optional-dependencies": {"x": ["c[y]>=1"], "z": ["d"], "dev": ["rlaif[x,z]", "e==5"]},
    },
    "build-system": {"requires": ["builder>=1"]},
}


def roots(*lines: str) -> tuple[Requirement, ...]:
    return tuple(map(Requirement, lines))


def test_a_lock_is_read_by_names_as_the_index_compares_them(tool: Tool) -> None:
    pins = tool("pins")
    assert [(pin.name, pin.version, pin.via) for pin in pins.read_lock(GOOD)] == [
        ("b", "2.1", ("rlaif",)), ("a", "1.0", ("b",)), ("hy-phen-ated", "3.0.post1", ("a", "b")),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "line",
    [
        "a>=1.0  # via b", "a  # via b", "a==1.*  # via b", "a==1.0", "a==1.0  # via ", "a==1.0,<2  # via b",
        "torch==2.13.0+cpu  # via b", "a==1.0; python_version > '3'  # via b", "--extra-index-url x", "-f wheels",
        "-r other.txt", "a @ file:///a.whl", "-e .", "a==1.0 --hash=sha256:0  # via b", " a==1.0  # via b",
    ],
)  # fmt: skip
def test_a_line_that_is_no_pin_is_refused_with_its_number(tool: Tool, line: str) -> None:
    pins = tool("pins")
    with pytest.raises(pins.LockError, match=r"line 2: .*make lock"):
        pins.read_lock(f"z==1  # via rlaif\n{line}\n")


def test_a_package_that_is_pinned_twice_is_refused(tool: Tool) -> None:
    pins = tool("pins")
    with pytest.raises(pins.LockError, match="a-b is pinned twice"):
        pins.read_lock("a-b==1  # via rlaif\nA_B==1  # via rlaif\n")


def test_what_is_written_is_read_again(tool: Tool) -> None:
    pins = tool("pins")
    held = pins.read_lock(GOOD)
    assert set(pins.read_lock(pins.write_lock("two\n\nlines", held))) == set(held)


def test_an_extra_that_names_others_brings_theirs(tool: Tool) -> None:
    wanted = tool("pins").wanted(PROJECT, "dev")
    assert [str(each) for each in wanted] == ["b<2.2,>=2", "builder>=1", "c[y]>=1", "d", "e==5"]


def test_a_lock_that_agrees_has_no_disagreement(tool: Tool) -> None:
    pins = tool("pins")
    assert pins.disagreements(roots("b>=2,<2.2"), pins.read_lock(GOOD)) == []
    assert pins.disagreements(roots("b", 'a; python_version < "3"'), pins.read_lock(GOOD)) == []


@pytest.mark.parametrize(
    ("wanted", "lock", "said"),
    [
        (("b", "c"), GOOD, "c is wanted, but not in the lock"),
        (("b>=2.2",), GOOD, "b 2.1 is outside of >=2.2"),
        (("b<2.1",), GOOD, "b 2.1 is outside of <2.1"),
        (("b", "a"), GOOD, "a is wanted by rlaif, which its line does not say"),
        (("b",), GOOD + "q==1  # via rlaif\n", "q is in the lock, but nothing wants it"),
        (("b",), GOOD + "q==1  # via gone\n", "q is in the lock, but nothing wants it"),
        (("b",), GOOD + "q==1  # via r\nr==1  # via q\n", "r is in the lock, but nothing wants it"),
    ],
)
def test_each_disagreement_is_said(tool: Tool, wanted: Sequence[str], lock: str, said: str) -> None:
    pins = tool("pins")
    assert said in pins.disagreements(roots(*wanted), pins.read_lock(lock))


def test_what_is_wanted_is_followed_by_markers_and_extras(tool: Tool) -> None:
    needs = {
        "a": roots(
            "b; python_version >= '3'", "no; python_version < '3'", "c; extra == 'x'", "d; extra == 'y'"
        ),
        "c": roots("A"),
        "b": roots("a[y]"),
    }
    found = tool("pins").wants(roots("a[x]"), lambda name: needs.get(name, ()))
    assert found == {"a": ("b", "c", "rlaif"), "b": ("a",), "c": ("a",), "d": ("a",)}


def test_a_lock_that_lies_in_another_has_its_versions(tool: Tool) -> None:
    pins = tool("pins")
    whole = pins.read_lock(GOOD)
    assert pins.missing_from(whole[:2], whole) == []
    other = pins.read_lock("b==2.2  # via rlaif\nq==1  # via b\n")
    assert len(pins.missing_from(other, whole)) == 2


@pytest.mark.parametrize("line", ["b>=2,<2.2", "b==2.1", "b<2.2,>=2.0.1"])
def test_a_range_ends_right_behind_the_minor_that_is_locked(tool: Tool, line: str) -> None:
    pins = tool("pins")
    assert pins.open_ranges(roots(line), pins.read_lock(GOOD)) == []


@pytest.mark.parametrize(
    "line", ["b", "b>=2", "b<2.2", "b>=2,<3", "b>=2,<2.3", "b>=2,<2.1", "b>=2,<2.20", "b~=2.0"]
)
def test_another_range_is_said(tool: Tool, line: str) -> None:
    pins = tool("pins")
    assert pins.open_ranges(roots(line), pins.read_lock(GOOD))


def test_the_lowest_version_of_a_range(tool: Tool) -> None:
    pins = tool("pins")
    assert [pins.lowest(each) for each in roots("a>=1.2,<3", "b==4", "c", "d<5")] == ["1.2", "4", None, None]


def test_an_environment_that_is_as_locked_has_no_difference_and_a_local_part_is_none(tool: Tool) -> None:
    pins = tool("pins")
    here = {"B": "2.1+cpu", "a": "1.0", "hy_phen.ated": "3.0.post1", "rlaif": "0.1.0"}
    assert pins.differences(here, pins.read_lock(GOOD)) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"a": "1.1"}, "a: 1.1 is installed, 1.0 is locked"),
        ({"a": None}, "a: missing is installed, 1.0 is locked"),
        ({"more": "9"}, "more: 9 is installed, nothing is locked"),
    ],
)
def test_each_difference_of_an_environment_is_said(
    tool: Tool, change: dict[str, str | None], said: str
) -> None:
    pins = tool("pins")
    here = {"b": "2.1", "a": "1.0", "hy-phen-ated": "3.0.post1", **change}
    found = pins.differences({name: held for name, held in here.items() if held}, pins.read_lock(GOOD))
    assert found == [said]
