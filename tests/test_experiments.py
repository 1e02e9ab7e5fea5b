"""`benchmarks/experiments`: rows survive a kill, estimators are right by brute force, the page says what was found."""

from __future__ import annotations

import itertools
import json
import math
import random
import re
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rlaif.records import Message, Pair

FOLDER = Path(__file__).parents[1] / "benchmarks" / "experiments"


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(FOLDER))
    return import_module


def pair(label: float = 0.8) -> Pair:
    def said(role: Any, text: str) -> tuple[Message, ...]:
        return (Message(role=role, content=text),)

    return Pair(
        prompt=said("user", "How?"),
        chosen=said("assistant", "So."),
        rejected=said("assistant", "No."),
        label_prob=label,
    )


def test_a_row_is_computed_once_and_another_setting_starts_anew(load: Any, tmp_path: Path) -> None:
    results = load("results").Results
    calls: list[int] = []

    def compute() -> dict[str, int]:
        calls.append(1)
        return {"gold": 3}

    def killed() -> dict[str, int]:
        raise KeyboardInterrupt

    first = results("x", {"steps": 2}, tmp_path)
    assert first.row({"seed": 0}, compute) == {"seed": 0, "gold": 3}
    with pytest.raises(KeyboardInterrupt):
        first.row({"seed": 1}, killed)
    again = results("x", {"steps": 2}, tmp_path)
    assert again.row({"seed": 0}, compute)["gold"] == 3
    assert len(calls) == 1
    assert results("x", {"steps": 3}, tmp_path).rows == {}


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_best_of_n_is_the_mean_over_all_choices(load: Any, n: int) -> None:
    rng = random.Random(n)
    drawn = [(rng.random(), rng.random()) for _ in range(5)]
    choices = [max(each)[1] for each in itertools.combinations(drawn, n)]
    assert load("reward_model").best_of(drawn, n) == pytest.approx(sum(choices) / len(choices))


def test_noise_in_a_label_comes_from_the_pairs_id_and_may_turn_it(load: Any) -> None:
    module = load("micro_pool")
    known = module.Known(pair(0.6), 0.9, 0.4)
    assert module.blurred(known, 3.0) == module.blurred(known, 3.0)
    assert module.blurred(known, 0.0).pair.label_prob == pytest.approx(0.6)
    for sigma in (1.0, 3.0, 9.0):
        noisy = module.blurred(known, sigma)
        turned = noisy.pair.chosen != known.pair.chosen
        assert noisy.pair.label_prob >= 0.5
        assert (noisy.chosen, noisy.rejected) == ((0.4, 0.9) if turned else (0.9, 0.4))


def test_label_accuracy_counts_pairs_that_gold_tells_apart(load: Any) -> None:
    module = load("micro_pool")
    golds = [(0.9, 0.4), (0.4, 0.9), (0.9, 0.1), (0.5, 0.5)]
    assert module.label_accuracy([module.Known(pair(), *each) for each in golds]) == pytest.approx(2 / 3)


def test_figures_of_the_real_preferences_by_hand(load: Any) -> None:
    row = {
        "clusters": ["a", "b", "c", "d"],
        "reward model": [2.0, 1.0, -1.0, 3.0],
        "bag of words": [1.0, 0.0, 1.0, 1.0],
    }
    found = load("hh_harmless")._figures([row | {"shorter": [5, -5, 0, -1]}])
    assert found["reward model"][0] == 0.75
    assert found["bag of words"][0] == 0.875  # nothing to choose by is half right
    assert found["shorter"][0] == 0.375
    assert found["reward model - shorter"][0] == 0.375


def test_the_recorded_result_on_real_text_beats_the_shorter_answer() -> None:
    figures = json.loads((FOLDER / "results" / "hh_harmless.json").read_text())["figures"]
    mean, low, high = figures["reward model - shorter"]
    assert low < mean < high
    assert low > 0


def test_a_table_says_its_setting_and_the_digests_of_its_models(load: Any, tmp_path: Path) -> None:
    tables = load("tables")
    rows = {str(n): {"pairs": 16, "seed": n, "gold": 0.5 + n / 10} for n in range(2)}
    setting = {"steps": 8, "held_out": 100, "models": {"micro": "b2:0123456789abcdef"}}
    page = "<!-- table: pair_count -->\n<!-- end -->"
    (tmp_path / "pair_count.json").write_text(json.dumps({"setting": setting, "rows": rows}))
    assert "No results yet." in tables.filled(page, tmp_path)  # a run that was killed has no figures
    (tmp_path / "pair_count.json").write_text(json.dumps({"setting": setting, "figures": {}, "rows": rows}))
    found = tables.filled(page, tmp_path)
    assert "| 16 | 0.550 | 0.500 to 0.600 | 2 |" in found
    assert "Setting: steps 8, held out 100, `micro` 01234567." in found


def test_the_pages_are_as_the_results_are(load: Any) -> None:
    tables = load("tables")
    pages = [path.read_text(encoding="utf-8") for path in tables.PAGES]
    for page in pages:
        assert tables.filled(page) == page
    assert all(f"<!-- table: {name} -->" in "".join(pages) for name in tables.TABLES)


def test_the_error_over_seeds_and_prompts_is_that_of_both(load: Any) -> None:
    over_both = load("rl_methods").over_both
    seeds, prompts = np.array([0.1, 0.2, 0.4]), np.array([0.0, 0.5, 0.3, 0.9])
    error, freedom = over_both(seeds[:, None] + prompts)
    # what does not depend on both at once has the variances of both means
    assert error**2 == pytest.approx(seeds.var(ddof=1) / 3 + prompts.var(ddof=1) / 4)
    assert 2 < freedom < 5
    # with no difference between prompts it is the error over seeds, of two degrees of freedom
    error, freedom = over_both(np.repeat(seeds[:, None], 4, axis=1))
    assert (error**2, freedom) == (pytest.approx(seeds.var(ddof=1) / 3), pytest.approx(2))


def test_intervals_over_seeds_and_prompts_hold_the_truth_as_often_as_they_say(load: Any) -> None:
    interval, rng = load("rl_methods").interval, np.random.default_rng(0)
    held = 0
    for _ in range(400):
        drawn = rng.normal(0, 0.05, (3, 1)) + rng.normal(0, 0.2, (1, 64)) + rng.normal(0, 0.2, (3, 64))
        found = interval(drawn, (-1.0, 1.0))
        held += found.low <= 0 <= found.high
    assert 0.92 <= held / 400 <= 1


def test_real_preferences_are_compared_where_each_side_is_one_answer(load: Any) -> None:
    two = replace(pair(), chosen=(*pair().chosen, *pair().prompt, *pair().chosen))
    assert load("hh_harmless").one_answer([pair(), two, two.swapped()]) == [pair()]


def test_a_condition_is_met_where_its_interval_or_its_mean_says_so(load: Any, tmp_path: Path) -> None:
    results = load("results").Results("rlcd", {"steps": 2}, tmp_path)
    said = {"method": "RLCD", "criterion": "precision", "model": "micro"}
    above = results.criterion(values=[0.1, 0.2, 0.3], rule="above 0", **said)
    # Student's t of two degrees of freedom: 0.2 -+ 4.3027 * 0.1 / sqrt(3)
    assert above["figure"] == pytest.approx(0.2)
    assert above["interval"] == pytest.approx([-0.0484, 0.4484], abs=1e-4)
    assert not above["met"]
    assert results.criterion(values=[0.1, 0.2, 0.3], rule="at least 0.19", **said)["met"]
    assert results.criterion(values=[0.1, 0.11, 0.12], rule="above 0", **said)["met"]
    assert results.criterion(values=[0.1, 0.2, 0.3], rule="below 1", **said)["met"]
    assert not results.criterion(values=[0.1, 0.2, 0.3], rule="at most 0.1", **said)["met"]
    assert results.criterion(values=[0.1, 0.2, 0.3], rule="above 0", interval=(0.05, 0.3), **said)["met"]
    results.save(precision=0.2)
    held = json.loads((tmp_path / "rlcd.json").read_text())
    assert len(held["criteria"]) == 6
    assert held["criteria"][0]["command"] == "python benchmarks/experiments/rlcd.py"
    with pytest.raises(ValueError, match="say above, below, at least"):
        results.criterion(values=[1.0, 2.0], rule="beyond 0", **said)
    with pytest.raises(ValueError, match="two of them"):
        results.criterion(values=[1.0], rule="above 0", **said)


def test_every_condition_belongs_to_a_method_of_the_table() -> None:
    """A method named otherwise would leave its row at "not measured yet"."""
    text = (FOLDER.parents[1] / "docs" / "make_recipes.py").read_text()
    table = set(re.findall(r'^    "(.+)",$', text.split("METHODS = (")[1].split(")")[0], re.M))
    beside = {"Self-distillation", "SL-CAI, number of principles", "Alarm", "All recipes"}
    text = "\n".join(path.read_text() for path in FOLDER.glob("*.py"))
    named = set(re.findall(r'"method": "(.+?)"', text)) | set(
        re.findall(r'method="(.+?)",\n +criterion', text)
    )
    assert table >= {"SL-CAI", "Judge training"}
    assert named - beside == table


def test_the_jackknife_has_the_difference_of_distances_as_its_mean(load: Any) -> None:
    jackknife = load("constitutional_labels").jackknife
    even, odd = [{"gaps": [gap, -gap]} for gap in (0.0, 1.0, 3.0)], [{"gaps": [0.0, 0.0]}] * 3
    p = [1 / (1 + math.exp(-gap)) for gap in (0.0, 1.0, 3.0)]
    apart = [p[1] - p[0], p[2] - p[0], p[2] - p[1]]
    found = jackknife(even, odd)
    assert sum(found) / 3 == pytest.approx(sum(apart) / 3)
    assert found[0] == pytest.approx(sum(apart) - 2 * apart[2])
    assert jackknife(odd, odd) == [0.0] * 3
