"""Length control (Meta-Rewarding, 2407.19594): the shortest of the best, and the longest of the worst."""

from __future__ import annotations

from rlaif.settings import setting
from rlaif.workflows.recipe.filters.rule import COMPLETIONS, FilterRule, Given, Reasons, by_prompt


def drops(given: Given, rho: float) -> Reasons:
    """Keep two completions of a prompt, by their scores S and lengths in characters.

    The one to choose is the shortest with S in [(1-rho) S_max + rho S_min, S_max], the one to reject the longest with S
    in [S_min, (1-rho) S_min + rho S_max]. With rho 0 these are the best and the worst. What has no score is left out,
    and a prompt with fewer than two scores, or with equal ones, has no such two.
    """
    found: dict[int, str] = {}
    for places in by_prompt(given.items).values():
        scores: dict[int, float] = {}
        for place in places:
            scored = given.scored.get(given.items[place].ids[0])
            if scored is None or scored.score is None:
                found[place] = "has no score"
            else:
                scores[place] = scored.score
        if len(scores) < 2 or min(scores.values()) == max(scores.values()):
            found |= dict.fromkeys(scores, "no two completions of its prompt have different scores")
            continue
        kept = _two(scores, {place: len(given.items[place].answers[0]) for place in scores}, rho)
        told = f"neither the shortest of the best nor the longest of the worst of its prompt (rho {rho:g})"
        if not kept:
            told = f"the longest of the worst is no worse than the shortest of the best (rho {rho:g})"
        found |= {place: told for place in scores if place not in kept}
    return found


def _two(scores: dict[int, float], lengths: dict[int, int], rho: float) -> tuple[int, ...]:
    """The two; none where the tiers overlap, as beyond a rho of one half, and the pick has the worse one first."""
    low, high = min(scores.values()), max(scores.values())
    best = [place for place, score in scores.items() if score >= high - rho * (high - low)]
    worst = [place for place, score in scores.items() if score <= low + rho * (high - low)]
    # of equally long ones the better, and the worse
    chosen = min(best, key=lambda place: (lengths[place], -scores[place], place))
    rejected = max(worst, key=lambda place: (lengths[place], -scores[place], -place))
    return (chosen, rejected) if scores[chosen] > scores[rejected] else ()


RULE = FilterRule(
    name="length",
    says="completions that length control does not pick",
    type=float | None,
    setting=setting(
        None,
        help="Keep the shortest of a prompt's best completions and the longest of its worst: the rho of 2407.19594.",
        least=0,
        most=1,
        wanted="rho: a number from 0 (best and worst, whatever their lengths) to 1",
    ),
    drops=drops,
    turn=2,
    of=(COMPLETIONS,),
    judgments=True,
)
