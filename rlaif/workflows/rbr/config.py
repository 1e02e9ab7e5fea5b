"""What the commands about rule-based rewards are told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rlaif.errors import InputError
from rlaif.settings import Setting, setting
from rlaif.workflows.configs import RUN, ModelOptions
from rlaif.workflows.models.role_options import RoleOptions, role_setting
from rlaif.workflows.registered_names import judge_names

Order = tuple[tuple[str, ...], ...]
RULES = "A constitution with `behaviors`, or OpenAI's rules."


def parse_order(text: str) -> tuple[str, Order]:
    """`comply=best > good, also good > bad`: a kind and its classes, those with a comma between them alike."""
    kind, equals, order = text.partition("=")
    tiers = tuple(tuple(name.strip() for name in tier.split(",")) for tier in order.split(">"))
    names = [name for tier in tiers for name in tier]
    if not equals or not kind.strip() or not all(names) or len(set(names)) < len(names) or len(tiers) < 2:
        raise InputError(f"--order {text!r}: write KIND=best > good > bad, each class once, the best first")
    return kind.strip(), tiers


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleOptions(ModelOptions):
    """What every step of rules can be told."""

    judge: str | None = setting(
        None, help="Judge of the propositions: the name of a model, or `gold:`.", known=judge_names
    )
    judge_options: RoleOptions | None = role_setting("judge", judges=True)
    kind: str | None = setting(
        None,
        help="Kind of answer that every prompt calls for [default: the prompt's tag that names one].",
    )
    seed: int = setting(0, help="Seed of all random numbers.", group=RUN)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassifyConfig(RuleOptions):
    """Place each answer in the one class that it belongs to."""

    files: tuple[Path, ...] = setting(help="Files of answers.")
    rules: str = setting(help=RULES)
    out: Path | None = setting(None, help="Write each answer with its class to this file.")
    max_unplaced: float = setting(
        0.0,
        help="Exit 3 when a larger share of the answers is not in exactly one class.",
        least=0,
        most=1,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RbrFitConfig(RuleOptions):
    """Fit weights and write them."""

    files: tuple[Path, ...] = setting(help="Files of answers.")
    out: Path = setting(help="Write the weights to this JSON file.")
    rules: str | None = setting(None, help=RULES)
    base: str | None = setting(None, help="Reward model that the rules are added to: reward:DIR.")
    features: tuple[Path, ...] = setting(
        (),
        help="Released proposition features; FILES are then released answers, and neither rules nor models are "
        "asked. Repeatable.",
        exists="path",
        repeated=True,
    )
    rewards: tuple[Path, ...] = setting(
        (), help="Released reward model scores. Repeatable.", exists="path", repeated=True
    )
    order: Mapping[str, Order] = setting(
        default_factory=dict,
        help="Order of the classes, best first; a comma separates classes that are not compared. Repeatable.",
        metavar="KIND=A>B,C>D",
        repeated=True,
        read=parse_order,
    )
    margin: float = setting(1.0, help="Margin of the hinge loss.", least=0)
    class_margin: Mapping[str, float] = setting(
        default_factory=dict,
        help="Margin for pairs whose better answer is in this class. Repeatable.",
        metavar="CLASS=NUMBER",
        values=Setting(help="", least=0),
    )
    learning_rate: float = setting(0.01, help="Learning rate of AdamW.", above=0)
    weight_decay: float = setting(0.05, help="Weight decay of AdamW.", least=0)
    steps: int = setting(1000, help="Full-batch steps.", least=1)
    held_out: float = setting(
        0.2,
        help="Share of the prompts that is held out (of the answers, where that is less than one prompt).",
        least=0,
        below=1,
    )
    min_in_order: float | None = setting(
        None, help="Exit 3 when a smaller share of the held-out pairs is in order.", least=0, most=1
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreConfig(RuleOptions):
    """Give each answer the reward of fitted weights."""

    source: Path = setting(help="Answers: a run, or a file of completions.")
    weights: Path = setting(help="Weights file of `rlaif rbr fit`.", exists="path")
    out: Path = setting(help="Write each answer with its reward to this file.")
    judge: str | None = setting(
        None, help="Judge of the propositions [default: the one of the fit].", known=judge_names
    )
    base: str | None = setting(None, help="Reward model [default: the one of the fit].")
