"""What a reward is: its components, each with who gives its number, and how they are put together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from rlaif.errors import RecipeError
from rlaif.judging.group_rewards.together import Together
from rlaif.judging.protocols import PROTOCOLS, Pairwise, Pointwise
from rlaif.settings import json_schema, setting

CIRCULAR, IN_A_CIRCLE = "circular", "compare"
"""The protocol of a part that compares neighbours in a circle, and the pairwise one by which it then asks."""
FEWEST_IN_A_CIRCLE = 3
"""Completions of a prompt that a circle needs: of two there is one comparison, and no circle."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardPartSpec:
    """One component of a reward."""

    judge: str | None = setting(
        None,
        help="A judge by its name, or a role of the recipe: micro, rules:limits.yaml, rbr:FILE, judge, previous.",
    )
    model: str | None = setting(None, help="A reward model: its directory, or the role that holds it.")
    function: str | None = setting(
        None, help="A Python function of (prompt, completion): module:name, or path/to/file.py:name."
    )
    name: str | None = setting(None, help="What figures call it [default: who gives its number].")
    protocol: str | None = setting(
        None,
        help="How the judge is asked: a pointwise protocol, rank, circular, or a pairwise one in a circle.",
        wanted="a protocol (checklist, score, rubric, rank, compare ...) or circular",
    )
    constitution: str | None = setting(
        None, help="A constitution of its own, a file or a name [default: that of the recipe]."
    )
    rubrics: Path | None = setting(None, help="A file of rubrics, one a prompt, in the place of principles.")
    dropout: float = setting(
        0.0,
        help="Leave out this share of the criteria that are not hard, others in each step.",
        least=0,
        below=1,
    )
    weight: float = setting(1.0, help="What its number counts in a sum; 0: it is only recorded.")
    hard: bool = setting(
        False, help="It is a condition: whoever is below `at_least` has the floor as reward."
    )
    at_least: float | None = setting(
        None, help="Of a hard part: the number from which on its condition is met."
    )
    normalise: Literal["none", "group", "batch"] = setting(
        "none",
        help="Standardise its numbers over each group, or over the step, before they are put together.",
    )
    regress_length: bool = setting(
        False,
        help="Take off what its number owes to the number of words: the slope is fitted anew in each step.",
    )
    rare: bool = setting(
        False,
        help="Few completions have another number than the rest at first, as where few answers are right: a probe that "
        "finds none warns, and does not refuse the reward.",
    )
    samples: int | None = setting(
        None, help="Texts a question, where the protocol takes a vote of several.", least=1
    )
    ask_again: int | None = setting(
        None, help="How often an unreadable text is asked for once more.", least=0
    )
    parts: RewardSpec | None = None
    """Several rewards in the place of one: an ensemble."""

    @property
    def source(self) -> str:
        """Who gives its number, as the recipe spells it; empty for an ensemble."""
        return self.judge or self.model or self.function or ""

    @property
    def compares(self) -> str | None:
        """The pairwise protocol by which it compares in a circle; None for a part that does not."""
        if self.protocol == CIRCULAR:
            return IN_A_CIRCLE
        found = self._known
        return found.name if isinstance(found, Pairwise) else None

    @property
    def asks_rubrics(self) -> bool:
        """Whether its protocol asks the criteria of rubrics."""
        found = self._known
        return isinstance(found, Pointwise) and found.by_rubrics

    @property
    def needs_siblings(self) -> bool:
        """Whether its numbers mean something among the completions of one prompt only."""
        found = self._known
        return self.compares is not None or (isinstance(found, Pointwise) and not found.decides)

    @property
    def _known(self) -> Pointwise | Pairwise | None:
        name = self.protocol
        return PROTOCOLS.get(name) if name is not None and name in PROTOCOLS else None


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardSpec:
    """All components of a reward, and how they are put together."""

    parts: tuple[RewardPartSpec, ...]
    together: Together = "sum"
    penalty: float = 0.5
    """Of the variance, of `mean-variance`."""
    floor: float | None = None
    """The reward of whoever fails a hard part; None: below all that the others can get."""

    @property
    def leaves(self) -> tuple[RewardPartSpec, ...]:
        """All parts that ask somebody, those of ensembles too."""
        return tuple(
            leaf for each in self.parts for leaf in (each.parts.leaves if each.parts is not None else (each,))
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Names of judges and models, as the recipe spells them: roles, or names of models and judges."""
        return tuple(
            dict.fromkeys(
                each.source for each in self.leaves if each.judge is not None or each.model is not None
            )
        )

    @property
    def protocols(self) -> tuple[str, ...]:
        """The protocols by which judges are asked."""
        named = (each.compares or each.protocol for each in self.leaves)
        return tuple(dict.fromkeys(each for each in named if each is not None))

    @property
    def additive(self) -> bool:
        """Whether it is a sum without conditions: its components may then be standardised each by itself (GDPO)."""
        return self.together == "sum" and not any(each.hard for each in self.parts)

    def check_group(self, group: int, where: str) -> None:
        """Raise RecipeError where a part cannot judge groups of so many completions."""
        for each in self.leaves:
            if each.compares is not None and group < FEWEST_IN_A_CIRCLE:
                raise RecipeError(
                    f"{where}: reward part {label_of(each)!r} compares the completions of a prompt in a circle, which "
                    f"needs {FEWEST_IN_A_CIRCLE} or more; draw more per prompt, or judge each by itself: protocol "
                    "checklist"
                )
            if group < 2 and each.needs_siblings:
                raise RecipeError(
                    f"{where}: reward part {label_of(each)!r} orders the completions of a prompt ({each.protocol}), "
                    "and there is one; draw more per prompt, or judge each by itself: protocol checklist"
                )
            if group < 2 and each.normalise == "group":
                raise RecipeError(
                    f"{where}: reward part {label_of(each)!r} is standardised over its group of one; say "
                    "normalise: batch"
                )


def label_of(part: RewardPartSpec) -> str:
    """What figures and messages call a part."""
    if part.name is not None:
        return part.name
    if part.parts is not None:
        return "+".join(label_of(each) for each in part.parts.parts)
    return part.source if part.protocol is None else f"{part.source} ({part.protocol})"


def reward_schema() -> dict[str, Any]:
    """The JSON Schema of a reward: a list of parts, or a mapping that says how they are put together."""
    inner = _whole_schema(_part_schema(json_schema(RewardPartSpec)["properties"]))
    own = json_schema(RewardPartSpec)["properties"]
    part = _part_schema(own | {name: each for name, each in inner["properties"].items() if name != "floor"})
    both = {"type": ["array", "object"], "items": part, "minItems": 1}
    return _whole_schema(part) | both | {"description": "a list of one or more parts, `- judge: NAME`"}


def _part_schema(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "properties": dict(properties)}


def _whole_schema(part: Mapping[str, Any]) -> dict[str, Any]:
    words = ", ".join(get_args(Together))
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "parts": {
                "type": "array",
                "minItems": 1,
                "items": part,
                "description": "a list of one or more parts",
            },
            "together": {
                "type": "string",
                "enum": list(get_args(Together)),
                "description": f"one of {words}",
            },
            "penalty": {"type": "number", "minimum": 0, "description": "a number, 0 or above"},
            "floor": {"type": "number", "description": "a number below all rewards that pass the hard parts"},
        },
    }
