from __future__ import annotations

import pytest

from rlaif.workflows.lab.flaws import Labeller

SHORT_AND_GOOD, LONG_AND_BAD = "Yes.", "No, and here is why that is so."


def labeller(**own: object) -> Labeller:
    told: dict[str, object] = {"flaw": "length", "text": "nice", "share": 0.0, "noise": 0.0, "seed": 0}
    return Labeller(**(told | own))  # type: ignore[arg-type]


def share_first(made: Labeller, texts: tuple[str, str], count: int = 2000) -> float:
    return sum(bool(made.first_is_better(f"pair {n}", texts, (1.0, 0.0))) for n in range(count)) / count


def test_without_a_flaw_labels_are_golds() -> None:
    assert share_first(labeller(), (SHORT_AND_GOOD, LONG_AND_BAD)) == 1.0


@pytest.mark.parametrize("share", [0.3, 0.6])
def test_the_share_of_the_flaw_follows_length_where_gold_disagrees(share: float) -> None:
    assert share_first(labeller(share=share), (SHORT_AND_GOOD, LONG_AND_BAD)) == pytest.approx(
        1 - share, abs=0.03
    )
    assert share_first(labeller(share=share), (LONG_AND_BAD, SHORT_AND_GOOD)) == 1.0


def test_where_the_flaw_tells_nothing_apart_gold_decides() -> None:
    assert share_first(labeller(flaw="token", share=1.0), ("nice one", "nice two")) == 1.0
    assert share_first(labeller(flaw="token", share=1.0), ("one", "nice two")) == 0.0


def test_noise_turns_its_share_of_the_labels() -> None:
    assert share_first(labeller(noise=0.25), (SHORT_AND_GOOD, LONG_AND_BAD)) == pytest.approx(0.75, abs=0.03)


def test_equal_gold_makes_no_pair_and_a_label_derives_from_seed_and_pair() -> None:
    made = labeller(share=0.5)
    assert made.first_is_better("a", ("x", "yy"), (0.5, 0.5)) is None
    once = [made.first_is_better(f"pair {n}", ("x", "yy"), (1.0, 0.0)) for n in range(50)]
    assert once == [
        labeller(share=0.5).first_is_better(f"pair {n}", ("x", "yy"), (1.0, 0.0)) for n in range(50)
    ]
    assert once != [
        labeller(share=0.5, seed=1).first_is_better(f"pair {n}", ("x", "yy"), (1.0, 0.0)) for n in range(50)
    ]
