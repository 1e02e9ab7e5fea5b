"""What a loss cannot use is refused before anything is trained; which pairs are set apart."""

from __future__ import annotations

from collections.abc import Sequence

from rlaif.errors import RecipeError, ThresholdError
from rlaif.hashing import derived_seed
from rlaif.records import EVEN, Example, Pair
from rlaif.training.configs.dpo import DPOConfig
from rlaif.training.loss_names import LOSSES
from rlaif.training.tokens import TokenPair

SIDES = "sigmoid"
"""The loss whose very name says that labels are taken as sides."""


def check_labels(config: DPOConfig, pairs: Sequence[Pair]) -> None:
    """Raise RecipeError where labels are probabilities and a loss takes sides only, or a tie has none to take."""
    names = [each.name for each in config.mix]
    blind = [name for name in names if not (LOSSES[name].label or LOSSES[name].imitates or name == SIDES)]
    if config.labels == "hard" or any(not LOSSES[name].label for name in names):
        check_sides("dpo", pairs)
    if config.labels == "hard":
        return
    if all(LOSSES[name].imitates for name in names):
        blind = names
    unsure = sum(each.label_prob != 1.0 for each in pairs)
    if unsure and blind:
        hint = ", or mix it with a loss that reads them" if LOSSES[blind[0]].imitates else ""
        raise RecipeError(
            f"dpo: the loss {blind[0]!r} cannot use label_prob, which is below 1 for {unsure} of "
            f"{len(pairs)} pairs; set labels to hard to take chosen for better, or take the loss soft{hint}"
        )


def check_sides(method: str, pairs: Sequence[Pair]) -> None:
    """Raise RecipeError where sides are learned and a pair is a tie: which of its sides comes first says nothing."""
    ties = sum(each.label_prob == EVEN for each in pairs)
    if ties:
        raise RecipeError(
            f"{method}: {ties} of {len(pairs)} pairs are ties (label_prob .5), of which no side is the better one; "
            "take the loss soft, or leave them out: rlaif export --where 'label_prob > .5'"
        )


def check_pairs(config: DPOConfig, pairs: Sequence[TokenPair]) -> None:
    """Raise RecipeError where pairs lack what a loss reads."""
    for each in config.mix:
        if LOSSES[each.name].gap:
            lacking = sum(pair.score_gap is None or not pair.score_gap > 0 for pair in pairs)
            if lacking:
                raise RecipeError(
                    f"dpo: the loss {each.name!r} reads score_gap, which must be above 0; it is not for {lacking} of "
                    f"{len(pairs)} pairs; judge with a protocol that scores, or take the loss soft"
                )
    if any(each.name == "kto" for each in config.mix) and len(pairs) < 2:
        raise RecipeError(
            "dpo: the loss 'kto' needs two pairs or more: it sets prompts against others' answers"
        )


def check_replay(config: DPOConfig, replay: Sequence[Example]) -> None:
    """Raise RecipeError unless shares and examples belong together."""
    kinds = sorted({each.kind for each in replay})
    if unknown := sorted(set(config.replay) - set(kinds)):
        raise RecipeError(
            f"replay names {', '.join(map(repr, unknown))}; the examples given are of kinds: {kinds or 'none'}"
        )
    if unused := sorted(set(kinds) - set(config.replay)):
        raise RecipeError(
            f"examples of kinds {unused} are given, but replay says no share for them; add one, e.g. 0.2"
        )


def set_apart(pairs: Sequence[TokenPair], share: float, seed: int) -> tuple[list[TokenPair], list[TokenPair]]:
    """Pairs to train on and pairs to look at, by the prompt that they are about: no prompt is in both.

    Questions to a judge about one prompt go together, whatever the order of the answers and the principle. Raises
    ThresholdError where nothing would be left to train on.
    """
    owner = _owners(pairs)
    # a prompt's place in the order is that of its ids, or of the first of all that are asked about it
    first: dict[str, tuple[int, ...]] = {}
    for each in pairs:
        first[owner[each.prompt]] = min(each.prompt, first.get(owner[each.prompt], each.prompt))
    prompts = sorted(first, key=lambda name: (derived_seed(seed, "held out", *first[name]), first[name]))
    apart = set(prompts[: max(1, round(share * len(prompts)))]) if share else set()
    if pairs and len(apart) == len(prompts):
        raise ThresholdError(
            f"held_out {share:g} leaves none of {len(prompts)} prompts to train on; lower it"
        )
    return [each for each in pairs if owner[each.prompt] not in apart], [
        each for each in pairs if owner[each.prompt] in apart
    ]


def _owners(pairs: Sequence[TokenPair]) -> dict[tuple[int, ...], str]:
    """For each prompt's ids the name of what they go together with: equal ids, and ids about one prompt."""
    owner = {each.prompt: each.about or repr(each.prompt) for each in pairs}
    joined: dict[str, str] = {}
    for each in pairs:
        # two names for the same ids, as where a prompt was cut to what fits, are one
        one, other = (_root(joined, name) for name in (each.about or repr(each.prompt), owner[each.prompt]))
        joined[max(one, other)] = min(one, other)
    return {ids: _root(joined, name) for ids, name in owner.items()}


def _root(joined: dict[str, str], name: str) -> str:
    while joined.get(name, name) != name:
        name = joined[name]
    return name
