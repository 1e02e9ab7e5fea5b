"""Rubrics at work: criteria as principles of one prompt, and their readings as one number a completion. Pure.

    r = sum of weight x P(criterion is true) / sum of |weight|           (2507.17746; 2511.19399 with negative weights)

A criterion that could not be read stands in neither sum: it is no zero, which would be a pass of a fault and a fail of
a merit. Where siblings were read by different criteria, `comparable.levels` makes them comparable.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from math import fsum
from typing import Any

from rlaif.comparable import levels
from rlaif.judging.protocol import One
from rlaif.judging.rules import share_of
from rlaif.records import Judgment, Principle, Prompt, Rubric, State, rubric_digest

TAG = "rubric:"
"""Begins the tag that a prompt and the principles of its rubric share."""
MIN_READ = 0.5
"""Below this share of the weight that was read there is no number: the rest says too little of the whole."""
Criteria = Sequence[Principle]
Said = Mapping[tuple[str, str], Judgment]
"""What was said of a completion, by its id and the criterion's."""


def as_principles(rubrics: Iterable[Rubric]) -> list[Principle]:
    """The criteria of rubrics, each applying to the prompts of its rubric alone; equal rubrics once."""
    found = {each.digest: each for each in rubrics}
    return [
        Principle(id=each.id, text=each.text, weight=each.weight, hard=each.hard, applies_to=(TAG + name,))
        for name, rubric in found.items()
        for each in rubric.criteria
    ]


def under(prompt: Prompt, rubric: Rubric) -> Prompt:
    """The prompt with the tag of its rubric in the place of its own tags: its id stays the same."""
    return replace(prompt, tags=(TAG + rubric.digest,))


def criteria_by_prompt(prompts: Iterable[Prompt], principles: Criteria) -> dict[str, Criteria]:
    """The principles that apply to each prompt, by its id. Told by tags at once, as there may be many rubrics."""
    by_tag: dict[str, list[int]] = {}
    always = [place for place, each in enumerate(principles) if not each.applies_to]
    for place, each in enumerate(principles):
        for tag in each.applies_to:
            by_tag.setdefault(tag, []).append(place)
    found: dict[str, Criteria] = {}
    for prompt in prompts:
        own = {place for tag in prompt.tags for place in by_tag.get(tag, ())}
        places = sorted({*always, *own}) if prompt.tags else range(len(principles))
        found[prompt.id] = [principles[place] for place in places]
    return found


def digest_of(criteria: Criteria) -> str:
    """The digest of the rubric that these criteria are."""
    return rubric_digest((each.id, each.text, each.weight, each.hard) for each in criteria)


def summed(
    protocol: str, judge: str, items: Sequence[One], criteria: Mapping[str, Criteria], said: Said
) -> list[Judgment]:
    """One judgment an item: its number by the rubric of its prompt, with the reading of each criterion.

    Args:
        protocol: What the judgments say as their protocol.
        judge: Fingerprint of who was asked.
        items: Prompts with a completion each; all completions of a prompt are read together.
        criteria: Of each prompt, by its id.
        said: What was said of each completion and criterion; a missing one failed.

    Returns:
        Judgments of the completions as wholes, in the order of the items; a number from -1 to 1.
    """
    siblings: dict[str, list[str]] = {}
    for prompt, completion in items:
        siblings.setdefault(prompt.id, []).append(completion.id)
    numbers: dict[str, float] = {}
    for prompt_id, names in siblings.items():
        own = criteria[prompt_id]
        read = {name: _shares(own, name, said) for name in names}
        numbers |= rewards(read, own, {name: _silent(own, name, said) for name in names})
    return [
        _whole(protocol, judge, prompt, completion.id, criteria[prompt.id], said, numbers.get(completion.id))
        for prompt, completion in items
    ]


def rewards(
    read: Mapping[str, Mapping[str, float]],
    criteria: Criteria,
    silent: Mapping[str, Collection[str]] | None = None,
) -> dict[str, float]:
    """r of each completion of a prompt, from P(true) of the criteria that were read of it.

    One of which less than half of the weight was read has none; `silent` names criteria from which the judge abstained:
    they are no failures. Where all were read alike, and of a completion by
    itself, it is the weighted mean above.
    """
    # a fault that is absent counts as a merit: the same differences, and weights that are all above 0
    weights = {each.id: abs(each.weight) for each in criteria if each.weight}
    faults = {each.id for each in criteria if each.weight < 0}
    wanted = {
        name: fsum(weight for each, weight in weights.items() if each not in (silent or {}).get(name, ()))
        for name in read
    }
    cells = {
        name: {each: 1 - p if each in faults else p for each, p in own.items() if each in weights}
        for name, own in read.items()
    }
    enough = {
        name: own
        for name, own in cells.items()
        if own and fsum(weights[each] for each in own) >= MIN_READ * wanted[name]
    }
    met = levels(enough, weights)
    asked = {each for name in met for each in enough[name]}
    total = fsum(weights[each] for each in asked)
    absent = fsum(weights[each] for each in asked & faults)
    return {name: min(1.0, max(-1.0, mean - absent / total)) for name, mean in met.items()}


def broken(judgment: Judgment | None) -> list[str]:
    """Ids of the hard criteria that a judgment by a rubric says are failed."""
    rows = () if judgment is None else judgment.criteria
    return [str(each["id"]) for each in rows if each.get("hard") and fails(each)]


def unread_hard(judgment: Judgment | None) -> list[Mapping[str, Any]]:
    """The rows of hard criteria that could not be read; one from which the judge abstained says nothing."""
    rows = () if judgment is None else judgment.criteria
    return [
        each for each in rows if each.get("hard") and "p" not in each and each["state"] != State.ABSTAIN.value
    ]


def fails(row: Mapping[str, Any]) -> bool:
    """Whether a completion fails the criterion of a row: a merit that is missing, or a fault that is there."""
    return "p" in row and (row["p"] >= 0.5 if row["weight"] < 0 else row["p"] < 0.5)


def _shares(criteria: Criteria, completion: str, said: Said) -> dict[str, float]:
    read = {each.id: said.get((completion, each.id)) for each in criteria}
    shares = {name: share_of(each) for name, each in read.items() if each is not None}
    return {name: share for name, share in shares.items() if share is not None}


def _silent(criteria: Criteria, completion: str, said: Said) -> set[str]:
    read = {each.id: said.get((completion, each.id)) for each in criteria}
    return {name for name, each in read.items() if each is not None and each.state is State.ABSTAIN}


def _whole(
    protocol: str,
    judge: str,
    prompt: Prompt,
    completion: str,
    criteria: Criteria,
    said: Said,
    number: float | None,
) -> Judgment:
    own = [(each, said.get((completion, each.id))) for each in criteria]
    lost = [each for _, each in own if each is None or share_of(each) is None]
    state, detail = State.SCORE, f"{len(lost)} of {len(own)} criteria could not be read" if lost else ""
    why = Counter(each.detail for each in lost if each is not None and each.detail).most_common(1)
    detail += "".join(f": {text}" for text, _ in why)
    if number is None:
        states = Counter(State.TRANSPORT if each is None else each.state for each in lost)
        state = max(
            (each for each in State if states[each]), key=lambda each: states[each], default=State.ABSTAIN
        )
        if state in (State.SCORE, State.PREFERENCE):
            state = State.UNREADABLE
    return Judgment(
        protocol=protocol,
        judge=judge,
        prompt_id=prompt.id,
        completion_ids=(completion,),
        principle_id=None,
        state=state,
        value=number,
        calls=tuple(dict.fromkeys(call for _, each in own if each is not None for call in each.calls)),
        detail=detail or ("" if own else "no criterion applies to this prompt"),
        criteria=tuple(_row(each, reading) for each, reading in own),
        rubric=digest_of(criteria),
    )


def _row(criterion: Principle, reading: Judgment | None) -> dict[str, Any]:
    share = None if reading is None else share_of(reading)
    row: dict[str, Any] = {"id": criterion.id, "weight": criterion.weight}
    if criterion.hard:
        row["hard"] = True
    row["state"] = (State.TRANSPORT if reading is None else reading.state).value
    return row if share is None else row | {"p": share}
