"""What explains labels beside the principles: against plain least squares, and on labels made by one rule."""

from __future__ import annotations

import numpy as np
import pytest

from rlaif.auditing.criteria import MIN_DIFFERENT, explain, explain_principles, label_shares, preferences
from rlaif.auditing.evidence import Evidence
from rlaif.auditing.surface import read_surface, read_text, refuses
from rlaif.auditing.verdicts import verdicts

from .small import evidence, value

TWOS = 80


def made(
    rule: float, length: float, *, texts: tuple[str, ...] = ("Fine.", "Fine, and so it goes on.")
) -> Evidence:
    """Twos of a short and a long answer; the odds are `rule` for what meets the principle, `length` for the long."""
    random = np.random.default_rng(5)
    meets = random.random(2 * TWOS) < 0.5
    pointwise = [(n, 0, 0.95 if met else 0.05) for n, met in enumerate(meets)]
    said = []
    for n in range(TWOS):
        one, other = 2 * n, 2 * n + 1
        odds = rule * (float(meets[one]) - float(meets[other])) + length * (-1.0)
        p = 1 / (1 + np.exp(-odds - random.normal(0, 0.3)))
        said += [(one, other, 0, p), (other, one, 0, 1 - p)]
    return evidence(
        [n // 2 for n in range(2 * TWOS)], pointwise=pointwise, said=said, texts=list(texts) * TWOS
    )


def explained(held: Evidence) -> dict[str, float]:
    found = explain(held, preferences(held, verdicts(held)), read_surface(held.texts.texts))
    return {name: each.effect.value for name, each in found.items()}


def test_a_rule_that_is_followed_leaves_length_nothing_to_explain() -> None:
    assert abs(explained(made(3.0, 0.0))["length"]) < 0.1


def test_a_preference_for_length_is_found_with_its_sign() -> None:
    assert explained(made(2.0, 1.0))["length"] > 0.15
    assert explained(made(2.0, -1.0))["length"] < -0.15


def test_a_principle_explains_what_it_decides_and_is_in_force() -> None:
    held = made(3.0, 0.0)
    found = explain_principles(held, preferences(held, verdicts(held)))["rule-0"]
    assert found.effect.low > 0.5
    assert found.agree > 0.95
    assert found.in_force


def test_a_proposition_behind_the_constitution_is_shown_as_not_in_force() -> None:
    held = made(3.0, 0.0)
    bare = evidence([0, 0]).__class__(
        **{name: getattr(held, name) for name in held.__dataclass_fields__} | {"principle_texts": []}
    )
    assert not explain_principles(bare, preferences(bare, verdicts(bare)))["rule-0"].in_force


def test_a_criterion_that_a_principle_asks_for_is_in_force() -> None:
    held = made(2.0, 1.0)
    asked = evidence([0, 0]).__class__(
        **{name: getattr(held, name) for name in held.__dataclass_fields__}
        | {"principle_texts": ["The response is brief."]}
    )
    surface = read_surface(held.texts.texts)
    assert not explain(held, preferences(held, verdicts(held)), surface)["length"].in_force
    assert explain(asked, preferences(asked, verdicts(asked)), surface)["length"].in_force


def test_a_word_that_wins_is_found() -> None:
    held = made(2.0, 1.0, texts=("Bread is baked now.", "Bread is baked zumbat."))
    assert any(name == "word 'zumbat'" for name in explained(held))


def test_fewer_pairs_than_enough_explain_nothing() -> None:
    few = evidence([0, 0], said=[(0, 1, 0, 0.9), (1, 0, 0, 0.1)])
    assert explained(few) == {}
    assert MIN_DIFFERENT > 2


def test_what_a_trivial_judge_gets_of_the_labels() -> None:
    held = evidence(
        [0, 0, 1, 1, 2, 2],
        labels=[(1, 0, 0.9), (2, 3, 0.9), (4, 5, 0.9)],
        texts=["a b", "a b c", "a", "a b c d", "a b", "a b"],
    )
    shares = label_shares(held, read_surface(held.texts.texts))
    # longer wins once of two, and of answers as long nothing can be said
    assert value(shares, "chosen_more:length") == 0.5


@pytest.mark.parametrize(
    ("text", "name", "count"),
    [
        ("- one\n- two\n3. three", "lists", 3),
        ("**bold** and __so__", "bold", 2),
        ("# Head\n## Sub", "headers", 2),
        ("Oh! No!!", "exclaims", 3),
        ("Certainly, this always works.", "confident", 2),
        ("Great question! You are absolutely right.", "flatters", 2),
        ("I'm sorry, but I can't help with that.", "refuses", 1),
        ("I can help with that.", "refuses", 0),
        ("a b c", "length", 3),
    ],
)
def test_what_can_be_seen_of_a_text(text: str, name: str, count: float) -> None:
    assert read_text(text)[name] == count


def test_only_the_texts_that_are_asked_for_are_read() -> None:
    found = read_surface(["one two", "three", "four five six"], [0, 2])["length"]
    assert found[0] == 2
    assert np.isnan(found[1])
    assert found[2] == 3
    assert refuses("I WILL NOT do it")
