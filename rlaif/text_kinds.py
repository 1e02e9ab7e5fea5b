"""What a text is that somebody gave for JSON: told by how it begins, so that nobody is asked to mend its commas."""

from __future__ import annotations

import re

MOST = 4000
"""Characters that are looked at."""
_MARKUP = re.compile(r"<(?:[a-z][\w:.-]*[\s/>]|!--|\?xml|!doctype)", re.I)
_HEADING = re.compile(r"(?m)^(?:#{1,6} \S.*|[^\n]+\n(?:={3,}|-{3,})[ \t]*)$")
_MARKDOWN = re.compile(r"(?:#{1,6} \S|[*+] \S|\d+[.)] \S|> |```|~~~|\[[^\]\n]+\]\(|!\[|\*\*|\|.+\|$)", re.M)
_KEY = re.compile(r"(?:- )?[\w\"'-]+\s*:(?:\s|$)")
_PYTHON = re.compile(r"(?:import|from|def|class) \w|#!.*python")
_CODE = {"#!": "a script", "%PDF": "a PDF file", "PK\x03\x04": "a zip archive"}
_JSON = tuple('{["-0123456789')
_WORDS = re.compile(r"(?:true|false|null|NaN|Infinity)\b")


def kind_of_text(text: str) -> str | None:
    """What a text is if it cannot be JSON, with its article; None of what is JSON, be it a broken one."""
    head = text[:MOST].lstrip("\ufeff \t\r\n")
    json = head.startswith(_JSON) and not (head[0] == "-" and not head[1:2].isdigit())
    if not head or (json and not _MARKDOWN.match(head)):
        return None
    if _WORDS.match(head):
        return None
    if head[:9].lower().startswith(("<!doctype", "<html")):
        return "an HTML page"
    if _MARKUP.match(head):
        return "XML"
    if _PYTHON.match(head):
        return "a Python program"
    named = next((kind for start, kind in _CODE.items() if head.startswith(start)), None)
    return named or _prose(head)


def _prose(head: str) -> str:
    lines = [line for line in head.splitlines() if line.strip()]
    front = lines[0].strip() == "---"
    body = [line for line in lines[front:] if not line.startswith("# ")]  # a comment, or a heading
    if front and "\n---" in head[3:]:
        return "Markdown"
    if body and _KEY.match(body[0]):
        return "YAML"
    if _MARKDOWN.match(lines[0]) or _HEADING.search(head):
        return "Markdown"
    return "plain text"
