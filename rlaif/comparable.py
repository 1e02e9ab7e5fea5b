"""Means over different questions made comparable. Pure.

Two means over different questions differ by the questions too. Here every question has a level of its own, and what
tells two rows apart is what was read of both, directly or through others. Nothing is put in place of what is missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import fsum

Cells = Mapping[str, Mapping[str, float]]
"""By row and question: what was read."""


def levels(cells: Cells, weights: Mapping[str, float] | None = None) -> dict[str, float]:
    """One number a row: its weighted mean where all rows were asked the same, else what the mean would be by

    cell = row + question, fitted by weighted least squares to what was read. Rows that share no question with the
    largest group of connected rows have no number: nothing compares them.
    """
    rows = {name: _weighed(own, weights) for name, own in sorted(cells.items())}
    rows = {name: own for name, own in rows.items() if own}
    group = _largest(rows)
    rows = {name: rows[name] for name in group}
    asked = list(dict.fromkeys(question for own in rows.values() for question in own))
    weight = {question: 1.0 if weights is None else weights[question] for question in asked}
    total = sum(weight.values())
    if all(len(own) == len(asked) for own in rows.values()):
        return {name: sum(weight[each] * own[each] for each in asked) / total for name, own in rows.items()}
    effect = _effects(rows, weight)
    level = {
        each: _mean([own[each] - effect[name] for name, own in rows.items() if each in own]) for each in asked
    }
    whole = fsum(weight[each] * level[each] for each in asked) / total
    return {name: effect[name] + whole for name in rows}


def _weighed(own: Mapping[str, float], weights: Mapping[str, float] | None) -> dict[str, float]:
    return {name: value for name, value in own.items() if weights is None or weights.get(name, 0.0) > 0}


def _largest(rows: Cells) -> list[str]:
    """Names of the rows of the largest connected group, in order; of equally large ones the first."""
    groups: list[tuple[list[str], set[str]]] = []
    for name, own in rows.items():
        touching = [each for each in groups if each[1] & own.keys()]
        groups = [each for each in groups if each not in touching]
        names = [other for each in touching for other in each[0]]
        groups.append(([*names, name], set(own).union(*(each[1] for each in touching))))
    if not groups:
        return []
    size = max(len(names) for names, _ in groups)
    return min(sorted(names) for names, _ in groups if len(names) == size)


def _effects(rows: Cells, weight: Mapping[str, float]) -> dict[str, float]:
    """The rows' effects, that of the first being 0: the normal equations with the questions' levels put in."""
    names = list(rows)
    askers = {each: [name for name in names if each in rows[name]] for each in weight}
    centre = {each: _mean([rows[name][each] for name in own]) for each, own in askers.items()}
    matrix = [
        [
            fsum(
                weight[each] * ((name == other) - 1 / len(askers[each]))
                for each in own
                if each in rows[other]
            )
            for other in names[1:]
        ]
        for name, own in list(rows.items())[1:]
    ]
    right = [
        fsum(weight[each] * (value - centre[each]) for each, value in own.items())
        for own in list(rows.values())[1:]
    ]
    return dict(zip(names, [0.0, *_solved(matrix, right)], strict=True))


def _solved(matrix: list[list[float]], right: list[float]) -> list[float]:
    """Gaussian elimination with pivots; the matrix of a connected group has full rank."""
    rows = [[*row, value] for row, value in zip(matrix, right, strict=True)]
    for column in range(len(rows)):
        pivot = max(range(column, len(rows)), key=lambda row: abs(rows[row][column]))
        rows[column], rows[pivot] = rows[pivot], rows[column]
        for row in range(len(rows)):
            if row != column:
                factor = rows[row][column] / rows[column][column]
                rows[row] = [a - factor * b for a, b in zip(rows[row], rows[column], strict=True)]
    return [row[-1] / row[place] for place, row in enumerate(rows)]


def _mean(values: Sequence[float]) -> float:
    return fsum(values) / len(values)
