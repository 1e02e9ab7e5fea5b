"""Makes docs/pictures/terminal/: each command on a terminal of 100 columns, as SVG; `make pictures` (minutes).

Each command runs on a terminal of its own (a pty), so that a picture shows what its reader sees: the live display as it
was left, colours, the ending. Most are run in one new project, in this order; what serves or asks shows its help.
"""

from __future__ import annotations

import os
import pty
import re
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from fcntl import ioctl
from pathlib import Path
from termios import TIOCSWINSZ

CAPTURES = Path(__file__).parent / "pictures" / "terminal"
COLUMNS, LINES = 100, 60
MOST_LINES = 48
"""Lines of a picture: of a longer output its beginning, with a line that says how much more there is."""
LONGEST_S = 900

COMMANDS: Mapping[str, str] = {
    "help": "rlaif --help",
    "init": "rlaif init .",
    "generate": "rlaif generate --limit 12 --n 4 --accept-unfit --out runs/r1",
    "generate-dry-run": "rlaif generate --limit 12 --n 4 --out runs/r2 --dry-run",
    "audit": "rlaif audit runs/r1",
    "judge": "rlaif judge runs/r1 --judge gold: --out runs/gold",
    "judge-check": "rlaif judge check --judge micro --limit 12 --retest 4 --out runs/check",
    "train": "rlaif train runs/r1 --steps 8 --out models/dpo",
    "evaluate": "rlaif evaluate --policy models/dpo --against micro --judge micro --prompts micro:held-out --limit 8 "
    "--gold --out runs/eval",
    "run": "rlaif run self-rewarding --quick --limit 8 --out runs/loop",
    "run-list": "rlaif run",
    "status": "rlaif status",
    "report": "rlaif report runs/loop",
    "plot": "rlaif plot runs/loop",
    "attack": "rlaif attack judge=micro,protocol=checklist --limit 4 --dry-run",
    "export": "rlaif export runs/r1 --format trl --out exported",
    "import": "rlaif import runs/r1/pairs.jsonl --out runs/imported",
    "pack": "rlaif pack runs/r1 --out r1.tar.gz",
    "constitution-new": "rlaif constitution new house --extends micro-default --out house.yaml",
    "constitution-check": "rlaif constitution check house.yaml",
    "constitution-show": "rlaif constitution show micro-default",
    "constitution-test": "rlaif constitution test micro-default --judge micro",
    "constitution-diff": "rlaif constitution diff micro-default house.yaml",
    "constitution-log": "rlaif constitution log house.yaml",
    "constitution-release": "rlaif constitution release --help",
    "constitution-import": "rlaif constitution import --help",
    "rbr-example": "rlaif rbr example --out try --prompts 12",
    "rbr-check": "rlaif rbr check try/rules.yaml",
    "rbr-classify": "rlaif rbr classify --help",
    "rbr-fit": "rlaif rbr fit --help",
    "rbr-score": "rlaif rbr score --help",
    "prices": "rlaif prices",
    "micro-words": "rlaif micro words",
    "micro-report": "rlaif micro report micro --prompts 12",
    "micro-build": "rlaif micro build --help",
    "lab-overoptimize": "rlaif lab overoptimize --quick --methods best-of-n --sizes 1,2 --measured 6 --out runs/lab",
    "review": "rlaif review --help",
    "view": "rlaif view --help",
    "chat": "rlaif chat --help",
    "serve-reward": "rlaif serve-reward --help",
    "completion": "rlaif completion --help",
    "error-no-run": "rlaif audit nothing",
    "error-no-data": "rlaif plot runs/r1 rounds --out rounds.svg",
}
"""By the name of its picture, each command as one types it."""


def main() -> None:
    """Run every command in a new project, and draw what stands on its terminal."""
    CAPTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        project = Path(place) / "project"
        project.mkdir()
        for name, line in COMMANDS.items():
            began = time.monotonic()
            shown = screen(on_terminal(line, project)).replace(place, "~")
            text = drawn(line, shown)
            (CAPTURES / f"{name}.svg").write_text(text, encoding="utf-8")
            print(f"{name}: {len(text) / 1000:.0f} kB, {time.monotonic() - began:.0f} s", flush=True)


def on_terminal(line: str, place: Path) -> str:
    """Everything that a command writes to its terminal, which is 100 columns wide."""
    ours, theirs = pty.openpty()
    ioctl(theirs, TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    command = [sys.executable, "-m", "rlaif", *line.split()[1:]]
    told = {**os.environ, "TERM": "xterm-256color", "COLUMNS": str(COLUMNS), "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        command, cwd=place, stdin=theirs, stdout=theirs, stderr=theirs, env=told
    ) as running:
        os.close(theirs)
        written = b""
        until = time.monotonic() + LONGEST_S
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:  # the terminal is closed: the command has ended
                break
            written += part
            if not part or time.monotonic() > until:
                break
        if running.poll() is None and time.monotonic() > until:
            running.terminate()
    os.close(ours)
    return written.decode("utf-8", "replace")


_ESCAPE = re.compile(r"\x1b\[([?0-9;]*)([A-Za-z])|\x1b\][^\x07]*\x07|\x1b[()][A-Z0-9]")


def screen(written: str) -> str:
    """What is left to see, colours included: lines that a live display wrote over are gone."""
    lines, row, at = [""], 0, 0
    for found in _ESCAPE.finditer(f"{written}\x1b[0Z"):
        row = _put(lines, row, written[at : found.start()])
        at = found.end()
        count, code = found[1] or "", found[2]
        if code == "A":
            row = max(0, row - int(count or 1))
        elif code == "K":
            lines[row] = ""
        elif code == "m":
            lines[row] += found[0]
    return "\n".join(each.rstrip() for each in lines).strip("\n")


def _put(lines: list[str], row: int, text: str) -> int:
    """Write plain text from a row on; the row in which it ends."""
    for part in re.split(r"(\r\n|\n|\r)", text):
        if part in ("\n", "\r\n"):
            row += 1
            if row == len(lines):
                lines.append("")
        elif part and part != "\r":
            lines[row] += part
    return row


def drawn(line: str, shown: str) -> str:
    """The command and what it showed, as SVG that needs no network and no font of its own."""
    from rich.console import Console
    from rich.text import Text

    lines = shown.splitlines()
    more = len(lines) - MOST_LINES
    if more > 0:
        lines = [*lines[:MOST_LINES], f"... {more} more lines"]
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        console = Console(
            record=True, width=COLUMNS, file=nowhere, force_terminal=True, color_system="truecolor"
        )
        console.print(Text(f"$ {line}", style="bold"))
        for each in lines:
            whole = Text.from_ansi(each)
            # as a terminal does: what is longer goes on in the next line
            for part in whole.divide(range(COLUMNS, len(whole), COLUMNS)):
                console.print(part, soft_wrap=True)
        svg = console.export_svg(title=line.partition(" --")[0], unique_id="terminal")
    # a picture asks no other machine for a font
    return re.sub(r"@font-face\s*{.*?}\s*", "", svg, flags=re.DOTALL)


if __name__ == "__main__":
    main()
