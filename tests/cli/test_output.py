"""What is printed on a screen that lacks letters."""

from __future__ import annotations

import io
import json
import sys

import pytest

from rlaif.cli.output import emit, escape_strange_letters

LETTERS = "Grüße, 道路 😀 €"


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "ascii", "utf-8"])
@pytest.mark.parametrize("as_json", [True, False])
def test_letters_that_a_screen_lacks_end_nothing_and_json_stays_json(
    monkeypatch: pytest.MonkeyPatch, encoding: str, as_json: bool
) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding=encoding))
    escape_strange_letters()
    emit({"text": LETTERS}, LETTERS, as_json=as_json)
    sys.stdout.flush()
    said = written.getvalue()
    if as_json:
        assert json.loads(said.decode(encoding)) == {"text": LETTERS}
    else:
        assert said.startswith(b"Gr")
