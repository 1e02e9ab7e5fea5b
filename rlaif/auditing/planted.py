"""Runs that nobody made, with faults that somebody planted: what an audit must find, and what it must not.

A run is drawn from a judge that applies eight principles well but not perfectly. Length, format, tone and words are
independent of the principles, so that a preference for them can only be a fault.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rlaif.auditing.evidence import (
    STATES,
    Evidence,
    PairLabels,
    PairwiseJudgments,
    PointwiseJudgments,
    Prompts,
    Rationale,
    Texts,
    Vote,
)
from rlaif.auditing.planted_texts import PlantedText, write_prompts, write_texts
from rlaif.hashing import derived_seed
from rlaif.records import State

if TYPE_CHECKING:
    import numpy as np

    from rlaif.auditing.evidence import Bools, Floats, Ints

PRINCIPLES = 8
DRAWS = 6
LOOK, LOOK_NOISE = 3.0, 1.5
"""Log-odds of a pointwise judge, and its noise."""
COMPARE, COMPARE_NOISE = 2.5, 0.8
TEMPERATURE = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """A fault to plant: settings of the draw by name. Nothing set is a clean run."""

    settings: Mapping[str, float] = field(default_factory=dict)

    def __getitem__(self, name: str) -> float:
        return float(self.settings.get(name, 0.0))


@dataclass(slots=True, kw_only=True)
class _Draw:
    """A run as it comes about."""

    random: np.random.Generator
    planted: Planted
    prompts: int
    texts: PlantedText
    prompt: Ints
    meets: Bools
    """(completions, principles) what is true."""


def planted_run(planted: Planted | None = None, *, prompts: int = 500, seed: int = 0) -> Evidence:
    """A run with this fault. `all_pairs` in the settings compares all pairs of four answers, else best with worst."""
    import numpy as np

    planted = planted or Planted()
    random = np.random.default_rng(derived_seed(seed, "planted run"))
    draws = 4 if planted["all_pairs"] else DRAWS
    prompt = np.repeat(np.arange(prompts), draws)
    meets = random.random((len(prompt), PRINCIPLES)) < 0.5
    texts = write_texts(random, len(prompt), draws, planted)
    drawn = _Draw(random=random, planted=planted, prompts=prompts, texts=texts, prompt=prompt, meets=meets)
    rated, pointwise_state = _look(drawn)
    one, other = _compared_pairs(rated, prompts, draws, every=bool(planted["all_pairs"]))
    forward, swapped = _compare(drawn, one, other, 1.0), _compare(drawn, one, other, -1.0)
    labels = _labels(drawn, rated, one, other, forward, swapped)
    said = _comparisons(drawn, one, other, forward, swapped)
    asked = write_prompts(random, prompts, planted["duplicate_prompts"])
    return Evidence(
        prompts=Prompts(
            ids=[f"prompt-{each}" for each in range(prompts)],
            texts=asked,
            tags=[(("how-to", "personal")[each % 2],) for each in range(prompts)],
        ),
        texts=Texts(
            ids=[f"completion-{each}" for each in range(len(prompt))],
            texts=texts.texts,
            prompt=prompt,
            policy=np.arange(len(prompt)) % 2,
            truncated=random.random(len(prompt)) < planted["truncated"],
        ),
        pointwise=_pointwise(drawn, rated, pointwise_state),
        pairwise=said,
        labels=labels,
        principles=[f"rule-{each}" for each in range(PRINCIPLES)],
        principle_texts=[f"Rule {each} of the house." for each in range(PRINCIPLES)],
        weights=np.ones(PRINCIPLES),
        policies=("mine", "theirs"),
        own=np.asarray([True, False]),
        **_further(drawn, labels, asked),
    )


def _look(drawn: _Draw) -> tuple[Floats, Bools]:
    """(completions, principles) P(yes), and where the judge refused."""
    import numpy as np

    random, planted = drawn.random, drawn.planted
    truth = np.where(drawn.meets, LOOK, -LOOK)
    odds = truth + random.normal(0, LOOK_NOISE, truth.shape)
    if planted["length_everywhere"]:
        odds = odds + planted["length_everywhere"] * drawn.texts.criteria["length"][:, None]
    if planted["prompt_decides"]:
        graded = random.normal(0, LOOK, (drawn.prompts, PRINCIPLES))[drawn.prompt]
        odds = np.where(random.random(truth.shape) < planted["prompt_decides"], graded, odds)
    p = 1 / (1 + np.exp(-odds))
    misread = random.random(len(p)) < planted["inverted_scores"]
    p = np.where(misread[:, None], 1 - p, p)
    shifted = round(planted["shifted_rows"] * len(p))
    if shifted:
        start = len(p) - shifted
        p[start:] = np.roll(p[start:], -1, axis=0)
    return p, random.random(p.shape) < planted["refused"]


def _compared_pairs(rated: Floats, prompts: int, draws: int, *, every: bool) -> tuple[Ints, Ints]:
    import numpy as np

    table = rated.mean(axis=1).reshape(prompts, draws)
    start = np.arange(prompts) * draws
    if not every:
        best, worst = start + table.argmax(axis=1), start + table.argmin(axis=1)
        return np.minimum(best, worst), np.maximum(best, worst)
    both = [(a, b) for a in range(draws) for b in range(a + 1, draws)]
    one = np.concatenate([start + a for a, _ in both])
    other = np.concatenate([start + b for _, b in both])
    return one, other


def _compare(drawn: _Draw, one: Ints, other: Ints, order: float) -> Floats:
    """(pairs, principles) log-odds that `one` is better; `order` is 1 where it is shown first, else -1."""
    import numpy as np

    random, planted = drawn.random, drawn.planted
    apart = drawn.meets[one].astype(float) - drawn.meets[other]
    weight = np.ones(PRINCIPLES)
    weight[0] -= planted["ignored_principle"]
    odds = COMPARE * apart * weight + random.normal(0, COMPARE_NOISE, apart.shape)
    odds += order * planted["position"]
    odds += random.normal(0, 1, (len(one), 1)) * planted["coin"]
    if planted["cycles"]:
        # rock, paper, scissors: whoever stands one place further wins, and the last loses to the first
        near = np.where((other - one) % 3 == 1, 1.0, -1.0)
        odds = np.where(random.random((len(one), 1)) < planted["cycles"], 2.0 * near[:, None], odds)
    for name, values in drawn.texts.criteria.items():
        pull = planted[f"prefers_{name}"] + (planted["length_everywhere"] if name == "length" else 0.0)
        odds += pull * (values[one] - values[other])[:, None]
    own = (np.arange(len(drawn.prompt)) % 2 == 0).astype(float)
    return np.asarray(odds + planted["self_preference"] * (own[one] - own[other])[:, None])


def _labels(
    drawn: _Draw, rated: Floats, one: Ints, other: Ints, forward: Floats, swapped: Floats
) -> PairLabels:
    """Decisions of both orders; orders that disagree and comparisons against the scores make no pair."""
    import numpy as np

    ahead, behind = forward.mean(axis=1), swapped.mean(axis=1)
    both = (ahead + behind) / 2
    gap = rated[one].mean(axis=1) - rated[other].mean(axis=1)
    kept = (np.sign(ahead) == np.sign(behind)) & (np.sign(gap) == np.sign(both))
    one, other, both, gap = one[kept], other[kept], both[kept], gap[kept]
    flipped = drawn.random.random(len(one)) < drawn.planted["flipped_labels"]
    first = (both > 0) != flipped
    p = 1 / (1 + np.exp(-np.abs(both) * PRINCIPLES / TEMPERATURE))
    scores = rated.mean(axis=1) * np.where(
        drawn.random.random(len(rated)) < drawn.planted["scores_opposed"], -1.0, 1.0
    )
    chosen, rejected = np.where(first, one, other), np.where(first, other, one)
    return PairLabels(
        ids=[f"pair-{each}" for each in range(len(one))],
        chosen=chosen,
        rejected=rejected,
        probability=p,
        chosen_score=scores[chosen],
        rejected_score=scores[rejected],
        decided=np.where(flipped, 1 - p, p),
        round=np.ones(len(one), dtype=int),
    )


def _pointwise(drawn: _Draw, rated: Floats, refused: Bools) -> PointwiseJudgments:
    import numpy as np

    count = len(rated)
    state = np.where(refused.ravel(), STATES.index(State.JUDGE_REFUSED), STATES.index(State.SCORE))
    return PointwiseJudgments(
        completion=np.repeat(np.arange(count), PRINCIPLES),
        principle=np.tile(np.arange(PRINCIPLES), count),
        state=state,
        value=np.where(refused.ravel(), np.nan, rated.ravel()),
    )


def _comparisons(drawn: _Draw, one: Ints, other: Ints, forward: Floats, swapped: Floats) -> PairwiseJudgments:
    import numpy as np

    count = len(one) * PRINCIPLES
    first = np.concatenate([np.repeat(one, PRINCIPLES), np.repeat(other, PRINCIPLES)])
    second = np.concatenate([np.repeat(other, PRINCIPLES), np.repeat(one, PRINCIPLES)])
    odds = np.concatenate([forward.ravel(), -swapped.ravel()])
    silent = drawn.random.random(2 * count) < drawn.planted["unreadable"]
    return PairwiseJudgments(
        first=first,
        second=second,
        principle=np.tile(np.arange(PRINCIPLES), 2 * len(one)),
        state=np.where(silent, STATES.index(State.UNREADABLE), STATES.index(State.PREFERENCE)),
        value=np.where(silent, np.nan, 1 / (1 + np.exp(-odds))),
    )


def _further(drawn: _Draw, labels: PairLabels, asked: Sequence[str]) -> dict[str, Any]:
    """Votes of people, prose, second askings and an evaluation set."""
    random, planted = drawn.random, drawn.planted
    count = len(labels.ids)
    wrong = 0.08 + planted["people_disagree"]
    votes = [Vote(pair=pair, agrees=bool(random.random() > wrong), by="a") for pair in range(count)]
    rationales = []
    for pair in range(count):
        first = bool(random.random() < 0.5)
        says = first != bool(random.random() < 0.01 + planted["rationale_contradicts"])
        text = f"Response {'A' if says else 'B'} follows the rule. Response {'B' if says else 'A'} fails it."
        rationales.append(Rationale(prompt=int(drawn.prompt[labels.chosen[pair]]), text=text, first=first))
    again = []
    for prompt in range(drawn.prompts):
        p = float(random.random())
        moved = random.random() < 0.02 + planted["not_repeatable"]
        again.append((prompt, p, 1 - p if moved else p))
    leaked = [text for text in asked if random.random() < planted["contaminated"]]
    return {
        "votes": votes,
        "rationales": rationales,
        "repeats": again,
        "evaluation_prompts": [*write_prompts(random, 200, 0.0), *leaked],
    }
