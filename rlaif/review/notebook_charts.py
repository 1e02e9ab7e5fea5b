"""Panels for notebooks, which have no style sheet of ours: the same drawings, with their colours as attributes.

A notebook may be dark or light: words take the colour of the words around them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from rlaif.review.charts import COLOURS as SERIES
from rlaif.review.panels import Panel, all_inline
from rlaif.review.plots.style import COLOURS

_DASHES = ("", "6 3", "2 3", "8 3 2 3")
WIDTH = 380
"""Pixels of a picture."""
_GREY = "#808080"
_ATTRIBUTES = {
    "chart": f'width="{WIDTH}" font-family="sans-serif" font-size="13" fill="currentColor"',
    "dots": 'width="220" height="16"',
    "bar": 'width="220" height="10"',
    "mark": 'width="18" height="8"',
    "rule": f'stroke="{_GREY}"',
    "rule dashed": f'stroke="{_GREY}" stroke-dasharray="4 4"',
    "across": f'stroke="{_GREY}" stroke-opacity="0.35"',
    "head": 'font-weight="600"',
    "tiny": 'font-size="11.5"',
    "hollow": f'fill="none" stroke="{COLOURS[0]}" stroke-width="2"',
    **{f"f{place}": f'fill="{COLOURS[place]}"' for place in range(SERIES)},
    **{
        f"l{place}": f'fill="none" stroke="{COLOURS[place]}" stroke-width="2"'
        + (f' stroke-dasharray="{_DASHES[place]}"' if _DASHES[place] else "")
        for place in range(SERIES)
    },
}
_CLASS = re.compile(r'(<(?:svg|rect|circle|line|polyline|text)\b[^<>]*?) class="([a-z0-9 ]+)"')


def notebook_charts(panels: Sequence[Panel]) -> str:
    """The panels of which something is known, side by side; empty of none."""
    drawn = [_coloured(each) for each in all_inline(panels)]
    cells = "".join(f'<div style="display:inline-block;vertical-align:top">{each}</div>' for each in drawn)
    return f"<div>{cells}</div>" if cells else ""


def _coloured(markup: str) -> str:
    """Attributes in the place of classes; escaped labels hold no `<`, so that only our own tags are met."""
    apart = markup.replace("<span><svg", '<span style="margin-right:1em"><svg')
    return _CLASS.sub(lambda found: f"{found[1]} {_ATTRIBUTES.get(found[2], '')}".rstrip(), apart)
