"""Which of two traits shows in an answer: games between traits, won by the one that does (2511.01689).

Two traits were offered and the model chose. Its answers over many offers say how strong each trait is: Elo, which is
400 / ln 10 for each unit of the log-strength of Bradley and Terry, around 1000.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from rlaif.judging.ask import Asked
from rlaif.judging.ask_protocol import ask_pointwise
from rlaif.judging.bradley_terry import strengths
from rlaif.judging.cot import read_verdict
from rlaif.judging.labels import AB, read_share
from rlaif.judging.model_judge import AGAIN, ModelJudge
from rlaif.judging.protocol import Judge
from rlaif.judging.protocols import Asking, Pointwise
from rlaif.records import Completion, Judgment, Principle, Prompt, State

MIDDLE, ELO = 1000.0, 400 / math.log(10)
INCONSISTENT = "inconsistent"
"""Why an answer is no game: the judge names another trait where the two change places."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedTraits:
    """An answer, and the two traits of which one was to show."""

    prompt: Prompt
    completion: Completion
    first: Principle
    second: Principle

    @property
    def swapped(self) -> OfferedTraits:
        """The same answer with the traits in the other order."""
        return replace(self, first=self.second, second=self.first)


@dataclass(frozen=True, slots=True, kw_only=True)
class TraitGames:
    """What the answers say of the traits."""

    games: list[tuple[str, str, float]]
    """Ids of the two traits, and P(the first one shows)."""
    lost: Mapping[str, int]
    """Answers that are no game, by reason: `inconsistent`, or the state of the judgment."""

    def elo(self, traits: Sequence[str]) -> dict[str, float]:
        """The strength of each trait that was in a game."""
        played = [each for each in traits if any(each in game[:2] for game in self.games)]
        place = {name: number for number, name in enumerate(played)}
        found = strengths(
            len(played), [(place[one], place[other], share) for one, other, share in self.games]
        )
        return {name: MIDDLE + ELO * found[number] for name, number in place.items()}


def by_choice(judge: ModelJudge, offers: Sequence[OfferedTraits]) -> TraitGames:
    """The judge is shown both traits, in both orders, and names the one that shows.

    P is the mean over both orders. Where the two orders name different traits it followed the place, and there is no
    game.
    """
    sides = [_named(judge, each) for each in (offers, [each.swapped for each in offers])]
    games, lost = [], Counter[str]()
    for offer, one, other in zip(offers, *sides, strict=True):
        if one.value is None or other.value is None:
            lost[(other if one.value is not None else one).state.value] += 1
        elif (one.value - 0.5) * (0.5 - other.value) < 0:
            lost[INCONSISTENT] += 1
        else:
            games.append((offer.first.id, offer.second.id, (one.value + 1 - other.value) / 2))
    return TraitGames(games=games, lost=dict(lost))


def by_each(judge: Judge, offers: Sequence[OfferedTraits], protocol: Pointwise, how: Asking) -> TraitGames:
    """The judge is asked of each trait by itself whether it shows: the odds that it is the first and not the second.

    Args:
        judge: Who is asked, by whatever `protocol` takes: a model, rules, gold.
        offers: Answers with their traits.
        protocol: A protocol that gives each principle P(it is followed).
        how: Seed, samples and further tries.

    Returns:
        The games. An answer of which one trait could not be read is none.
    """
    said: dict[tuple[str, str], Judgment] = {}
    traits = {each.id: each for offer in offers for each in (offer.first, offer.second)}
    for trait in traits.values():
        items = {
            offer.completion.id: (offer.prompt, offer.completion)
            for offer in offers
            if trait.id in (offer.first.id, offer.second.id)
        }
        for found in ask_pointwise(protocol, judge, list(items.values()), [trait], how):
            said[found.completion_ids[0], trait.id] = found
    games, lost = [], Counter[str]()
    for offer in offers:
        one, other = (said.get((offer.completion.id, each.id)) for each in (offer.first, offer.second))
        if one is None or other is None:
            lost[State.TRANSPORT.value] += 1
        elif one.value is None or other.value is None:
            lost[(other if one.value is not None else one).state.value] += 1
        else:
            games.append((offer.first.id, offer.second.id, _odds(one.value, other.value)))
    return TraitGames(games=games, lost=dict(lost))


def _odds(one: float, other: float) -> float:
    """P(the first of two shows and not the other), where one of them does."""
    first, second = one * (1 - other), other * (1 - one)
    return first / (first + second) if first + second > 0 else 0.5


def _named(judge: ModelJudge, offers: Sequence[OfferedTraits]) -> list[Judgment]:
    """P(the first trait is the one), as the judge says it of the traits in this order."""
    read = partial(read_share, AB, "A", State.PREFERENCE)
    if judge.in_writing:
        questions = _questions(judge, "trait-cot", offers)
        return judge.voted("trait", questions, read_verdict, judge.writing_verdicts(AGAIN))
    return judge.labelled("trait", _questions(judge, judge.before_label("trait"), offers), AB, read)


def _questions(judge: ModelJudge, template: str, offers: Sequence[OfferedTraits]) -> Iterator[Asked]:
    for place, each in enumerate(offers):
        traits = {"trait_a": each.first.text, "trait_b": each.second.text}
        asked = judge.asked(template, each.prompt, [each.completion], None, **traits)
        # one answer may be asked about by several pairs of traits
        yield asked._replace(principle_id=f"{place} {each.first.id} {each.second.id}")
