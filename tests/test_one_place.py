"""One thing, one place: no file outside its rooms tests the name of a thing that a registry holds.

A comparison, `in`, `startswith`, `removeprefix` or `case` with such a name is a second place that knows the thing:
what it wants to know belongs into a field or a function of the thing. To hold another registry to this, add a row.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from rlaif.engines.kinds import ENGINES
from rlaif.judging.kinds import JUDGES
from rlaif.judging.protocols import PROTOCOLS
from rlaif.registry import Registry
from rlaif.workflows.reward.serve.shapes import SHAPES
from rlaif.workflows.training.methods import METHODS
from tests.syntax import nodes_of

PACKAGE = Path(__file__).resolve().parents[1] / "rlaif"
ASKING = ("startswith", "endswith", "removeprefix", "removesuffix", "partition", "get")
"""Methods whose argument is compared with a text."""


def _with_colon(name: str) -> tuple[str, ...]:
    return (name, f"{name}:")


def _before_colon(name: str) -> tuple[str, ...]:
    return (f"{name}:",)


@dataclass(frozen=True)
class Held:
    """One registry, and where names of what it holds may be tested."""

    registry: Registry  # type: ignore[type-arg]
    rooms: tuple[str, ...]
    """Files and folders of the package, from its root."""
    spelled: Callable[[str], tuple[str, ...]] = lambda name: (name,)
    """How a name occurs in texts that programs compare."""
    homonyms: Mapping[str, str] = field(default_factory=dict)
    """Names that mean something else too, and what: of these only the other spellings are looked for."""


HELD = (
    Held(
        registry=ENGINES,
        rooms=("engines",),
        spelled=_with_colon,
        homonyms={
            "reward": "a train method, a protocol and the label of a reward model",
            "replay": "an option of training",
            "vllm": "a library",
        },
    ),
    Held(
        registry=PROTOCOLS,
        # the bundled models learn protocols as skills, by these names
        rooms=("judging", "microworld"),
        homonyms={
            "reward": "a train method, a model kind and the label of a reward model",
            "rank": "a pairing",
            "rules": "a key of files",
            "score": "a verb of engines",
            "steps": "a number of training steps",
        },
    ),
    Held(
        registry=JUDGES,
        rooms=("judging",),
        spelled=_before_colon,
    ),
    Held(
        registry=SHAPES,
        # a client knows the shape that it asks with
        rooms=("workflows/reward/serve/shapes", "workflows/reward/clients"),
    ),
    Held(
        registry=METHODS,
        rooms=("workflows/training/methods",),
        homonyms={
            "judge": "a command, a step, and who judges",
            "reward": "a protocol, a kind of engine and a role of the microworld",
        },
    ),
)


def compared(nodes: Iterable[ast.AST]) -> Iterator[tuple[int, str]]:
    """Line and text of every literal that is compared with something, or is a case of a `match`."""
    for node in nodes:
        match node:
            case ast.Compare():
                places = [node.left, *node.comparators]
            case ast.Call(func=ast.Attribute(attr=method)) if method in ASKING:
                places = list(node.args)
            case ast.MatchValue():
                places = [node.value]
            case _:
                continue
        for place in places:
            parts = place.elts if isinstance(place, ast.Tuple | ast.List | ast.Set) else [place]
            for each in parts:
                if isinstance(each, ast.Constant) and isinstance(each.value, str):
                    yield each.lineno, each.value


def strays(held: Held, root: Path = PACKAGE) -> list[str]:
    """Where a file outside the rooms tests a name of the registry: `file:line 'name'`."""
    wanted = {
        text for name in held.registry.names() for text in held.spelled(name) if text not in held.homonyms
    }
    found = []
    for path in sorted(root.rglob("*.py")):
        place = path.relative_to(root).as_posix()
        if any(place == room or place.startswith(f"{room}/") for room in held.rooms):
            continue
        for line, text in compared(nodes_of(path)):
            if text in wanted:
                found.append(f"{place}:{line} {text!r}")
    return found


@pytest.mark.parametrize("held", HELD, ids=lambda held: held.registry.noun)
def test_no_file_outside_its_rooms_tests_a_registered_name(held: Held) -> None:
    assert strays(held) == []


@pytest.mark.parametrize(
    "line",
    [
        'kind == "hf"',
        'kind in ("hf", "other")',
        'name.startswith("openai:")',
        'name.startswith(("openai:", "other:"))',
        'name.removeprefix("vllm:")',
        'match kind:\n    case "script":\n        pass',
    ],
)
def test_a_test_of_a_name_is_found_however_it_is_spelled(line: str, tmp_path: Path) -> None:
    (tmp_path / "elsewhere.py").write_text(line)
    (tmp_path / "engines").mkdir()
    (tmp_path / "engines" / "own.py").write_text(line)
    assert [each.partition(":")[0] for each in strays(HELD[0], tmp_path)] == ["elsewhere.py"]
