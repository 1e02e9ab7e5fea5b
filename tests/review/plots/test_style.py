"""One style, on pages too: series differ in colour, dash and mark, in grey, and for every kind of colour-blindness."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import combinations, pairwise

import numpy as np
import pytest

from rlaif.review.charts import COLOURS as ON_A_PAGE
from rlaif.review.environment import PAGES
from rlaif.review.plots.style import COLOURS, DASHES, MARKS, line_style

# Machado, Oliveira and Fernandes (2009), severity 1; in linear RGB
SEEN_BY = {
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.01182, 0.04294, 0.968881],
    ],
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.3039],
    ],
}
XYZ = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
WHITE = np.array([0.9505, 1.0, 1.089])


def linear(colour: str) -> np.ndarray:
    value = np.array([int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)])
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def lab(rgb: np.ndarray) -> np.ndarray:
    share = np.array(XYZ) @ np.clip(rgb, 0, 1) / WHITE
    root = np.where(share > 0.008856, np.cbrt(share), 7.787 * share + 16 / 116)
    return np.array([116 * root[1] - 16, 500 * (root[0] - root[1]), 200 * (root[1] - root[2])])


def lightness(colours: Sequence[str]) -> list[float]:
    return sorted(float(lab(linear(each))[0]) for each in colours)


def of_pages(scheme: int) -> list[str]:
    """The colours of series in the sheet of all pages: in light, and in dark."""
    css = (PAGES / "review.css").read_text()
    return [found[scheme] for found in re.findall(r"--[abcd]: light-dark\((#\w+), (#\w+)\)", css)]


def test_series_differ_in_colour_in_dash_and_in_mark() -> None:
    assert len(set(COLOURS)) == len(COLOURS) == len(MARKS) == len(DASHES)
    assert line_style(0) != line_style(1)


@pytest.mark.parametrize("colours", [COLOURS[:ON_A_PAGE], of_pages(0), of_pages(1)])
def test_the_first_four_colours_differ_in_grey(colours: Sequence[str]) -> None:
    known = lightness(colours)
    assert min(after - before for before, after in pairwise(known)) > 9


@pytest.mark.parametrize("colours", [COLOURS[:ON_A_PAGE], of_pages(1)])
@pytest.mark.parametrize("kind", SEEN_BY)
def test_the_first_four_colours_differ_for_the_colour_blind(colours: Sequence[str], kind: str) -> None:
    seen = [lab(np.array(SEEN_BY[kind]) @ linear(each)) for each in colours]
    assert min(float(np.linalg.norm(one - other)) for one, other in combinations(seen, 2)) > 20


def test_no_two_colours_look_alike_to_the_colour_blind() -> None:
    for matrix in SEEN_BY.values():
        seen = [lab(np.array(matrix) @ linear(each)) for each in COLOURS]
        assert min(float(np.linalg.norm(one - other)) for one, other in combinations(seen, 2)) > 15


def test_pages_have_the_colours_of_pictures_and_lines_stand_out_from_their_ground() -> None:
    assert of_pages(0) == list(COLOURS[:ON_A_PAGE])
    for colours, ground in ((of_pages(0), "#fbfbfa"), (of_pages(1), "#1b1c20")):
        for each in colours:
            bright = sorted(float(np.array(XYZ[1]) @ linear(colour)) for colour in (each, ground))
            assert (bright[1] + 0.05) / (bright[0] + 0.05) >= 3  # WCAG 1.4.11
