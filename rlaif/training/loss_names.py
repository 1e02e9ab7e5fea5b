"""Every preference loss by name, and what each can be told: facts for configs, messages and docs. Imports no torch.

The arithmetic is in `pair_losses.py`, a function of the same name each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from rlaif.errors import RecipeError


@dataclass(frozen=True, slots=True, kw_only=True)
class LossFacts:
    """One loss: what it reads of a pair, and which figures it takes."""

    says: str
    """One line for people."""
    beta: float | None = 0.1
    """Its usual `beta`; None where it has none."""
    options: Mapping[str, float] = field(default_factory=dict)
    """Name -> usual value of what it reads beside `beta`."""
    reference: bool = True
    """Whether it looks at the reference's log-probabilities."""
    label: bool = True
    """Whether it reads `label_prob`; one that does not takes sides only."""
    gap: bool = False
    """Whether it reads `score_gap`, which must then be above 0."""
    imitates: bool = False
    """Whether it looks at the chosen answer alone, and so has no side to take."""
    mean_rewards: bool = False
    """Whether its rewards are beta times the mean, not the sum, of the tokens' log-probabilities."""
    trl: str = ""
    """What TRL calls it; empty where TRL has none."""


LOSSES: Mapping[str, LossFacts] = {
    "soft": LossFacts(says="cross-entropy with the judge's probability"),
    "sigmoid": LossFacts(says="DPO with sides: chosen is better for certain", label=False, trl="sigmoid"),
    "cdpo": LossFacts(says="a share of the labels is taken to be flipped", options={"label_smoothing": 0.1}),
    "robust": LossFacts(
        says="unbiased where a known share of sides is flipped",
        options={"label_smoothing": 0.1},
        label=False,
        trl="robust",
    ),
    "ipo": LossFacts(says="squared distance of the mean log-ratios to 1/(2 beta)", trl="ipo"),
    "hinge": LossFacts(says="no pull beyond a margin of 1", trl="hinge"),
    "sigmoid_norm": LossFacts(says="length-normalised DPO", beta=5.0, trl="sigmoid_norm"),
    "ld": LossFacts(says="length-desensitised DPO", options={"ld_alpha": 0.5}, trl="sigmoid with ld_alpha"),
    "rdpo": LossFacts(says="longer winners pull less", options={"length_alpha": 0.01}),
    "simpo": LossFacts(
        says="mean log-probabilities and a target margin, no reference",
        beta=2.0,
        options={"gamma": 1.0},
        reference=False,
        mean_rewards=True,
        trl="simpo (CPOTrainer)",
    ),
    "orpo": LossFacts(
        says="imitation and beta times the log-odds ratio, no reference",
        reference=False,
        mean_rewards=True,
        trl="ORPOTrainer",
    ),
    "kto": LossFacts(
        says="each answer for itself, good or bad, against the policy's mean move from the reference",
        options={"desirable_weight": 1.0, "undesirable_weight": 1.0},
        trl="KTOTrainer",
    ),
    "odpo": LossFacts(
        says="a margin that grows with the judge's score gap", options={"offset": 1.0}, label=False, gap=True
    ),
    "dpop": LossFacts(says="a price for a falling chosen answer", options={"dpop_lambda": 5.0}),
    "apo_zero": LossFacts(says="chosen up, rejected down", trl="apo_zero"),
    "apo_down": LossFacts(says="both down, rejected more", trl="apo_down"),
    "sppo": LossFacts(says="squared distance to the win rate less one half", trl="sppo_hard"),
    "exo_pair": LossFacts(says="reverse KL to the label", options={"label_smoothing": 0.0}, trl="exo_pair"),
    "nca_pair": LossFacts(says="noise-contrastive alignment", trl="nca_pair"),
    "bco_pair": LossFacts(says="two classifications", trl="bco_pair"),
    "discopop": LossFacts(
        says="a blend of logistic and exponential", options={"discopop_tau": 0.05}, trl="discopop"
    ),
    "nll": LossFacts(
        says="imitation of the chosen answer, a mean over its tokens",
        beta=None,
        reference=False,
        label=False,
        imitates=True,
        trl="sft (TRL takes the mean over the batch's tokens)",
    ),
}
"""A new loss is a function in `pair_losses.py` and a line here."""

ALIASES = {
    "kto_pair": "kto",
    "hard": "sigmoid",
    "sppo_hard": "sppo",
    "sft": "nll",
    "dpo": "sigmoid",
    "dpo_norm": "sigmoid_norm",
}
_ELSEWHERE = {
    "aot": "it sorts over whole batches, so a pass of a part of one cannot know it; take soft or ipo",
    "wpo": "it is a weight for any loss: wpo: true (--wpo)",
    "rpo": "write it as a mix: sigmoid:1,nll:0.2",
    "cpo": "take simpo, or sigmoid:1,nll:1 with reference: none",
    "tr-dpo": "references do not move within a training; take a recipe's rounds with reference: previous",
}
_ELSEWHERE |= dict.fromkeys(("aot_pair", "aot_unpaired"), _ELSEWHERE["aot"])


class Weighted(NamedTuple):
    """A loss in a mix."""

    name: str
    weight: float


def parse_mix(text: str) -> tuple[Weighted, ...]:
    """`soft`, or `soft:0.8,nll:0.2`. Raises RecipeError naming the part and what is known."""
    mix = [_weighted(part.strip(), text) for part in text.split(",")]
    names = [each.name for each in mix]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise RecipeError(f"loss: {text!r} names {twice[0]} twice; add up its weights")
    return tuple(mix)


def known_losses() -> str:
    """All names, for messages."""
    return ", ".join(LOSSES)


def _weighted(part: str, text: str) -> Weighted:
    name, colon, number = (each.strip() for each in part.partition(":"))
    name = ALIASES.get(name, name)
    if name not in LOSSES:
        hint = f" {_ELSEWHERE[name]}." if name in _ELSEWHERE else ""
        raise RecipeError(
            f"loss: {text!r} names {name!r}, which is none of ours.{hint} Known: {known_losses()}"
        )
    try:
        weight = float(number) if colon else 1.0
    except ValueError:
        weight = 0.0
    if not 0 < weight < float("inf"):
        raise RecipeError(
            f"loss: the weight of {name!r} in {text!r} must be a number above 0, as in soft:0.8,nll:0.2"
        )
    return Weighted(name, weight)
