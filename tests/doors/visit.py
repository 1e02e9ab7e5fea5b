"""Runs command lines as the command does, one after the other in one process, and keeps all that reaches the screen.

    python visit.py LINES.json FOUND.json

`LINES.json`: lists of arguments. What is written past Python counts too: the descriptors are turned round.
A line that begins with `python:` is run as Python, for the door that is no command.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any


def heard(act: Callable[[], Any]) -> dict[str, Any]:
    """What `act` returns, and what it wrote to both descriptors."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        before = os.dup(1), os.dup(2)
        os.dup2(out.fileno(), 1)
        os.dup2(err.fileno(), 2)
        try:
            code = act()
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            for own, place in zip(before, (1, 2), strict=True):
                os.dup2(own, place)
                os.close(own)
        texts = {}
        for name, file in (("out", out), ("err", err)):
            file.seek(0)
            texts[name] = file.read().decode("utf-8", "backslashreplace")
        return {"code": code, **texts}


def visit(line: list[str]) -> int:
    """Exit code of one line."""
    if line[0] == "python:":
        exec(line[1], {})
        return 0
    from rlaif.cli.main import main

    sys.argv = ["rlaif", *line]
    return main()


if __name__ == "__main__":
    _, asked, told = sys.argv  # each line has a `sys.argv` of its own
    found = []
    for line in json.loads(Path(asked).read_text(encoding="utf-8")):
        found.append(heard(lambda line=line: visit(line)))
        if found[-1]["code"]:
            break  # the others build on it
    Path(told).write_text(json.dumps(found), encoding="utf-8")
