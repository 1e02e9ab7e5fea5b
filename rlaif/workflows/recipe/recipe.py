"""The nouns of a recipe: its models by role, its steps with their settings, and when it stops."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from rlaif.hashing import digest
from rlaif.settings import plain
from rlaif.workflows.models.role_options import NOTHING, RoleOptions

PREVIOUS, INITIAL = "previous", "initial"
"""Which stand of the policy is meant: the newest one that there was before, and the one that the run began with."""
EARLIER = "earlier"
"""The stand of the policy that the newest one before the round was trained from; before any training, the first one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRoles:
    """Model names by role. `previous` as a name is the newest policy; any other name freezes the role."""

    policy: str
    judge: str
    others: Mapping[str, str] = field(default_factory=dict)
    """Further roles, which steps name."""
    options: Mapping[str, RoleOptions] = field(default_factory=dict)
    """How the models of roles are asked, of those of which something is said."""

    def asked(self, role: str) -> RoleOptions:
        """How the model of a role is asked; stands of the policy are asked as the policy."""
        stand = role in (PREVIOUS, INITIAL) or (role == EARLIER and role not in self.others)
        return self.options.get("policy" if stand else role, NOTHING)

    def by_role(self) -> dict[str, str]:
        """All of them."""
        return {"policy": self.policy, "judge": self.judge, **self.others}

    def told(self) -> dict[str, dict[str, Any]]:
        """The options that are set, by role."""
        return {role: each.set_ones for role, each in sorted(self.options.items()) if each.set_ones}


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipeStep:
    """One step of a recipe's round."""

    step: str
    """Its name in the registry of steps."""
    settings: Any
    """An instance of that step's configuration class."""
    key: str
    """What the run calls it: its `as`, else the name of the step, with a number where there are several."""
    given: Mapping[str, Any] = field(default_factory=dict)
    """The settings that the recipe spells out, for people; no part of the digest."""
    named: Mapping[str, Any] = field(default_factory=dict)
    """What the recipe says beside the settings: `as`, which artefacts and which roles are meant, and `round`."""
    rounds: tuple[int, ...] | None = None
    """The rounds that it is part of; None: all."""
    where: str = ""
    """File and line, for messages; no part of the digest."""

    @property
    def is_default(self) -> bool:
        """Whether it is the only one of its kind, or the first, and unnamed: its files have plain names."""
        return self.key == self.step

    def config(self) -> dict[str, Any]:
        """All that decides what the step does, defaults filled in; what names nothing is not spelled out."""
        return {**settings_of(self), **self.named}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """When a run ends before its last round. Gold measures and never decides."""

    gold: Literal["never-used"] = "never-used"
    unreadable_share: float = 1.0
    """Above this share of unreadable judgments no training happens."""
    judge_drift: Literal["warn", "stop"] = "warn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A whole recipe, checked."""

    name: str
    models: ModelRoles
    constitution: str
    prompts: Mapping[str, str]
    rounds: int
    round: tuple[RecipeStep, ...]
    title: str = ""
    seed: int = 0
    stop: Stop = field(default_factory=Stop)
    source: str = ""
    """The file it came from; no part of the digest."""

    def config(self) -> dict[str, Any]:
        """All that decides what the recipe does, as plain values with defaults filled in."""
        return {
            "name": self.name,
            "models": self.models.by_role(),
            **({"options": told} if (told := self.models.told()) else {}),
            "constitution": self.constitution,
            "prompts": dict(self.prompts),
            "rounds": self.rounds,
            "round": tuple(each.config() for each in self.round),
            "seed": self.seed,
            "stop": asdict(self.stop),
        }

    @property
    def digest(self) -> str:
        """Digest of `config`."""
        return digest("recipe", self.config())


def settings_of(entry: RecipeStep) -> dict[str, Any]:
    """Name and settings of a step as plain values; a configuration with `as_dict` says itself what it is."""
    own = entry.settings
    return {"step": entry.step, **(own.as_dict() if hasattr(own, "as_dict") else plain(own))}


def all_rounds(recipe: Recipe, entry: RecipeStep) -> Sequence[int]:
    """The rounds, from 1, that a step is part of."""
    return range(1, recipe.rounds + 1) if entry.rounds is None else entry.rounds
