"""Small charts as inline SVG text. Pure: numbers in, markup out; every label is escaped here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 360, 170, 40, 24, 10
COLOURS = ("var(--a)", "var(--b)", "var(--c)", "var(--d)")


def lines(title: str, series: Mapping[str, Sequence[float | None]], *, low: float = 0.0) -> str:
    """Named series over rounds 0, 1, 2 ...; a None leaves a gap."""
    known = [value for values in series.values() for value in values if value is not None]
    if not known:
        return ""
    top = max([*known, low + 1e-9]) if max(known) > 1 or low < 0 else 1.0
    bottom = min([low, *known])
    count = max(len(values) for values in series.values())

    def place(index: int, value: float) -> tuple[float, float]:
        x = LEFT + (WIDTH - LEFT - 12) * (index / max(1, count - 1))
        y = TOP + (HEIGHT - TOP - BOTTOM) * (1 - (value - bottom) / ((top - bottom) or 1))
        return round(x, 1), round(y, 1)

    parts = [_frame(title), *_axis(bottom, top, count, place(0, bottom)[1])]
    for number, (name, values) in enumerate(series.items()):
        colour = COLOURS[number % len(COLOURS)]
        points = [place(index, value) for index, value in enumerate(values) if value is not None]
        path = " ".join(f"{x},{y}" for x, y in points)
        parts.append(f'<polyline points="{path}" style="fill:none;stroke:{colour};stroke-width:2"/>')
        parts += [f'<circle cx="{x}" cy="{y}" r="3" style="fill:{colour}"/>' for x, y in points]
        where = f'x="{LEFT + 8 + 110 * number}" y="{HEIGHT + 14}"'
        parts.append(f'<text {where} style="fill:{colour}">&#9679; {escape(name)}</text>')
    return "".join([*parts, "</svg>"])


def bars(rows: Mapping[str, Sequence[float | None]], *, names: Sequence[str], top: float = 1.0) -> str:
    """One group of bars a row, from 0 to `top`; `names` says what the bars of a group are."""
    if not rows or top <= 0:
        return ""
    gap, thick, label = 10, 9, 210
    height = sum(len(values) * thick + gap for values in rows.values()) + 18
    parts = [
        f'<svg role="img" viewBox="0 0 620 {height}" class="bars"><title>{escape(", ".join(names))}</title>'
    ]
    y = 0
    for row, values in rows.items():
        middle = y + len(values) * thick / 2 + 4
        parts.append(f'<text x="{label - 8}" y="{middle}" text-anchor="end">{escape(row)}</text>')
        for number, value in enumerate(values):
            if value is not None:
                width = round(340 * min(1.0, value / top), 1)
                where = f'x="{label}" y="{y + number * thick}" width="{width}" height="{thick - 2}"'
                parts.append(f'<rect {where} style="fill:{COLOURS[number % len(COLOURS)]}"/>')
                shown = f"{value:.2f}" if isinstance(value, float) else str(value)
                parts.append(
                    f'<text x="{label + width + 5}" y="{y + number * thick + 7}" class="tiny">{shown}</text>'
                )
        y += len(values) * thick + gap
    for number, name in enumerate(names):
        colour = COLOURS[number % len(COLOURS)]
        parts.append(
            f'<text x="{label + 130 * number}" y="{y + 10}" style="fill:{colour}">&#9679; {escape(name)}</text>'
        )
    return "".join([*parts, "</svg>"])


def _frame(title: str) -> str:
    head = f'<svg role="img" viewBox="0 0 {WIDTH} {HEIGHT + 22}" class="chart"><title>{escape(title)}</title>'
    return f'{head}<text x="{LEFT}" y="{TOP}" class="tiny">{escape(title)}</text>'


def _axis(bottom: float, top: float, count: int, base: float) -> list[str]:
    parts = [f'<line x1="{LEFT}" y1="{base}" x2="{WIDTH - 12}" y2="{base}" style="stroke:var(--line)"/>']
    for value, y in ((bottom, base), (top, TOP)):
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4}" text-anchor="end" class="tiny">{value:.2g}</text>')
    for index in range(count):
        x = LEFT + (WIDTH - LEFT - 12) * (index / max(1, count - 1))
        parts.append(f'<text x="{x:.1f}" y="{base + 14}" text-anchor="middle" class="tiny">{index}</text>')
    return parts
