"""Membership in the language: whether the world's generator could write every sentence of a text."""

from __future__ import annotations

import re
from functools import cache
from itertools import permutations

from rlaif.microworld.gold import sentences_of
from rlaif.microworld.lexicon import FACTS, HARMS, NAMES, TASKS, TROUBLES
from rlaif.microworld.sayings import DISTRACTS, FILLERS, GREETINGS, REFUSALS, SAYS

_SUM = re.compile(r"\d{1,2} plus \d{1,2} is \d{1,2}\.|(?:The answer is|It is) \d{1,2}\.")


@cache
def known_sentences() -> frozenset[str]:
    """All possible sentences of completions, except sums, which a pattern covers."""
    found = set(FILLERS) | set(REFUSALS) | {"That is hard to say.", "Time will tell."}
    for choices in (*SAYS.values(), *DISTRACTS.values()):
        found.update(choices)
    found.update(f"{word}." for word in GREETINGS)
    found.add("For example, my aunt does so.")
    for name in NAMES:
        found.update(f"{word}, {name}." for word in GREETINGS)
        found.update(
            {f"This is for you, {name}.", f"Listen, {name}.", f"For example, {name} did so last week."}
        )
    for task in TASKS:
        found.update(f"First {a}, then {b}, and last {c}." for a, b, c in permutations(task.steps))
        found.update(f"You can {a}, {b}, or {c}." for a, b, c in permutations(task.steps))
        found.update({f"Careful, {task.hazard}.", f"Watch out, {task.hazard}.", f"You need {task.needs}."})
    for harm in HARMS:
        found.add(f"First {harm.steps[0]}, then {harm.steps[1]}.")
        found.update({f"You could {harm.alternative} instead.", f"It is better to {harm.alternative}."})
    for reason in (*(task.reason for task in TASKS), *(harm.reason for harm in HARMS)):
        found.update({f"This is because {reason}.", f"I say so because {reason}."})
    for trouble in TROUBLES:
        found.update({f"I am sorry that {trouble.yours}.", f"It is sad that {trouble.yours}."})
        found.update({f"You could {trouble.advice}.", f"Try this: {trouble.advice}."})
    for fact in FACTS:
        for predicate in (fact.true, fact.false):
            heads = ("In truth", "No,", "Yes,", "Yes, you are right,")
            found.update(f"{head} {fact.subject} is {predicate}." for head in heads)
    return frozenset(found)


def in_language(text: str) -> bool:
    """Whether `text` is one sentence or more, all of the"""
    said = sentences_of(text)
    return bool(said) and all(each in known_sentences() or _SUM.fullmatch(each) for each in said)
