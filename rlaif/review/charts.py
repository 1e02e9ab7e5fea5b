"""Small charts as inline SVG and HTML text. Pure: numbers in, markup out; every label is escaped here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT = 360, 180, 44, 26, 24, 12
COLOURS = ("var(--a)", "var(--b)", "var(--c)", "var(--d)")


def lines(title: str, series: Mapping[str, Sequence[float | None]], *, low: float = 0.0) -> str:
    """Named series over rounds 0, 1, 2 ...; a None leaves a gap."""
    known = [value for values in series.values() for value in values if value is not None]
    if not known:
        return ""
    top = max([*known, low + 1e-9]) if max(known) > 1 or low < 0 else 1.0
    bottom = min([low, *known])
    count = max(len(values) for values in series.values())
    parts = [_frame(title), *_axis(bottom, top), *_ticks([str(each) for each in range(count)])]
    for number, values in enumerate(series.values()):
        points = [
            (_x(index / max(1, count - 1)), _y((value - bottom) / ((top - bottom) or 1)))
            for index, value in enumerate(values)
            if value is not None
        ]
        parts += _trace(points, number)
    return "".join([*parts, "</svg>", _legend(list(series)), "</figure>"])


def bars(rows: Mapping[str, Sequence[float | None]], *, names: Sequence[str], top: float = 1.0) -> str:
    """One group of bars a row, from 0 to `top`, as a table; `names` says what the bars of a group are."""
    if not rows or top <= 0:
        return ""
    parts = [f'<table class="bars"><caption>{escape(", ".join(names))}</caption><tbody>']
    for row, values in rows.items():
        drawn = []
        for number, value in enumerate(values):
            if value is not None:
                share = round(100 * min(1.0, max(0.0, value / top)), 1)
                shown = f"{value:.2f}" if isinstance(value, float) else f"{value:,}"
                colour = COLOURS[number % len(COLOURS)]
                bar = f'<span class="bar" style="width:{share}%;background:{colour}"></span>'
                drawn.append(f'<span class="track">{bar}</span><span class="value">{shown}</span>')
        cells = "".join(f'<div class="row">{each}</div>' for each in drawn)
        parts.append(f'<tr><th scope="row">{escape(row)}</th><td>{cells}</td></tr>')
    legend = _legend(names) if len(names) > 1 else ""
    return "".join([*parts, "</tbody></table>", legend])


def histogram(
    title: str, series: Mapping[str, Sequence[int]], edges: Sequence[float], *, digits: int = 0
) -> str:
    """Draw a histogram as SVG: `series` holds counts per bin by name, shown side by side; empty without counts."""
    most = max((count for counts in series.values() for count in counts), default=0)
    if not most:
        return ""
    bins = len(edges) - 1
    wide = (WIDTH - LEFT - RIGHT) / bins
    parts = [_frame(title), *_axis(0, float(most))]
    for number, (name, counts) in enumerate(series.items()):
        for place, count in enumerate(counts):
            thick = (wide - 2) / len(series)
            x, y = LEFT + place * wide + 1 + number * thick, _y(count / most)
            said = f"{name}: {count} from {edges[place]:.{digits}f} to {edges[place + 1]:.{digits}f}"
            parts.append(
                f'<rect x="{x:.1f}" y="{y}" width="{thick:.1f}" height="{_y(0) - y:.1f}" '
                f'style="fill:{COLOURS[number % 4]}"><title>{escape(said)}</title></rect>'
            )
    step = -(-(bins + 1) // 6)
    for place in range(0, bins + 1, step):
        parts.append(_tick(LEFT + place * wide, f"{edges[place]:.{digits}f}"))
    legend = _legend(list(series)) if len(series) > 1 else ""
    return "".join([*parts, "</svg>", legend, "</figure>"])


def reliability(title: str, bins: Sequence[tuple[int, float, float]]) -> str:
    """Of bins (size, mean said, share true): points on the diagonal mean what they say; larger ones hold more."""
    if not bins:
        return ""
    parts = [_frame(title), *_axis(0.0, 1.0), *_ticks(["0", "0.25", "0.5", "0.75", "1"])]
    ends = f'x1="{_x(0)}" y1="{_y(0)}" x2="{_x(1)}" y2="{_y(1)}"'
    parts.append(f'<line {ends} style="stroke:var(--dim);stroke-dasharray:4 4"/>')
    most = max(size for size, _, _ in bins)
    points = [(_x(said), _y(true)) for _, said, true in bins]
    path = " ".join(f"{x},{y}" for x, y in points)
    parts.append(f'<polyline points="{path}" style="fill:none;stroke:{COLOURS[0]};stroke-width:2"/>')
    for (x, y), (size, said, true) in zip(points, bins, strict=True):
        words = f"{size} labels that say {said:.2f} are right in {true:.2f}"
        radius = round(3 + 5 * (size / most) ** 0.5, 1)
        parts.append(
            f'<circle cx="{x}" cy="{y}" r="{radius}" style="fill:{COLOURS[0]}"><title>{words}</title></circle>'
        )
    return "".join([*parts, "</svg></figure>"])


def _x(share: float) -> float:
    return round(LEFT + (WIDTH - LEFT - RIGHT) * share, 1)


def _y(share: float) -> float:
    return round(TOP + (HEIGHT - TOP - BOTTOM) * (1 - share), 1)


def _trace(points: Sequence[tuple[float, float]], number: int) -> list[str]:
    colour = COLOURS[number % len(COLOURS)]
    path = " ".join(f"{x},{y}" for x, y in points)
    dashes = ("", "6 3", "2 3", "8 3 2 3")[number % 4]
    style = f"fill:none;stroke:{colour};stroke-width:2;stroke-dasharray:{dashes or 'none'}"
    line = f'<polyline points="{path}" style="{style}"/>'
    return [line, *(f'<circle cx="{x}" cy="{y}" r="3" style="fill:{colour}"/>' for x, y in points)]


def _frame(title: str) -> str:
    head = f'<svg role="img" viewBox="0 0 {WIDTH} {HEIGHT}" class="chart"><title>{escape(title)}</title>'
    return f'<figure>{head}<text x="4" y="13" class="head">{escape(title)}</text>'


def _axis(bottom: float, top: float) -> list[str]:
    base = _y(0)
    parts = [f'<line x1="{LEFT}" y1="{base}" x2="{WIDTH - RIGHT}" y2="{base}" style="stroke:var(--dim)"/>']
    for value, y in ((bottom, base), (top, TOP)):
        shown = f"{value:,.0f}" if abs(value) >= 10 else f"{value:.2g}"
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4}" text-anchor="end" class="tiny">{shown}</text>')
    return parts


def _ticks(labels: Sequence[str]) -> list[str]:
    return [_tick(_x(place / max(1, len(labels) - 1)), label) for place, label in enumerate(labels)]


def _tick(x: float, label: str) -> str:
    return f'<text x="{x:.1f}" y="{_y(0) + 15}" text-anchor="middle" class="tiny">{escape(label)}</text>'


def _legend(names: Sequence[str]) -> str:
    marks = [
        f'<span><span style="color:{COLOURS[place % 4]}" aria-hidden="true">&#9679;</span> {escape(name)}</span>'
        for place, name in enumerate(names)
    ]
    return f'<div class="legend">{"".join(marks)}</div>'
