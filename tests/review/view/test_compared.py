"""Two runs beside each other: only what differs, and figures joined by their names."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rlaif.review.view import compared
from rlaif.review.view.catalogue import Catalogue, RunCard
from rlaif.review.view.overview import tiles
from tests.review.view import projects


@pytest.fixture
def cards(tmp_path: Path) -> tuple[RunCard, RunCard]:
    projects.loop(tmp_path / "one")
    other = projects.loop(tmp_path / "other")
    for name in ("claim.json", "run.json"):
        held = json.loads((other / name).read_text())
        held["config"]["recipe"]["rounds"] = 3
        held["config"]["recipe"]["beta"] = 0.1
        held["config"]["models"]["policy"] = "b2:another"
        (other / name).write_text(json.dumps(held))
    catalogue = Catalogue(tmp_path)
    one, two = catalogue.card("one"), catalogue.card("other")
    assert one is not None
    assert two is not None
    return one, two


def test_only_keys_that_differ_are_listed_and_digests_come_last(cards: tuple[RunCard, RunCard]) -> None:
    found = compared.differences(*cards)
    assert [tuple(each) for each in found] == [
        ("recipe.rounds", "2", "3"),
        ("recipe.beta", None, "0.1"),
        ("models.policy", projects.FIRST, "b2:another"),
    ]
    assert [each.key for each in compared.of_both(found)] == ["recipe.rounds", "models.policy"]


def test_figures_of_both_are_joined_by_name(cards: tuple[RunCard, RunCard]) -> None:
    rows = {each.name: each for each in compared.figures(*cards)}
    gold = rows["Gold, held-out"]
    assert gold.one is not None
    assert (gold.one.value, gold.other and gold.other.value) == ("0.750", "0.750")


def test_the_policies_that_a_run_began_and_ended_with_are_those_of_its_rounds(
    cards: tuple[RunCard, RunCard],
) -> None:
    assert (compared.first_policy(cards[0]), compared.newest_policy(cards[0])) == (
        projects.FIRST,
        projects.LAST,
    )


def test_the_policies_of_an_evaluation_are_the_other_one_and_its_own(tmp_path: Path) -> None:
    projects.evaluated(tmp_path / "eval")
    card = Catalogue(tmp_path).card("eval")
    assert card is not None
    assert (compared.first_policy(card), compared.newest_policy(card)) == (projects.FIRST, projects.LAST)


def test_an_evaluation_with_gold_of_two_models_has_a_tile_for_each(tmp_path: Path) -> None:
    projects.evaluated(tmp_path / "eval")
    card = Catalogue(tmp_path).card("eval")
    assert card is not None
    rows = {each.name: each.one and each.one.value for each in compared.figures(card, card)}
    assert (rows["Gold"], rows["Gold of micro"]) == ("0.400", "0.600")


def test_no_two_tiles_of_a_run_have_one_name(tmp_path: Path) -> None:
    projects.project(tmp_path)
    for card in Catalogue(tmp_path).cards():
        names = [each.name for each in tiles(card)]
        assert len(names) == len(set(names))


def test_two_trainings_share_their_curves(tmp_path: Path) -> None:
    for name in ("one", "other"):
        projects.trained(tmp_path / name)
    catalogue = Catalogue(tmp_path)
    one, other = catalogue.card("one"), catalogue.card("other")
    assert one is not None
    assert other is not None
    [drawn] = compared.curves(one, other)
    for words in ("loss", ">one<", ">other<"):
        assert words in drawn.replace("</svg> ", "</svg>>").replace("</span>", "<</span>")
