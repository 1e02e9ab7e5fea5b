"""`rank`: a tournament of the completions of each prompt, O(N log N) comparisons, read by Bradley and Terry's model.

Rounds set players of near strength against each other. A comparison counts where both orders name the same side: a
judge that follows position gives no strength to anybody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rlaif.constitution import applies
from rlaif.hashing import derived_seed
from rlaif.judging.bradley_terry import rounds_of, strengths, swiss
from rlaif.judging.labels import CallReading
from rlaif.judging.protocol import Judge, One, Two
from rlaif.judging.protocols.kinds import Asking, Pointwise
from rlaif.judging.rules import side
from rlaif.judging.scales import ORDER, at_temperature
from rlaif.records import Completion, Judgment, Principle, Prompt, State

UNNAMED = ""
"""Stands for the principle that a judge does not name."""


@dataclass(slots=True)
class RankedGroup:
    """The completions of one prompt, and what is known of them so far."""

    prompt: Prompt
    players: list[Completion]
    games: dict[str, list[tuple[int, int, float]]] = field(default_factory=dict)
    """By principle."""
    failed: dict[tuple[int, str], Judgment] = field(default_factory=dict)
    """Of a player and principle, a comparison that says nothing."""
    calls: dict[tuple[int, str], list[str]] = field(default_factory=dict)
    met: dict[frozenset[int], int] = field(default_factory=dict)

    def standing(self, principles: Sequence[Principle]) -> list[int]:
        """The players, the strongest over all principles first."""
        weights = {each.id: each.weight for each in principles}
        total = [0.0] * len(self.players)
        for name, games in self.games.items():
            for player, strength in enumerate(strengths(len(self.players), games)):
                total[player] += weights.get(name, 1.0) * strength
        return sorted(range(len(total)), key=lambda player: -total[player])


def grouped(items: Sequence[One], seed: int) -> list[RankedGroup]:
    """The different completions of each prompt, in an order that derives from their ids."""
    prompts = {prompt.id: prompt for prompt, _ in items}
    texts: dict[str, dict[str, Completion]] = {}
    for prompt, completion in items:
        texts.setdefault(prompt.id, {})[completion.id] = completion
    return [
        RankedGroup(prompts[name], sorted(own.values(), key=lambda each: derived_seed(seed, "rank", each.id)))
        for name, own in texts.items()
    ]


def ask(judge: Judge, items: Sequence[One], principles: Sequence[Principle], how: Asking) -> list[Judgment]:
    """P(a completion beats one of middling strength), for each principle; every round is one batch of all prompts."""
    groups = grouped(items, how.seed)
    for number in range(max((rounds_of(len(each.players)) for each in groups), default=0)):
        playing = [each for each in groups if number < rounds_of(len(each.players))]
        draws = [(each, swiss(each.standing(principles), each.met)) for each in playing]
        asked: list[Two] = [
            (group.prompt, group.players[one], group.players[other])
            for group, games in draws
            for one, other in games
        ]
        said: dict[tuple[str, ...], list[Judgment]] = {}
        for each in judge.compare(asked, principles):
            said.setdefault(each.completion_ids, []).append(each)
        for group, games in draws:
            for game in games:
                _play(group, game, said)
    return judgments("rank", judge, groups, principles, items)


def _play(
    group: RankedGroup, game: tuple[int, int], said: Mapping[tuple[str, ...], Sequence[Judgment]]
) -> None:
    one, other = (group.players[player].id for player in game)
    group.met[frozenset(game)] = group.met.get(frozenset(game), 0) + 1
    there = {each.principle_id or UNNAMED: each for each in said.get((one, other), [])}
    back = {each.principle_id or UNNAMED: each for each in said.get((other, one), [])}
    for name in there:
        pair = (there[name], back.get(name))
        for player in game:
            calls = group.calls.setdefault((player, name), [])
            calls += [call for each in pair if each is not None for call in each.calls]
        record(group, name, game, *pair)


def record(
    group: RankedGroup, name: str, game: tuple[int, int], there: Judgment, back: Judgment | None
) -> None:
    """Count a game that both orders decide alike; keep why any other says nothing."""
    first, returned = _share(there), _share(back)
    second = None if returned is None else 1 - returned
    if first is None or second is None:
        lost = there if first is None else back
        for player in game:
            if lost is not None:
                group.failed[player, name] = lost
    elif side(first) * side(second) > 0 or side(first) == side(second) == 0:
        group.games.setdefault(name, []).append((*game, (first + second) / 2))


def _share(judgment: Judgment | None) -> float | None:
    if judgment is None:
        return None
    return 0.5 if judgment.state is State.TIE else judgment.value


def judgments(
    protocol: str,
    judge: Judge,
    groups: Sequence[RankedGroup],
    principles: Sequence[Principle],
    items: Sequence[One],
) -> list[Judgment]:
    """One judgment an item and principle, out of the games of its group."""
    found: dict[tuple[str, str], Judgment] = {}
    for group in groups:
        names = [each.id for each in principles if applies(each, group.prompt)]
        for name in [UNNAMED] if any(key[1] == UNNAMED for key in group.calls) else names:
            power = strengths(len(group.players), group.games.get(name, []))
            for player, completion in enumerate(group.players):
                reading = _reading(group, player, name, power[player])
                found[completion.id, name] = Judgment(
                    protocol=protocol,
                    judge=judge.fingerprint,
                    prompt_id=group.prompt.id,
                    completion_ids=(completion.id,),
                    principle_id=name or None,
                    state=reading.state,
                    value=reading.value,
                    calls=tuple(dict.fromkeys(group.calls.get((player, name), []))),
                    detail=reading.detail,
                )
    own = dict.fromkeys(completion.id for _, completion in items)
    return [each for name in own for key, each in found.items() if key[0] == name]


def _reading(group: RankedGroup, player: int, name: str, strength: float) -> CallReading:
    games = [each for each in group.games.get(name, []) if player in each[:2]]
    if games:
        return CallReading(
            State.SCORE, at_temperature(strength, 1.0), detail=f"{len(games)} comparisons count"
        )
    failed = group.failed.get((player, name))
    if failed is not None:
        return CallReading(failed.state if failed.value is None else State.TIE, detail=failed.detail)
    if (player, name) in group.calls:
        return CallReading(State.TIE, detail="both orders disagree in every comparison")
    return CallReading(State.ABSTAIN, detail="there is nothing to compare it with")


PROTOCOL = Pointwise(
    name="rank",
    says="a tournament of all completions of a prompt, N log N comparisons in both orders",
    ask=ask,
    templates=("compare",),
    labels=("compare",),
    scale=ORDER,
    decides=False,
)
