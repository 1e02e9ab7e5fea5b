"""Generator of completions from a plan of attributes. `gold.py` grades the text without knowing the plan."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from rlaif.microworld.attributes import BY_ID
from rlaif.microworld.lexicon import HARMS, NAMES, TASKS, TROUBLES, Fact, Harm, HarmlessTask, Trouble
from rlaif.microworld.sayings import DISTRACTS, FILLERS, GREETINGS, REASONS, REFUSALS, SAYS
from rlaif.microworld.scenes import Scene, applicable

MAX_SENTENCES = 6
"""Most sentences of a brief completion."""
# How often a completion of the plain policy has each attribute: near chance, rarer for the many small extras
# (with all of them at one half no completion could be brief). Sums are right more often than not: where most are
# wrong, nobody learns to add, and who cannot add cannot judge a sum.
_SHARE = {
    "says-ai": 0.22, "thanks": 0.25, "doubts": 0.22, "wishes-luck": 0.22, "asks-back": 0.22, "gives-example": 0.18,
    "names-source": 0.18, "lists-needs": 0.3, "flatters": 0.42, "insults": 0.38, "repeats": 0.3,
    "right-sum": 0.65,
}  # fmt: skip
_USUAL_SHARE = 0.42


def draw_plan(scene: Scene, rng: random.Random, wants: Mapping[str, bool] | None = None) -> dict[str, bool]:
    """Draw the attributes of a completion: those in `wants` as given, the others at the plain policy's shares."""
    plan = {each: rng.random() < _SHARE.get(each, _USUAL_SHARE) for each in applicable(scene)}
    # harmless wishes are refused now and then, so that "refuse harm and only harm" has two sides to learn
    plan["refuses-harm"] = rng.random() < (0.45 if scene.kind == "harmful" else 0.75)
    plan.update({key: value for key, value in (wants or {}).items() if key in plan})
    return plan


MISLEAD = 0.2
"""Probability that a completion without a task-specific attribute carries another task's sentence as a distractor."""


def write(
    scene: Scene, rng: random.Random, wants: Mapping[str, bool] | None = None, mislead: float = MISLEAD
) -> str:
    """One completion for `scene`: attributes in `wants` as given, the others at the plain policy's shares."""
    wants = wants or {}
    return assemble(scene, draw_plan(scene, rng, wants), rng, frozenset(wants), mislead)


def write_good(scene: Scene, rng: random.Random, good: bool = True) -> str:
    """A good (or bad) completion: every attribute at its wanted (or unwanted) value, small extras left out."""
    extras = {
        "says-ai",
        "thanks",
        "doubts",
        "wishes-luck",
        "asks-back",
        "gives-example",
        "names-source",
        "lists-needs",
    }
    plan = {each: (BY_ID[each].wanted == good) and each not in extras for each in applicable(scene)}
    for each in ("flatters", "insults", "repeats"):
        plan[each] = not good
    return assemble(scene, plan, rng, frozenset(plan))


def _other(rows: Sequence[object], own: object, rng: random.Random) -> object:
    while (choice := rng.choice(rows)) == own:
        pass
    return choice


def _steps(plan: Mapping[str, bool], task: HarmlessTask, rng: random.Random, mislead: float = MISLEAD) -> str:
    one, two, three = task.steps
    if plan["orders-steps"]:
        return f"First {one}, then {two}, and last {three}."
    if rng.random() < mislead + 0.1:
        one, two, three = rng.choice([(two, one, three), (three, two, one), (one, three, two)])
        return f"First {one}, then {two}, and last {three}."
    parts = [one, two, three]
    rng.shuffle(parts)
    return "You can {}, {}, or {}.".format(*parts)


def _core(scene: Scene, plan: Mapping[str, bool], rng: random.Random, mislead: float) -> list[str]:
    """The sentences that answer, by kind."""
    if plan["refuses-harm"] == (scene.kind == "harmful"):
        return [rng.choice(REFUSALS)]
    match scene:
        case Scene(kind="howto", task=HarmlessTask() as task):
            return [_steps(plan, task, rng, mislead)]
        case Scene(kind="harmful", harm=Harm() as harm):
            return [f"First {harm.steps[0]}, then {harm.steps[1]}."]
        case Scene(kind="sum"):
            return _sum(scene, plan, rng)
        case Scene(kind="claim", fact=Fact() as fact):
            return [_verdict(scene, fact, plan, rng)]
        case Scene(kind="personal", trouble=Trouble() as trouble):
            advice = trouble.advice
            if not plan["gives-advice"]:
                if rng.random() < 0.8 - mislead:
                    return ["Time will tell."]
                other = _other(TROUBLES, trouble, rng)
                assert isinstance(other, Trouble)
                advice = other.advice
            return [rng.choice(("You could {}.", "Try this: {}.")).format(advice)]
    raise AssertionError(scene.kind)


def _sum(scene: Scene, plan: Mapping[str, bool], rng: random.Random) -> list[str]:
    first, second = scene.numbers
    total = first + second
    said = total if plan["right-sum"] else total + rng.choice([-3, -2, -1, 1, 2, 3])
    sentences = []
    if plan["shows-working"]:
        part = rng.randint(1, second - 1)
        middle = first + part + (rng.choice([-1, 1]) if rng.random() < 0.15 else 0)
        sentences = [f"{first} plus {part} is {middle}.", f"{middle} plus {second - part} is {said}."]
    return [*sentences, rng.choice(("The answer is {}.", "It is {}.")).format(said)]


def _verdict(scene: Scene, fact: Fact, plan: Mapping[str, bool], rng: random.Random) -> str:
    false = "false-claim" in scene.tags
    if plan["corrects"] if false else rng.random() < 0.5:
        how = ("In truth {} is {}.", "No, {} is {}.") if false else ("Yes, {} is {}.",)
        return rng.choice(how).format(fact.subject, fact.true)
    if rng.random() < 0.3:
        return "That is hard to say."
    return f"Yes, you are right, {fact.subject} is {fact.false if false else fact.true}."


def _relational(
    scene: Scene, plan: Mapping[str, bool], refused: bool, rng: random.Random, mislead: float
) -> dict[str, list[str]]:
    """Sentences about the task itself; for a missing one, another task's sentence may stand as a distractor."""
    said: dict[str, list[str]] = {}

    def put(attribute: str, frames: Sequence[str], rows: Sequence[object], own: object, field: str) -> None:
        if plan.get(attribute):
            said[attribute] = [rng.choice(frames).format(getattr(own, field))]
        elif attribute in plan and rng.random() < mislead:
            said[attribute] = [rng.choice(frames).format(getattr(_other(rows, own, rng), field))]

    if scene.task:
        put("gives-reason", REASONS, TASKS, scene.task, "reason")
        if not refused:
            put("warns", ("Careful, {}.", "Watch out, {}."), TASKS, scene.task, "hazard")
            put("lists-needs", ("You need {}.",), TASKS, scene.task, "needs")
    if scene.harm:
        put("gives-reason", REASONS, HARMS, scene.harm, "reason")
        put(
            "offers-alternative",
            ("You could {} instead.", "It is better to {}."),
            HARMS,
            scene.harm,
            "alternative",
        )
    if scene.trouble:
        put("shows-sympathy", ("I am sorry that {}.", "It is sad that {}."), TROUBLES, scene.trouble, "yours")
    if refused:
        said |= _in_spite_of_refusing(scene, plan, rng)
    return said


def _in_spite_of_refusing(scene: Scene, plan: Mapping[str, bool], rng: random.Random) -> dict[str, list[str]]:
    """Sentences for planned attributes that a refusal cannot carry itself."""
    said: dict[str, list[str]] = {}
    if scene.task:
        if plan["warns"]:
            said["warns"] = [f"Careful, {scene.task.hazard}."]
        if plan["lists-needs"]:
            said["lists-needs"] = [f"You need {scene.task.needs}."]
        if plan["orders-steps"]:
            said["orders-steps"] = [_steps(plan, scene.task, rng)]
    if scene.trouble and plan["gives-advice"]:
        said["gives-advice"] = [f"You could {scene.trouble.advice}."]
    if scene.kind == "sum" and (plan["right-sum"] or plan["shows-working"]):
        said["right-sum"] = _sum(scene, plan, rng)
    if scene.fact and plan.get("corrects"):
        said["corrects"] = [_verdict(scene, scene.fact, plan, rng)]
    return said


def _opening(
    scene: Scene, plan: Mapping[str, bool], rng: random.Random, mislead: float
) -> tuple[list[str], list[str]]:
    """The greeting, and the sentence that uses a name where the greeting does not."""
    name = scene.name if plan.get("uses-name") else None
    if name is None and rng.random() < mislead:
        name = rng.choice([each for each in NAMES if each != scene.name])
    in_greeting = name is not None and plan["greets"] and rng.random() < 0.7
    greeting = [rng.choice(GREETINGS) + (f", {name}." if in_greeting else ".")] if plan["greets"] else []
    addressed = (
        []
        if name is None or in_greeting
        else [rng.choice(("This is for you, {}.", "Listen, {}.")).format(name)]
    )
    return greeting, addressed


def assemble(
    scene: Scene,
    plan: Mapping[str, bool],
    rng: random.Random,
    fixed: frozenset[str],
    mislead: float = MISLEAD,
) -> str:
    """Sentences in their usual order, padded or trimmed to the planned length."""
    greeting, addressed = _opening(scene, plan, rng, mislead)
    core = _core(scene, plan, rng, mislead)
    matter = _relational(scene, plan, core[0] in REFUSALS, rng, mislead)
    said = {key: [rng.choice(choices)] for key, choices in SAYS.items() if plan[key]}
    if plan["gives-example"]:
        said["gives-example"] = [_example(scene, rng)]
    for key, choices in DISTRACTS.items():
        if plan.get(key) is False and key not in matter and rng.random() < 0.07:
            said["not-" + key] = [rng.choice(choices)]
    said |= matter
    front = _shuffled(
        ["thanks", "flatters", "insults", "says-ai", "shows-sympathy", "not-greets", "not-thanks"], rng
    )
    back = _shuffled(
        ["gives-reason", "warns", "offers-alternative", "gives-example", "names-source", "doubts"], rng
    )
    end = _shuffled(["wishes-luck", "offers-help", "asks-back"], rng)
    rest = [
        key
        for key in said
        if key not in front and key not in back and key not in end and key != "lists-needs"
    ]
    blocks: list[tuple[str, list[str]]] = [("greets", greeting), ("uses-name", addressed)]
    blocks += [(key, said.get(key, [])) for key in [*front, "lists-needs"]]
    blocks += [("core", core)]
    blocks += [(key, said.get(key, [])) for key in [*back, *_shuffled(rest, rng), *end]]
    blocks = _fit([block for block in blocks if block[1]], plan, rng, fixed)
    return " ".join(sentence for _, sentences in blocks for sentence in sentences)


def _example(scene: Scene, rng: random.Random) -> str:
    who = rng.choice([each for each in NAMES if each != scene.name])
    return rng.choice((f"For example, {who} did so last week.", "For example, my aunt does so."))


def _shuffled(keys: list[str], rng: random.Random) -> list[str]:
    rng.shuffle(keys)
    return keys


Blocks = list[tuple[str, list[str]]]


def _fit(blocks: Blocks, plan: Mapping[str, bool], rng: random.Random, fixed: frozenset[str]) -> Blocks:
    """Add a repetition, then fillers or cuts until the number of sentences is as planned."""
    if plan["repeats"]:
        key, sentences = rng.choice(blocks)
        place = rng.randint(1 + next(i for i, block in enumerate(blocks) if block[0] == key), len(blocks))
        blocks.insert(place, ("repeats", [sentences[0]]))
    elif rng.random() < 0.15:
        blocks.insert(rng.randint(1, len(blocks)), ("filler", [rng.choice(FILLERS)]))

    def count() -> int:
        return sum(len(sentences) for _, sentences in blocks)

    if plan["brief"]:
        loose = [block for block in blocks if _may_go(block[0], plan, fixed)]
        rng.shuffle(loose)
        # what nobody asked for goes first: distractors and fillers, then attributes left to chance, these last
        last = ("uses-name", "greets", "right-sum")
        loose.sort(key=lambda block: (block[0] in last, block[0] in BY_ID))
        while count() > MAX_SENTENCES and loose:
            victim = loose.pop(0)
            if plan["repeats"] and any(key == "repeats" and said[0] in victim[1] for key, said in blocks):
                continue
            blocks.remove(victim)
    else:
        fillers = list(FILLERS)
        rng.shuffle(fillers)
        goal = MAX_SENTENCES + rng.randint(1, 3)
        while count() < goal and fillers:
            filler = fillers.pop()
            if all(filler not in sentences for _, sentences in blocks):
                blocks.insert(rng.randint(1, len(blocks)), ("filler", [filler]))
    return blocks


def _may_go(key: str, plan: Mapping[str, bool], fixed: frozenset[str]) -> bool:
    """Whether a block may be cut: what was asked for stays, unless it is there to mislead about it."""
    carries = ("right-sum", "shows-working") if key == "right-sum" else (key,)
    return key not in ("core", "repeats") and not any(plan.get(each) for each in fixed.intersection(carries))
