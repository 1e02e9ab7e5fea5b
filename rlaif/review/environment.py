"""How pages are made: templates that escape everything, and what they ask of turns."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlaif.auditing.surface import words
from rlaif.auditing.turn_texts import call_text, last_asked, tool_names, turn_title
from rlaif.review import numbers
from rlaif.review.named import said
from rlaif.review.tables import shown

if TYPE_CHECKING:
    from jinja2 import Environment

_BACKTICKS = re.compile(r"`([^`\n]{1,200})`")
PAGES = Path(__file__).with_name("pages")


def page_environment() -> Environment:
    """The environment of all pages: what a model, a file or a user wrote is text in them."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    found = Environment(loader=FileSystemLoader(PAGES), autoescape=True, undefined=StrictUndefined)
    found.filters |= {
        "shown": shown,
        "words": words,
        "turn_title": turn_title,
        "call_text": call_text,
        "last_asked": last_asked,
        "tool_names": tool_names,
        "schema": _schema,
        "figure": numbers.figure,
        "share": numbers.share,
        "percent": numbers.percent,
        "span": numbers.span,
        "moment": numbers.moment,
        "money": numbers.money,
        "model": said,
        "drawn": _drawn,
        "code_marked": _code_marked,
    }
    return found


def _drawn(chart: str) -> Any:
    """What `charts` made, which escapes its own labels: the one kind of text that pages take as it is."""
    from markupsafe import Markup

    return Markup(chart)


def _code_marked(text: str) -> Any:
    """A sentence whose words between backticks are commands; escaped before any mark is put in."""
    from markupsafe import Markup, escape

    return Markup(_BACKTICKS.sub(r"<code>\1</code>", str(escape(text))))


def _schema(tool: Mapping[str, Any]) -> str:
    return json.dumps(tool, ensure_ascii=False, indent=2)
