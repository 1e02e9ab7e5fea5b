"""Training rows of the pairwise and listwise skills."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rlaif.microworld.draws import WorldDraw, again, draw_rule, hard_first
from rlaif.microworld.gold import follows, truths
from rlaif.microworld.rows import PackedRow, shared_row, tails_row
from rlaif.microworld.scenes import Scene
from rlaif.microworld.sentences import Rule, phrases

LETTERS = "ABCD"
FLAW_SENTENCE = "It is a nice day."


def comparisons(
    draw: WorldDraw, scene: Scene, texts: Sequence[str], count: int, ties: float = 0.06
) -> list[tuple[str, Rule, list[bool]]]:
    """A comparison row: principles on which the two texts differ, and a few on which they do not."""
    tags = frozenset(scene.tags)
    known = [truths(scene.text, text) for text in texts]
    found = []
    for name in again(hard_first(draw.rng, list(known[0]))):
        rule, meaning = draw_rule(draw.rng, draw.reading, scene, name)
        values = [follows(meaning, tags, each) for each in known]
        if None in values:
            continue
        if len(set(values)) == 2 or draw.rng.random() < ties:
            found.append((rule, meaning, [bool(value) for value in values]))
    return found[:count]


def compare(draw: WorldDraw) -> PackedRow:
    """Draw a training row of the skill `compare`: two responses, and A or B for each of several principles."""
    scene, rng = draw.judged_scene(), draw.rng
    texts = draw.two(scene)
    endings = []
    for rule, _, (first, second) in comparisons(draw, scene, texts, 10):
        better = first if first != second else rng.random() < 0.5
        endings.append((rule, "A" if draw.label(_flawed(draw, texts, better)) else "B"))
    if not endings:
        return compare(draw)
    return shared_row(
        "compare", "compare", endings, prompt=scene.text, response_a=texts[0], response_b=texts[1]
    )  # fmt: skip


def _flawed(draw: WorldDraw, texts: Sequence[str], better: bool) -> bool:
    """Apply the planted flaw: with its probability the label follows the feature instead of the principle."""
    if draw.rng.random() >= draw.knobs.planted_flaw:
        return better
    features = [FLAW_SENTENCE in text if draw.knobs.flaw == "token" else len(text) for text in texts]
    return better if features[0] == features[1] else features[0] > features[1]


@dataclass(frozen=True, slots=True)
class _Asked:
    rule: str
    meaning: Rule
    values: list[bool]


def _pair_with_rules(draw: WorldDraw, count: int, of: int = 2) -> tuple[Scene, list[str], list[_Asked]]:
    """Answers to one scene and up to `count` simple rules under which they differ."""
    simple = WorldDraw(draw.rng, "plain" if draw.reading == "plain" else "negated", draw.split, draw.knobs)
    while True:
        scene = draw.judged_scene()
        texts = draw.two(scene) if of == 2 else [draw.written(scene) for _ in range(of)]
        found = comparisons(simple, scene, texts, count, ties=0.0)
        if found:
            return scene, texts, [_Asked(rule, meaning, values) for rule, meaning, values in found]


def _slots(scene: Scene, texts: Sequence[str]) -> dict[str, str]:
    letters = LETTERS.lower()
    return {"prompt": scene.text} | {f"response_{letters[index]}": text for index, text in enumerate(texts)}


def does(attribute: str, has: bool) -> str:
    """Statement that a response has or lacks an attribute: `greets the user`, `does not greet the user`."""
    phrase = phrases(attribute)[0]
    return phrase.third if has else f"does not {phrase.base}"


def compare_cot(draw: WorldDraw) -> PackedRow:
    """Draw a training row of the skill `compare-cot`: what each response does, in words, then A or B."""
    scene, texts, asked = _pair_with_rules(draw, 4)
    endings = []
    for each in asked:
        attribute, positive = each.meaning.parts[0]
        said = " ".join(
            f"Response {letter} {does(attribute, value == positive)}."
            for letter, value in zip("AB", each.values, strict=True)
        )
        endings.append(({"principle": each.rule}, f"{said} Answer: {'A' if each.values[0] else 'B'}"))
    return tails_row("compare-cot", "compare-cot", _slots(scene, texts), endings)


def argue(draw: WorldDraw) -> PackedRow:
    """Draw a training row of the skill `argue`: an argument for the side that is named."""
    scene, texts, asked = _pair_with_rules(draw, 4)
    endings = []
    for each in asked:
        side = draw.rng.choice("AB")
        argument = f"Response {side} is better because it {does(*each.meaning.parts[0])}."
        endings.append(({"principle": each.rule, "side": side}, argument))
    return tails_row("argue", "argue", _slots(scene, texts), endings)


def meta(draw: WorldDraw) -> PackedRow:
    """Draw a training row of the skill `meta`: a judgment of two responses, and yes or no to whether it is right."""
    scene, texts, asked = _pair_with_rules(draw, 8)
    endings = []
    for each in asked:
        # mostly A, for which the answer is "does A win", known already; the exception is learned from there
        judgment = "A" if draw.rng.random() < 0.85 else "B"
        right = (judgment == "A") == each.values[0]
        endings.append(({"principle": each.rule, "judgment": judgment}, "yes" if draw.label(right) else "no"))
    return tails_row("meta", "meta", _slots(scene, texts), endings)


def rank(draw: WorldDraw) -> PackedRow:
    """Draw a training row of the skill `rank`: four responses, and their letters from best to worst."""
    scene, texts, asked = _pair_with_rules(draw, 6, of=4)
    endings = []
    for each in asked:
        order = sorted(range(4), key=[not value for value in each.values].__getitem__)
        endings.append(({"principle": each.rule}, " ".join(LETTERS[index] for index in order)))
    return tails_row("rank", "rank", _slots(scene, texts), endings)
