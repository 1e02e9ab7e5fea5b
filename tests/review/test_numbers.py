"""Numbers are read at a glance: three digits, thousands apart, names instead of paths."""

from __future__ import annotations

import math

import pytest

from rlaif.review import numbers


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "–"),
        (math.nan, "–"),
        (12345, "12,345"),
        (True, "yes"),
        (0.0, "0.000"),
        (0.58769, "0.588"),
        (12.345, "12.3"),
        (345.6, "346"),
        (12345.6, "12,346"),
        (0.0000123, "1.23e-5"),
        (-0.25, "-0.250"),
        ("words", "words"),
    ],
)
def test_a_figure_has_three_digits_and_thousands_apart(value: object, shown: str) -> None:
    assert numbers.figure(value) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (None, "–"),
        (1.25, "1.2 s"),
        (59, "59 s"),
        (125, "2 min 5 s"),
        (3600, "1 h"),
        (12_000, "3 h 20 min"),
        (180_000, "2 d 2 h"),
    ],
)
def test_a_span_names_two_units_at_most(seconds: float | None, shown: str) -> None:
    assert numbers.span(seconds) == shown


def test_a_share_near_its_ends_keeps_a_decimal() -> None:
    assert [numbers.percent(each) for each in (None, 0.0, 0.005, 0.58, 0.997, 1.0)] == [
        "–",
        "0 %",
        "0.5 %",
        "58 %",
        "99.7 %",
        "100 %",
    ]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("micro", "micro"),
        ("micro:weak", "micro:weak"),
        ("hf:Qwen/Qwen3-0.6B", "Qwen/Qwen3-0.6B"),
        ("openai:http://127.0.0.1:8000/v1#Qwen3-30B@2507", "Qwen3-30B@2507"),
        ("/home/ann/project/runs/loop/models/round-1", "loop/models/round-1"),
        ("models/new", "models/new"),
    ],
)
def test_a_model_is_called_as_people_call_it(name: str, shown: str) -> None:
    assert numbers.short(name) == shown


def test_costs_are_summed_and_an_unknown_price_is_no_zero() -> None:
    def costs(*each: float | None) -> dict[str, object]:
        models = {
            str(n): {"cost": cost, "calls": 2, "prompt_tokens": 3, "completion_tokens": 4}
            for n, cost in enumerate(each)
        }
        return {"currency": "EUR", "models": models}

    assert numbers.money(costs(1.0, 0.254)) == "EUR 1.25"
    assert numbers.money(costs(0.0)) == "free"
    assert numbers.money(costs(1.0, None)) == "–"
    assert numbers.money(None) == "–"
    assert numbers.tokens(costs(0.0, 0.0)) == 14
    assert numbers.calls(costs(0.0, 0.0)) == 4
