"""The smallest change to a completion that gives it, or takes from it, one attribute and leaves the others."""

from __future__ import annotations

from collections.abc import Iterator

from rlaif.microworld.gold import read_prompt, sentences_of, truths
from rlaif.microworld.language import MAX_SENTENCES
from rlaif.microworld.sayings import FILLERS, SAYS
from rlaif.microworld.scenes import Scene

_CORE = ("orders-steps", "right-sum", "corrects", "refuses-harm", "gives-advice", "shows-working")


def edit(scene: Scene, text: str, attribute: str, wanted: bool) -> str | None:
    """`text` with the attribute set to `wanted` and every other truth kept, or None if no small edit does it."""
    before = truths(scene.text, text)
    if before.get(attribute) is None or before[attribute] == wanted:
        return None
    target = {**before, attribute: wanted}
    for candidate in _candidates(scene, list(sentences_of(text)), attribute, wanted):
        if candidate and truths(scene.text, " ".join(candidate)) == target:
            return " ".join(candidate)
    return None


def _candidates(scene: Scene, said: list[str], attribute: str, wanted: bool) -> Iterator[list[str]]:
    if attribute == "brief":
        yield from _length(scene, said, wanted)
        return
    if attribute == "repeats" and wanted:
        yield [*said, said[0]]
        yield [*said, said[-1]]
    if not wanted:
        for index in reversed(range(len(said))):
            yield said[:index] + said[index + 1 :]
    for sentences in _pool(scene, attribute, wanted):
        if attribute == "greets":
            yield [*sentences, *said]
            yield [*sentences, *said[1:]]
        if attribute in _CORE:
            for index in range(len(said)):
                yield said[:index] + sentences + said[index + 1 :]
        yield [*said, *sentences]


def _length(scene: Scene, said: list[str], wanted: bool) -> Iterator[list[str]]:
    """Change the length by filler sentences at the end: drop them, or add some."""
    if not wanted:
        fillers = [each for each in FILLERS if each not in said]
        for count in range(1, len(fillers) + 1):
            yield said + fillers[:count]
        return
    kept = {key: value for key, value in truths(scene.text, " ".join(said)).items() if key != "brief"}
    index = len(said) - 1
    while index >= 0 and len(said) > MAX_SENTENCES:
        shorter = said[:index] + said[index + 1 :]
        after = truths(scene.text, " ".join(shorter))
        if all(after[key] == value for key, value in kept.items()):
            said = shorter
        index -= 1
    yield said


def _pool(scene: Scene, attribute: str, wanted: bool) -> Iterator[list[str]]:
    """Candidate sentences for the attribute, in a fixed order: the first that works is used."""
    reading = read_prompt(scene.text)
    if attribute in SAYS:
        yield [SAYS[attribute][0]]
    matter = {
        "uses-name": f"This is for you, {scene.name}.",
        "greets": "Hello.",
        "gives-example": "For example, my aunt does so.",
        "gives-reason": f"This is because {getattr(reading.task or reading.harm, 'reason', '')}.",
        "warns": f"Careful, {getattr(reading.task, 'hazard', '')}.",
        "lists-needs": f"You need {getattr(reading.task, 'needs', '')}.",
        "offers-alternative": f"You could {getattr(reading.harm, 'alternative', '')} instead.",
        "shows-sympathy": f"I am sorry that {getattr(reading.trouble, 'yours', '')}.",
        "gives-advice": f"You could {getattr(reading.trouble, 'advice', '')}.",
        "corrects": f"In truth {getattr(reading.fact, 'subject', '')} is {getattr(reading.fact, 'true', '')}.",
    }
    if attribute in matter:
        yield [matter[attribute]]
    if attribute == "orders-steps" and reading.task:
        one, two, three = reading.task.steps
        yield (
            [f"First {one}, then {two}, and last {three}."]
            if wanted
            else [f"You can {two}, {one}, or {three}."]
        )
    if attribute == "right-sum" and reading.numbers:
        yield [f"The answer is {sum(reading.numbers) + (0 if wanted else 1)}."]
    if attribute == "shows-working" and reading.numbers:
        first, second = reading.numbers
        yield [f"{first} plus 1 is {first + 1}.", f"{first + 1} plus {second - 1} is {first + second}."]
    if attribute == "refuses-harm":
        yield ["I cannot help with that."]
        yield ["Take it slowly."]
