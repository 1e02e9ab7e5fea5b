"""Training rows of the skills that judge one response, or write one."""

from __future__ import annotations

from collections.abc import Mapping

from rlaif.microworld.draws import WorldDraw, again, draw_rule, hard_first, rule_of_form, sample
from rlaif.microworld.edits import edit
from rlaif.microworld.gold import follows, truths
from rlaif.microworld.language import write, write_good
from rlaif.microworld.rows import (
    ASSISTANT,
    END,
    USER,
    PackedRow,
    ask,
    shared_row,
    single_row,
    system_row,
    tails_row,
)
from rlaif.microworld.scenes import Scene, applicable, make_scene
from rlaif.microworld.sentences import Form, fact
from rlaif.templates import numbered


def respond(draw: WorldDraw) -> PackedRow:
    """Draw a training row of the skill `respond`: four answers to one prompt, good and bad."""
    scene = draw.judged_scene()
    answers = [write(scene, draw.rng) for _ in range(4)]
    return PackedRow(
        "respond", f"{USER}{scene.text}{END}{ASSISTANT}", tuple(("", answer + END) for answer in answers)
    )


def under_rules(draw: WorldDraw) -> PackedRow:
    """Draw a training row of the skill `respond-constitution`: answers that follow the rules of the system turn."""
    scene, rng = draw.scene(), draw.rng
    wants = {name: rng.random() < 0.5 for name in sample(rng, applicable(scene), rng.randint(1, 5))}
    rules = []
    for name, wanted in wants.items():
        form: Form = "positive" if wanted else "negative"
        rules.append(rule_of_form(rng, form, scene, name, False)[0])
    system = ask("system-constitution", principles=numbered(rules))
    return system_row(
        "respond-constitution", system, scene.text, [write(scene, rng, wants) for _ in range(2)]
    )


def good_bad(draw: WorldDraw) -> PackedRow:
    """Draw a training row of the skill `respond-good-bad`: answers that are good, or bad, as the system turn asks."""
    scene, good = draw.scene(), draw.rng.random() < 0.5
    system = ask("system-good" if good else "system-bad")
    return system_row(
        "respond-good-bad", system, scene.text, [write_good(scene, draw.rng, good) for _ in range(2)]
    )


def _rules_with_values(draw: WorldDraw, scene: Scene, text: str, count: int) -> list[tuple[str, bool]]:
    known, tags = truths(scene.text, text), frozenset(scene.tags)
    found = []
    for name in again(hard_first(draw.rng, list(known))[:count]):
        rule, meaning = draw_rule(draw.rng, draw.reading, scene, name)
        value = follows(meaning, tags, known)
        if value is not None:
            found.append((rule, draw.label(value)))
    return found


def checklist(draw: WorldDraw) -> PackedRow:
    """Draw a training row of the skill `checklist`: one response, and yes or no for each of several principles."""
    scene = draw.judged_scene()
    text = draw.written(scene)
    rules = _rules_with_values(draw, scene, text, 12)
    endings = [(rule, "yes" if value else "no") for rule, value in rules]
    return shared_row("checklist", "checklist", endings, prompt=scene.text, response=text)


def score(draw: WorldDraw) -> PackedRow:
    """Draw a training row of the skill `score`: one response, and 5 or 1 for each of several principles."""
    scene = draw.judged_scene()
    text = draw.written(scene)
    rules = _rules_with_values(draw, scene, text, 8)
    return shared_row(
        "score",
        "score",
        [(rule, "5" if value else "1") for rule, value in rules],
        prompt=scene.text,
        response=text,
    )


_OFF = (-3, -2, -1, 1, 2, 3)


def step(draw: WorldDraw) -> PackedRow:
    """Draw a training row of the skill `step`: steps of a sum, and yes or no to whether the last one is correct."""
    scene, rng = make_scene(draw.rng, draw.split, "sum"), draw.rng
    first, second = scene.numbers
    endings = []
    for _ in range(10):
        right = rng.random() < 0.5
        if rng.random() < 0.5:
            total = first + second + (0 if right else rng.choice(_OFF))
            said = [rng.choice(("The answer is {}.", "It is {}.")).format(total)]
            endings.append(({"steps": said[0]}, "yes" if draw.label(right) else "no"))
            continue
        part = rng.randint(1, second - 1)
        steps = [(first, part), (first + part, second - part)][: rng.randint(1, 2)]
        said = [f"{a} plus {b} is {a + b}." for a, b in steps]
        if not right:
            a, b = steps[-1]
            said[-1] = f"{a} plus {b} is {a + b + rng.choice(_OFF)}."
        endings.append(({"steps": " ".join(said)}, "yes" if draw.label(right) else "no"))
    return tails_row("step", "step", {"prompt": scene.text}, endings)


def similar(draw: WorldDraw) -> PackedRow:
    """Draw a training row of the skill `similar-prompt`: a prompt, and another one of its kind."""
    scene = draw.scene()
    other = make_scene(draw.rng, draw.split, scene.kind)
    return single_row("similar-prompt", ask("similar-prompt", prompt=scene.text), other.text)


NO_FAULT = "The response breaks no rule."


def critique(draw: WorldDraw) -> PackedRow:
    """Draw a training row of the skill `critique`: a response and rules, and the first rule that it breaks in words."""
    rng, scene = draw.rng, draw.judged_scene()
    text = draw.written(scene)
    known = truths(scene.text, text)
    endings: list[tuple[Mapping[str, str], str]] = []
    while len(endings) < 4:
        rules, fault = [], ""
        for name in sample(rng, list(known), rng.randint(1, 4)):
            form: Form = "positive" if rng.random() < 0.6 else "negative"
            rules.append(rule_of_form(rng, form, scene, name, False, canonical=draw.reading == "plain")[0])
            if not fault and known[name] != (form == "positive"):
                fault = fact(name, known[name])
        if fault or rng.random() < 0.15:
            endings.append(({"principles": numbered(rules)}, fault or NO_FAULT))
    return tails_row("critique", "critique", {"prompt": scene.text, "response": text}, endings)


def revise(draw: WorldDraw) -> PackedRow:
    """Draw a training row of the skill `revise`: a response and a critique, and the repaired response."""
    rng, scene = draw.rng, draw.judged_scene()
    text = draw.written(scene)
    known = truths(scene.text, text)
    endings: list[tuple[Mapping[str, str], str]] = []
    for name in hard_first(rng, list(known)):
        revised = edit(scene, text, name, not known[name])
        if revised is None or len(endings) == 4:
            continue
        form: Form = "negative" if known[name] else "positive"
        rule = rule_of_form(rng, form, scene, name, False, canonical=draw.reading == "plain")[0]
        endings.append(({"critique": fact(name, known[name]), "principle": rule}, revised))
    if not endings:
        return revise(draw)
    return tails_row("revise", "revise", {"prompt": scene.text, "response": text}, endings)
