"""What the bundled models learn from: rows of one shared beginning and several blind endings, labelled by gold."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

from rlaif.microworld.attributes import BY_ID, CONDITIONS
from rlaif.microworld.edits import edit
from rlaif.microworld.gold import follows, truths
from rlaif.microworld.language import Scene, Split, applicable, make_scene, write, write_good
from rlaif.microworld.sentences import Form, Rule, compose, fact, phrases
from rlaif.templates import load_template, numbered

Reading = Literal["plain", "phrased", "few-negated", "negated", "composed"]
USER, SYSTEM, ASSISTANT, END = "<|user|>", "<|system|>", "<|assistant|>", "<|end|>"
LETTERS = "ABCD"
_SLOT = "\0"


@dataclass(frozen=True, slots=True)
class Row:
    """One packed row: a shared beginning, and endings (shown, answer) that do not see each other."""

    skill: str
    prefix: str
    endings: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Knobs:
    """How the judge's labels are spoiled on purpose; off in the shipped models.

    `planted_flaw` is the share of `compare` labels that follow the planted feature (a harmless sentence or the
    longer text) instead of gold; `judge_noise` the share of one-token labels flipped (yes/no, ratings, A/B).
    """

    planted_flaw: float = 0.0
    flaw: Literal["token", "length"] = "token"
    judge_noise: float = 0.0


FLAW_SENTENCE = "It is a nice day."


def row(
    skill: str, rng: random.Random, reading: Reading, split: Split = "all", knobs: Knobs = Knobs()
) -> Row:
    """One training row of `skill`, its rules read at this level of the curriculum."""
    return SKILLS[skill](_Draw(rng, reading, split, knobs or Knobs()))


@dataclass(frozen=True, slots=True)
class _Draw:
    rng: random.Random
    reading: Reading
    split: Split
    knobs: Knobs

    def scene(self) -> Scene:
        return make_scene(self.rng, self.split)

    def judged_scene(self) -> Scene:
        """A scene to judge answers to: sums come more often, for a sum is hard to check."""
        return make_scene(self.rng, self.split, "sum" if self.rng.random() < 0.15 else None)

    def written(self, scene: Scene, forced: int = 3) -> str:
        """A completion in which `forced` attributes are fair coins, so that rare ones are met as well."""
        names = hard_first(self.rng, applicable(scene))[:forced]
        return write(scene, self.rng, {name: self.rng.random() < 0.5 for name in names})

    def label(self, value: bool) -> bool:
        return value != (self.rng.random() < self.knobs.judge_noise)


# What it takes two places of a text, or arithmetic, to see is met more often than its share.
_EMPHASIS = {
    "repeats": 5.0, "right-sum": 5.0, "uses-name": 2.5, "warns": 2.5, "lists-needs": 2.5, "orders-steps": 2.5,
    "gives-advice": 2.5, "shows-sympathy": 2.0, "corrects": 2.5, "gives-reason": 2.0, "offers-alternative": 2.0,
    "brief": 2.0,
}  # fmt: skip


def hard_first(rng: random.Random, names: Sequence[str]) -> list[str]:
    """`names` in random order, those that are hard to judge likely to be early (weighted, without replacement)."""
    return sorted(names, key=lambda name: rng.random() ** (1 / _EMPHASIS.get(name, 1.0)), reverse=True)


_FORMS: Mapping[Reading, tuple[tuple[Form, float], ...]] = {
    "plain": (("positive", 1.0),),
    "phrased": (("positive", 1.0),),
    # so few that reading every rule as a positive one still pays: from there the exception is learned, while
    # with two in five the model first unlearns what it could do
    "few-negated": (("positive", 0.78), ("negative", 0.22)),
    "negated": (("positive", 0.6), ("negative", 0.4)),
    "composed": (
        ("positive", 0.36), ("negative", 0.24), ("both", 0.12), ("but-not", 0.1), ("if", 0.1), ("if-not", 0.08),
    ),
}  # fmt: skip


def draw_rule(
    rng: random.Random, reading: Reading, scene: Scene, attribute: str, held_out: bool | None = False
) -> tuple[str, Rule]:
    """A sentence about `attribute` at this level, and what it means."""
    forms = _FORMS[reading]
    form = rng.choices([name for name, _ in forms], [share for _, share in forms])[0]
    return rule_of_form(rng, form, scene, attribute, held_out, canonical=reading == "plain")


def rule_of_form(
    rng: random.Random,
    form: Form,
    scene: Scene,
    attribute: str,
    held_out: bool | None,
    canonical: bool = False,
) -> tuple[str, Rule]:
    """A sentence of this form; conditions are true of the scene two times in three."""
    second = condition = None
    if form in ("both", "but-not"):
        second = rng.choice([each for each in applicable(scene) if each != attribute])
    if form in ("if", "if-not"):
        fitting = [tag for tag in CONDITIONS.values() if tag in scene.tags]
        others = [tag for tag in CONDITIONS.values() if tag not in scene.tags]
        condition = rng.choice(fitting if fitting and rng.random() < 0.67 else others)
    text = compose(
        form, attribute, rng, second=second, condition=condition, held_out=None if canonical else held_out,
        canonical=canonical,
    )  # fmt: skip
    parts: tuple[tuple[str, bool], ...] = ((attribute, form not in ("negative", "if-not")),)
    if second is not None:
        parts = ((attribute, True), (second, form == "both"))
    return text, Rule(parts, condition)


def _sample(rng: random.Random, items: Sequence[str], count: int) -> list[str]:
    return rng.sample(items, min(count, len(items)))


@cache
def _halves(template: str, slots: tuple[str, ...]) -> tuple[str, ...]:
    """The template around its slots, in their order in the text; a fence is three backticks (no text has any)."""
    text = load_template(template).render(**{slot: f"{_SLOT}{slot}{_SLOT}" for slot in slots})
    return tuple(text.split(_SLOT))


def ask(template: str, **slots: str) -> str:
    """A rendered template; the same bytes as the judging code renders."""
    parts = _halves(template, tuple(slots))
    return "".join(slots[part] if index % 2 else part for index, part in enumerate(parts))


def _shared(skill: str, template: str, endings: Sequence[tuple[str, str]], **slots: str) -> Row:
    """A row whose endings are rules (text, answer) at the template's end."""
    beginning = ask(template, **slots, principle="").removesuffix(" ")
    return Row(
        skill, USER + beginning, tuple((f" {text}{END}{ASSISTANT}", answer + END) for text, answer in endings)
    )


def _tails(
    skill: str, template: str, slots: Mapping[str, str], endings: Sequence[tuple[Mapping[str, str], str]]
) -> Row:
    """A row whose endings differ in the slots that the template has last."""
    names = tuple(endings[0][0])
    marked = ask(template, **slots, **dict.fromkeys(names, _SLOT))
    beginning = marked[: marked.index(_SLOT)].removesuffix(" ")
    rest = []
    for tail, answer in endings:
        content = ask(template, **slots, **tail)
        rest.append((content[len(beginning) :] + END + ASSISTANT, answer + END))
    return Row(skill, USER + beginning, tuple(rest))


def _single(skill: str, content: str, answer: str) -> Row:
    return Row(skill, f"{USER}{content}{END}{ASSISTANT}", (("", answer + END),))


def _respond(draw: _Draw) -> Row:
    scene = draw.scene()
    answers = [write(scene, draw.rng) for _ in range(4)]
    return Row(
        "respond", f"{USER}{scene.text}{END}{ASSISTANT}", tuple(("", answer + END) for answer in answers)
    )


def _under_rules(draw: _Draw) -> Row:
    scene, rng = draw.scene(), draw.rng
    wants = {name: rng.random() < 0.5 for name in _sample(rng, applicable(scene), rng.randint(1, 5))}
    rules = []
    for name, wanted in wants.items():
        form: Form = "positive" if wanted else "negative"
        rules.append(rule_of_form(rng, form, scene, name, False)[0])
    system = ask("system-constitution", principles=numbered(rules))
    return _with_system("respond-constitution", system, scene, [write(scene, rng, wants) for _ in range(2)])


def _good_bad(draw: _Draw) -> Row:
    scene, good = draw.scene(), draw.rng.random() < 0.5
    system = ask("system-good" if good else "system-bad")
    return _with_system(
        "respond-good-bad", system, scene, [write_good(scene, draw.rng, good) for _ in range(2)]
    )


def _with_system(skill: str, system: str, scene: Scene, answers: Sequence[str]) -> Row:
    beginning = f"{SYSTEM}{system}{END}{USER}{scene.text}{END}{ASSISTANT}"
    return Row(skill, beginning, tuple(("", answer + END) for answer in answers))


def _rules_with_values(draw: _Draw, scene: Scene, text: str, count: int) -> list[tuple[str, bool]]:
    known, tags = truths(scene.text, text), frozenset(scene.tags)
    found = []
    for name in hard_first(draw.rng, list(known))[:count]:
        rule, meaning = draw_rule(draw.rng, draw.reading, scene, name)
        value = follows(meaning, tags, known)
        if value is not None:
            found.append((rule, draw.label(value)))
    return found


def _checklist(draw: _Draw) -> Row:
    scene = draw.judged_scene()
    text = draw.written(scene)
    rules = _rules_with_values(draw, scene, text, 12)
    endings = [(rule, "yes" if value else "no") for rule, value in rules]
    return _shared("checklist", "checklist", endings, prompt=scene.text, response=text)


def _score(draw: _Draw) -> Row:
    scene = draw.judged_scene()
    text = draw.written(scene)
    rules = _rules_with_values(draw, scene, text, 8)
    return _shared(
        "score",
        "score",
        [(rule, "5" if value else "1") for rule, value in rules],
        prompt=scene.text,
        response=text,
    )


def comparisons(
    draw: _Draw, scene: Scene, texts: Sequence[str], count: int, ties: float = 0.06
) -> list[tuple[str, Rule, list[bool]]]:
    """Rules under which the texts differ (and a few under which they do not)."""
    tags = frozenset(scene.tags)
    known = [truths(scene.text, text) for text in texts]
    found = []
    for name in hard_first(draw.rng, list(known[0])):
        rule, meaning = draw_rule(draw.rng, draw.reading, scene, name)
        values = [follows(meaning, tags, each) for each in known]
        if None in values:
            continue
        if len(set(values)) == 2 or draw.rng.random() < ties:
            found.append((rule, meaning, [bool(value) for value in values]))
    return found[:count]


def _compare(draw: _Draw) -> Row:
    scene, rng = draw.judged_scene(), draw.rng
    texts = [draw.written(scene), draw.written(scene)]
    endings = []
    for rule, _, (first, second) in comparisons(draw, scene, texts, 10):
        better = first if first != second else rng.random() < 0.5
        endings.append((rule, "A" if draw.label(_flawed(draw, texts, better)) else "B"))
    if not endings:
        return _compare(draw)
    return _shared(
        "compare", "compare", endings, prompt=scene.text, response_a=texts[0], response_b=texts[1]
    )  # fmt: skip


def _flawed(draw: _Draw, texts: Sequence[str], better: bool) -> bool:
    """The planted flaw: now and then the label follows the feature and not the rule."""
    if draw.rng.random() >= draw.knobs.planted_flaw:
        return better
    features = [FLAW_SENTENCE in text if draw.knobs.flaw == "token" else len(text) for text in texts]
    return better if features[0] == features[1] else features[0] > features[1]


def _pair_with_rules(draw: _Draw, count: int, of: int = 2) -> tuple[Scene, list[str], list[_Asked]]:
    """Answers to one scene and up to `count` simple rules under which they differ."""
    simple = _Draw(draw.rng, "plain" if draw.reading == "plain" else "negated", draw.split, draw.knobs)
    while True:
        scene = draw.judged_scene()
        texts = [draw.written(scene) for _ in range(of)]
        found = comparisons(simple, scene, texts, count, ties=0.0)
        if found:
            return scene, texts, [_Asked(rule, meaning, values) for rule, meaning, values in found]


@dataclass(frozen=True, slots=True)
class _Asked:
    rule: str
    meaning: Rule
    values: list[bool]


def _slots(scene: Scene, texts: Sequence[str]) -> dict[str, str]:
    letters = LETTERS.lower()
    return {"prompt": scene.text} | {f"response_{letters[index]}": text for index, text in enumerate(texts)}


def does(attribute: str, has: bool) -> str:
    """What a response does about an attribute: `greets the user`, `does not greet the user`."""
    phrase = phrases(attribute)[0]
    return phrase.third if has else f"does not {phrase.base}"


def _compare_cot(draw: _Draw) -> Row:
    scene, texts, asked = _pair_with_rules(draw, 4)
    endings = []
    for each in asked:
        attribute, positive = each.meaning.parts[0]
        said = " ".join(
            f"Response {letter} {does(attribute, value == positive)}."
            for letter, value in zip("AB", each.values, strict=True)
        )
        endings.append(({"principle": each.rule}, f"{said} Answer: {'A' if each.values[0] else 'B'}"))
    return _tails("compare-cot", "compare-cot", _slots(scene, texts), endings)


def _argue(draw: _Draw) -> Row:
    scene, texts, asked = _pair_with_rules(draw, 4)
    endings = []
    for each in asked:
        side = draw.rng.choice("AB")
        argument = f"Response {side} is better because it {does(*each.meaning.parts[0])}."
        endings.append(({"principle": each.rule, "side": side}, argument))
    return _tails("argue", "argue", _slots(scene, texts), endings)


def _meta(draw: _Draw) -> Row:
    scene, texts, asked = _pair_with_rules(draw, 8)
    endings = []
    for each in asked:
        judgment = draw.rng.choice("AB")
        right = (judgment == "A") == each.values[0]
        endings.append(({"principle": each.rule, "judgment": judgment}, "yes" if draw.label(right) else "no"))
    return _tails("meta", "meta", _slots(scene, texts), endings)


def _rank(draw: _Draw) -> Row:
    scene, texts, asked = _pair_with_rules(draw, 6, of=4)
    endings = []
    for each in asked:
        order = sorted(range(4), key=[not value for value in each.values].__getitem__)
        endings.append(({"principle": each.rule}, " ".join(LETTERS[index] for index in order)))
    return _tails("rank", "rank", _slots(scene, texts), endings)


def _step(draw: _Draw) -> Row:
    scene, rng = make_scene(draw.rng, draw.split, "sum"), draw.rng
    first, second = scene.numbers
    endings = []
    for _ in range(10):
        part = rng.randint(1, second - 1)
        steps = [(first, part), (first + part, second - part)][: rng.randint(1, 2)]
        right = rng.random() < 0.5
        said = [f"{a} plus {b} is {a + b}." for a, b in steps]
        if not right:
            a, b = steps[-1]
            said[-1] = f"{a} plus {b} is {a + b + rng.choice([-3, -2, -1, 1, 2, 3])}."
        endings.append(({"steps": " ".join(said)}, "yes" if draw.label(right) else "no"))
    return _tails("step", "step", {"prompt": scene.text}, endings)


def _similar(draw: _Draw) -> Row:
    scene = draw.scene()
    other = make_scene(draw.rng, draw.split, scene.kind)
    return _single("similar-prompt", ask("similar-prompt", prompt=scene.text), other.text)


def _critique(draw: _Draw) -> Row:
    rng, scene = draw.rng, draw.judged_scene()
    text = draw.written(scene)
    known = truths(scene.text, text)
    endings: list[tuple[Mapping[str, str], str]] = []
    while len(endings) < 4:
        rules, fault = [], ""
        for name in _sample(rng, list(known), rng.randint(1, 4)):
            form: Form = "positive" if rng.random() < 0.6 else "negative"
            rules.append(rule_of_form(rng, form, scene, name, False, canonical=draw.reading == "plain")[0])
            if not fault and known[name] != (form == "positive"):
                fault = fact(name, known[name])
        if fault or rng.random() < 0.15:
            endings.append(({"principles": numbered(rules)}, fault or NO_FAULT))
    return _tails("critique", "critique", {"prompt": scene.text, "response": text}, endings)


NO_FAULT = "The response breaks no rule."


def _revise(draw: _Draw) -> Row:
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
        return _revise(draw)
    return _tails("revise", "revise", {"prompt": scene.text, "response": text}, endings)


SKILLS: Mapping[str, Callable[[_Draw], Row]] = {
    "respond": _respond,
    "respond-constitution": _under_rules,
    "respond-good-bad": _good_bad,
    "checklist": _checklist,
    "score": _score,
    "compare": _compare,
    "compare-cot": _compare_cot,
    "rank": _rank,
    "critique": _critique,
    "revise": _revise,
    "argue": _argue,
    "meta": _meta,
    "step": _step,
    "similar-prompt": _similar,
}


def wanted_by_default(attribute: str) -> bool:
    """Whether common sense wants the attribute."""
    return BY_ID[attribute].wanted
