"""The graph of a recipe for `--dry-run`: steps, what flows between them, which models they ask, and how often."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from rlaif.workflows.dry_run.role_words import role_words
from rlaif.workflows.recipe.artefacts import Artefact
from rlaif.workflows.recipe.prepared import PreparedRecipe
from rlaif.workflows.recipe.registry import STEPS
from rlaif.workflows.recipe.task import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A step in a round."""

    name: str
    """`round-1/judge`."""
    round: int
    step: str
    settings: Mapping[str, Any]
    """Those that the recipe spells out."""
    takes: Sequence[Mapping[str, str]]
    """Kind and name of each artefact, and the step that makes it."""
    makes: Mapping[str, str] | None
    models: Mapping[str, str]
    """By the step's own keys."""
    moves: str | None
    """The role whose newest model it makes."""
    calls: int
    """Calls of models that it would make."""
    roles: Mapping[str, str] = field(default_factory=dict)
    """By the same keys, what the recipe calls the model, where that is not the usual role."""
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """By the same keys, how the model is asked, where something is said of that."""

    def as_dict(self) -> dict[str, Any]:
        """As JSON; roles and options only where there are any."""
        return {name: each for name, each in asdict(self).items() if each or name not in ("roles", "options")}


def graph(prepared: PreparedRecipe, calls: Mapping[str, int]) -> list[Node]:
    """Return every step of every round; `calls` are those that each would make, by its name."""
    return [_node(prepared, task, calls.get(task.name, 0)) for task in prepared.tasks]


def graph_lines(prepared: PreparedRecipe, nodes: Sequence[Node]) -> list[str]:
    """Return the graph for a terminal: rounds that are alike are shown once."""
    recipe, constitution = prepared.recipe, prepared.constitution
    roles = ", ".join(f"{role} {name}" for role, name in recipe.models.by_role().items())
    lines = [
        f"recipe {recipe.name} ({recipe.digest}), {recipe.rounds} round{'s' if recipe.rounds != 1 else ''}",
        roles,
    ]
    lines.append(f"constitution {constitution.name} {constitution.version} ({constitution.digest})")
    lines += [f"prompts {name}: {len(prompts)}" for name, prompts in prepared.prompts.items()]
    for numbers in _alike(nodes):
        own = [each for each in nodes if each.round == numbers[0]]
        lines += ["", _title(numbers)]
        wide = max(len(each.name.partition("/")[2]) for each in own)
        for node in own:
            calls = sum(each.calls for each in nodes if each.round in numbers and _key(each) == _key(node))
            lines += _lines(node, calls, wide)
    return [*lines, ""]


def _lines(node: Node, calls: int, wide: int) -> list[str]:
    takes = ", ".join(_shown(each) for each in node.takes)
    makes = _shown(node.makes) if node.makes is not None else "figures"
    asked = f"; {calls:,} calls" if calls else ""
    models = ", ".join(f"{key} {name}{_asked(node, key)}" for key, name in node.models.items())
    moves = f"; the newest {node.moves} from here on" if node.moves else ""
    settings = ", ".join(f"{key} {value}" for key, value in node.settings.items())
    pad = " " * (wide + 4)
    lines = [f"  {_key(node).ljust(wide)}  {takes} -> {makes}{asked}"]
    if models:
        lines.append(f"{pad}{models}{moves}")
    if settings:
        lines.append(f"{pad}{settings}")
    return lines


def _asked(node: Node, key: str) -> str:
    """What is unusual of a step's model, in brackets: its role, how it is asked."""
    role = f"role {node.roles[key]}" if key in node.roles else ""
    parts = [each for each in (role, role_words(node.options.get(key, {}))) if each]
    return f" ({': '.join(parts)})" if parts else ""


def _key(node: Node) -> str:
    return node.name.partition("/")[2]


def _shown(artefact: Mapping[str, str]) -> str:
    name = artefact["name"] or artefact["from"]
    return f"{artefact['kind']} ({name})" if name else artefact["kind"]


def _title(numbers: Sequence[int]) -> str:
    if len(numbers) == 1:
        return "before any feedback:" if numbers[0] == 0 else f"round {numbers[0]}:"
    return f"rounds {numbers[0]} to {numbers[-1]}, shown for round {numbers[0]}:"


def _alike(nodes: Sequence[Node]) -> list[list[int]]:
    """Return round numbers, those of neighbours with the same steps together."""
    groups: list[tuple[list[str], list[int]]] = []
    for number in dict.fromkeys(each.round for each in nodes):
        keys = [_key(each) for each in nodes if each.round == number]
        if groups and groups[-1][0] == keys:
            groups[-1][1].append(number)
        else:
            groups.append((keys, [number]))
    return [numbers for _, numbers in groups]


def _node(prepared: PreparedRecipe, task: Task, calls: int) -> Node:
    usual = STEPS.get(task.entry.step).roles
    asked = {key: prepared.recipe.models.asked(task.roles.get(key, key)).set_ones for key in task.models}
    return Node(
        name=task.name,
        round=task.round,
        step=task.entry.step,
        settings=dict(task.entry.given),
        takes=[_described(each) for each in task.takes],
        makes=None if task.makes is None else _described(task.makes),
        models=dict(task.models),
        moves=task.moves,
        calls=calls,
        roles={key: role for key, role in task.roles.items() if role != usual.get(key)},
        options={key: said for key, said in asked.items() if said},
    )


def _described(artefact: Artefact) -> dict[str, str]:
    return {"kind": artefact.kind, "name": artefact.name, "from": artefact.step, "path": artefact.path}
