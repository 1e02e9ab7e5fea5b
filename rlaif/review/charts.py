"""Small charts as inline SVG and HTML text. Pure: numbers in, markup out; every label is escaped here.

Colours are classes of the style sheet (`s0` to `s3`), never attributes of style: the content policy of the local pages
lets no other style in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import NamedTuple

from rlaif.review.numbers import figure

WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT = 360, 202, 56, 38, 30, 14
COLOURS = 4
MOST_POINTS = 400
"""Points of one line that are drawn: of more, every n-th one and the last."""
ENOUGH = 5
"""Labels of a bin from which its share is joined to others."""
DOTTED = 40
"""Points up to which each one has a dot."""


class PrincipleChange(NamedTuple):
    """A row of `changes`: what it is, and its value before and after."""

    name: str
    before: float | None
    after: float | None


def lines(
    title: str,
    series: Mapping[str, Sequence[float | None]],
    *,
    low: float = 0.0,
    top: float | None = None,
    at: Sequence[float] | None = None,
    x: str = "",
) -> str:
    """Draw named series as lines.

    Args:
        title: What is drawn, in words.
        series: By name, one value for each place on the x axis; a None leaves a gap.
        low: The lowest value that the y axis must hold.
        top: The highest; None: 1 for what lies below it, as shares do, else the highest that is known.
        at: The places on the x axis, rising; None: 0, 1, 2 ... (rounds).
        x: What the x axis is, with its unit.

    Returns:
        A figure; empty where nothing is known.
    """
    known = [value for values in series.values() for value in values if value is not None]
    if not known:
        return ""
    bottom = min([low, *known])
    if top is None and max(known) <= 1 and low >= 0:
        top = 1.0
    top = max([*known, bottom + 1e-9, *([] if top is None else [top])])
    count = max(len(values) for values in series.values())
    places = list(at) if at is not None else [float(each) for each in range(count)]
    first, width = places[0], (places[-1] - places[0]) or 1.0
    parts = [_frame(title), *_axis(bottom, top), *_ticks(places), _named(x)]
    for number, (name, values) in enumerate(series.items()):
        points = [
            ((place - first) / width, value)
            for place, value in zip(places, values, strict=False)
            if value is not None
        ]
        parts += _trace(_thinned(points), number, name, bottom, (top - bottom) or 1)
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
                bar = f'<rect class="f{number % COLOURS}" width="{share}%" height="100%" rx="2"/>'
                drawn.append(
                    f'<svg class="bar" aria-hidden="true">{bar}</svg><span class="value">{figure(value)}</span>'
                )
        cells = "".join(f'<div class="row">{each}</div>' for each in drawn)
        parts.append(f'<tr><th scope="row">{escape(row)}</th><td>{cells}</td></tr>')
    legend = _legend(names) if len(names) > 1 else ""
    return "".join([*parts, "</tbody></table>", legend])


def changes(rows: Sequence[PrincipleChange], *, names: tuple[str, str], top: float = 1.0) -> str:
    """A line from before to after for each row, as a table that says both and their difference.

    Rows of which only one side is known have one dot. `names` says what the two sides are.
    """
    drawn = [each for each in rows if each.before is not None or each.after is not None]
    if not drawn or top <= 0:
        return ""
    head = "".join(f'<th scope="col" class="num">{escape(each)}</th>' for each in (*names, "change"))
    parts = [
        f'<div class="wide" tabindex="0" role="region" aria-label="{escape(" and ".join(names))}">',
        '<table class="changes"><thead><tr><th scope="col">principle</th>',
        f'<th scope="col"><span class="hidden">drawn</span></th>{head}</tr></thead><tbody>',
    ]
    for each in drawn:
        apart = None if each.before is None or each.after is None else each.after - each.before
        way = "" if apart is None or abs(apart) < 0.005 else " up" if apart > 0 else " down"
        said = "-" if apart is None else f"{apart:+.2f}".replace("-", "−")
        cells = "".join(f'<td class="num">{figure(value)}</td>' for value in (each.before, each.after))
        parts.append(
            f'<tr><th scope="row">{escape(each.name)}</th><td>{_dots(each, top)}</td>{cells}'
            f'<td class="num{way}">{said}</td></tr>'
        )
    return "".join([*parts, "</tbody></table></div>"])


def spark(values: Sequence[float | None], said: str) -> str:
    """A line as high as a word, for a table; `said` says it for those who do not see it."""
    known = [(place, value) for place, value in enumerate(values) if value is not None]
    if len(known) < 2:
        return ""
    low, high = min(value for _, value in known), max(value for _, value in known)
    room, last = (high - low) or 1.0, max(1, len(values) - 1)
    points = " ".join(
        f"{2 + 60 * place / last:.1f},{16 - 13 * (value - low) / room:.1f}" for place, value in known
    )
    x, y = points.rpartition(" ")[2].split(",")
    return (
        f'<svg class="spark" viewBox="0 0 66 18" role="img" aria-label="{escape(said)}">'
        f'<polyline class="l0" points="{points}"/><circle class="f0" cx="{x}" cy="{y}" r="2"/></svg>'
    )


def histogram(
    title: str, series: Mapping[str, Sequence[int]], edges: Sequence[float], *, digits: int = 0, x: str = ""
) -> str:
    """Draw a histogram as SVG: `series` holds counts per bin by name, shown side by side; empty without counts."""
    most = max((count for counts in series.values() for count in counts), default=0)
    if not most:
        return ""
    bins = len(edges) - 1
    wide = (WIDTH - LEFT - RIGHT) / bins
    parts = [_frame(title), *_axis(0, float(most)), _named(x)]
    for number, (name, counts) in enumerate(series.items()):
        for place, count in enumerate(counts):
            thick = (wide - 2) / len(series)
            left, y = LEFT + place * wide + 1 + number * thick, _y(count / most)
            said = f"{name}: {count} from {edges[place]:.{digits}f} to {edges[place + 1]:.{digits}f}"
            parts.append(
                f'<rect class="f{number % COLOURS}" x="{left:.1f}" y="{y}" width="{thick:.1f}" '
                f'height="{_y(0) - y:.1f}"><title>{escape(said)}</title></rect>'
            )
    step = -(-(bins + 1) // 6)
    for place in range(0, bins + 1, step):
        parts.append(_tick(LEFT + place * wide, f"{edges[place]:.{digits}f}"))
    legend = _legend(list(series)) if len(series) > 1 else ""
    return "".join([*parts, "</svg>", legend, "</figure>"])


def reliability(title: str, bins: Sequence[tuple[int, float, float]], *, x: str = "") -> str:
    """Of bins (size, mean said, share true): points on the diagonal mean what they say; larger ones hold more."""
    if not bins:
        return ""
    parts = [_frame(title), *_axis(0.0, 1.0), *_ticks([0, 0.25, 0.5, 0.75, 1]), _named(x)]
    ends = f'x1="{_x(0)}" y1="{_y(0)}" x2="{_x(1)}" y2="{_y(1)}"'
    parts.append(f'<line class="rule dashed" {ends}/>')
    most = max(size for size, _, _ in bins)
    points = [(_x(said), _y(true)) for _, said, true in bins]
    # a bin of one or two labels is at 0 or 1 by chance: a line through it would show a leap that is none
    joined = [each for each, (size, _, _) in zip(points, bins, strict=True) if size >= ENOUGH]
    if len(joined) > 1:
        path = " ".join(f"{across},{y}" for across, y in joined)
        parts.append(f'<polyline class="l0" points="{path}"/>')
    for (across, y), (size, said, true) in zip(points, bins, strict=True):
        words = f"{size} labels that say {said:.2f} are right in {true:.2f}"
        radius = round(3 + 5 * (size / most) ** 0.5, 1)
        parts.append(
            f'<circle class="{"f0" if size >= ENOUGH else "hollow"}" cx="{across}" cy="{y}" r="{radius}">'
            f"<title>{words}</title></circle>"
        )
    return "".join([*parts, "</svg></figure>"])


def intervals(
    title: str,
    rows: Sequence[tuple[str, float, float | None, float | None]],
    *,
    reference: float | None = None,
    limits: tuple[float, float] = (0.0, 1.0),
) -> str:
    """Figures with intervals on lines between `limits`, as a table that says them; a stroke marks the reference."""
    if not rows:
        return ""
    parts = [
        f'<div class="wide" tabindex="0" role="region" aria-label="{escape(title)}">',
        f'<table class="changes"><caption>{escape(title)}</caption><tbody>',
    ]
    for name, value, low, high in rows:
        known = "" if low is None or high is None else f"[{figure(low)}, {figure(high)}]"
        parts.append(
            f'<tr><th scope="row">{escape(name)}</th><td>{_bracket(value, low, high, reference, limits)}</td>'
            f'<td class="num">{figure(value)}</td><td class="num">{known}</td></tr>'
        )
    return "".join([*parts, "</tbody></table></div>"])


def _bracket(
    value: float,
    low: float | None,
    high: float | None,
    reference: float | None,
    limits: tuple[float, float],
) -> str:
    """One row of `intervals`: a dot on a line from the lower to the upper end."""

    def at(figure: float) -> float:
        share = (figure - limits[0]) / (limits[1] - limits[0])
        return round(3 + 94 * min(1.0, max(0.0, share)), 1)

    parts = ['<svg class="dots" aria-hidden="true"><line class="rule" x1="3%" x2="97%" y1="50%" y2="50%"/>']
    if reference is not None:
        place = at(reference)
        parts.append(f'<line class="rule dashed" x1="{place}%" x2="{place}%" y1="0" y2="100%"/>')
    if low is not None and high is not None:
        parts.append(f'<line class="l0" x1="{at(low)}%" x2="{at(high)}%" y1="50%" y2="50%"/>')
    return "".join([*parts, f'<circle class="f0" cx="{at(value)}%" cy="50%" r="4.5"/></svg>'])


def _dots(each: PrincipleChange, top: float) -> str:
    """One row of `changes`: a hollow dot before, a full one after, a line between them."""
    at = [
        None if value is None else round(3 + 94 * min(1.0, max(0.0, value / top)), 1)
        for value in (each.before, each.after)
    ]
    before, after = at
    parts = ['<svg class="dots" aria-hidden="true"><line class="rule" x1="3%" x2="97%" y1="50%" y2="50%"/>']
    if before is not None and after is not None:
        parts.append(f'<line class="l0" x1="{before}%" x2="{after}%" y1="50%" y2="50%"/>')
    if before is not None:
        parts.append(f'<circle class="hollow" cx="{before}%" cy="50%" r="4"/>')
    if after is not None:
        parts.append(f'<circle class="f0" cx="{after}%" cy="50%" r="4.5"/>')
    return "".join([*parts, "</svg>"])


def _x(share: float) -> float:
    return round(LEFT + (WIDTH - LEFT - RIGHT) * share, 1)


def _y(share: float) -> float:
    return round(TOP + (HEIGHT - TOP - BOTTOM) * (1 - share), 1)


def _thinned(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    if len(points) <= MOST_POINTS:
        return points
    step = -(-len(points) // MOST_POINTS)
    kept = points[::step]
    return kept if kept[-1] == points[-1] else [*kept, points[-1]]


def _trace(
    points: Sequence[tuple[float, float]], number: int, name: str, bottom: float, room: float
) -> list[str]:
    placed = [(_x(share), _y((value - bottom) / room), value) for share, value in points]
    path = " ".join(f"{x},{y}" for x, y, _ in placed)
    line = f'<polyline class="l{number % COLOURS}" points="{path}"/>'
    dotted = placed if len(placed) <= DOTTED else placed[-1:]
    dots = (
        f'<circle class="f{number % COLOURS}" cx="{x}" cy="{y}" r="3">'
        f"<title>{escape(name)}: {figure(value)}</title></circle>"
        for x, y, value in dotted
    )
    return [line, *dots]


def _frame(title: str) -> str:
    head = f'<svg role="img" viewBox="0 0 {WIDTH} {HEIGHT}" class="chart"><title>{escape(title)}</title>'
    return f'<figure>{head}<text x="4" y="14" class="head">{escape(title)}</text>'


def _axis(bottom: float, top: float) -> list[str]:
    parts = []
    for value in (bottom, (bottom + top) / 2, top):
        y = _y((value - bottom) / ((top - bottom) or 1))
        kind = "rule" if value == bottom else "across"
        parts.append(f'<line class="{kind}" x1="{LEFT}" y1="{y}" x2="{WIDTH - RIGHT}" y2="{y}"/>')
        zero = abs(value) < 1e-9 * (top - bottom)
        shown = "0" if zero else _label(value)
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4}" text-anchor="end" class="tiny">{shown}</text>')
    return parts


def _label(value: float) -> str:
    """A number in the room that is left of an axis: seven letters."""
    size = abs(value)
    if size >= 1e6:
        text = f"{value:.1e}".replace("e+0", "e")
    elif size >= 10:
        text = f"{value:,.0f}"
    else:
        text = f"{value:.1e}".replace("e-0", "e-") if size < 1e-3 else f"{value:.2g}"
    return text.replace("-", "\u2212", 1) if value < 0 else text


def _ticks(places: Sequence[float]) -> list[str]:
    """At most six labels below the axis: at places that there are, or evenly where these are no whole numbers."""
    if any(each != int(each) for each in places):
        room = places[-1] - places[0]
        return [_tick(_x(part / 4), f"{places[0] + room * part / 4:.2f}") for part in range(5)]
    width = (places[-1] - places[0]) or 1.0
    step = max(1, -(-(len(places) - 1) // 5))
    shown = list(places[::step])
    if shown[-1] != places[-1]:
        near = (places[-1] - shown[-1]) / width < 0.1
        shown = [*(shown[:-1] if near and len(shown) > 1 else shown), places[-1]]
    return [_tick(_x((place - places[0]) / width), f"{place:,g}") for place in shown]


def _tick(x: float, label: str) -> str:
    return f'<text x="{x:.1f}" y="{_y(0) + 16}" text-anchor="middle" class="tiny">{escape(label)}</text>'


def _named(x: str) -> str:
    """What the x axis is, below its labels."""
    middle = (LEFT + WIDTH - RIGHT) / 2
    return (
        f'<text x="{middle:.1f}" y="{HEIGHT - 4}" text-anchor="middle" class="tiny">{escape(x)}</text>'
        if x
        else ""
    )


def _legend(names: Sequence[str]) -> str:
    if len(names) < 2:
        return ""
    marks = [
        f'<span><svg class="mark" viewBox="0 0 18 8" aria-hidden="true"><line class="l{place % COLOURS}" '
        f'x1="0" x2="18" y1="4" y2="4"/></svg> {escape(name)}</span>'
        for place, name in enumerate(names)
    ]
    return f'<figcaption class="legend">{"".join(marks)}</figcaption>'
