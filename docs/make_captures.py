"""Makes docs/pictures/terminal/: each command on a terminal of 100 columns, as SVG; `make pictures` (minutes).

Each command runs on a terminal of its own (a pty), so that a picture shows what its reader sees: the live display as it
was left, colours, the ending. They are run in one new project, in this order. Into what asks is typed (`TYPED`), what
serves is interrupted once it tells its address (`SERVES`), and what takes long shows its help.
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
from select import select
from signal import SIGINT
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
    "attack": "rlaif attack judge=micro,protocol=checklist --limit 4 --n 4 --generations 2 --best-of 4 "
    "--out runs/attack",
    "export": "rlaif export runs/r1 --format trl --out exported",
    "import": "rlaif import runs/r1/pairs.jsonl --out runs/imported",
    "pack": "rlaif pack runs/r1 --out r1.tar.gz",
    "constitution-new": "rlaif constitution new house --extends micro-default --out house.yaml",
    "constitution-check": "rlaif constitution check house.yaml",
    "constitution-show": "rlaif constitution show micro-default",
    "constitution-test": "rlaif constitution test micro-default --judge micro",
    "constitution-diff": "rlaif constitution diff micro-default house.yaml",
    "constitution-release": "rlaif constitution release house.yaml",
    "constitution-log": "rlaif constitution log house.yaml",
    "constitution-import": "rlaif constitution import house.md --out desk.yaml",
    "rbr-example": "rlaif rbr example --out try --prompts 12",
    "rbr-check": "rlaif rbr check try/rules.yaml",
    "rbr-classify": "rlaif rbr classify try/answers.jsonl --rules try/rules.yaml --judge gold:",
    "rbr-train": "rlaif train reward try/biased-pairs.jsonl --policy micro --steps 6 --out try/rm",
    "rbr-fit": "rlaif rbr fit try/answers.jsonl --rules try/rules.yaml --judge gold: --base reward:try/rm "
    "--out try/weights.json",
    "rbr-score": "rlaif rbr score try/answers.jsonl --weights try/weights.json --out try/scored.jsonl",
    "prices": "rlaif prices",
    "micro-words": "rlaif micro words",
    "micro-report": "rlaif micro report micro --prompts 12",
    "micro-build": "rlaif micro build --help",
    "lab-overoptimize": "rlaif lab overoptimize --quick --methods best-of-n --sizes 1,2 --measured 6 --out runs/lab",
    "review": "rlaif review runs/r1",
    "view": "rlaif view",
    "chat": "rlaif chat --constitution micro-default",
    "serve-reward": "rlaif serve-reward --judge micro --constitution micro-default --port 8088",
    "completion": "rlaif completion --help",
    "error-no-run": "rlaif audit nothing",
    "error-no-data": "rlaif plot runs/r1 rounds --out rounds.svg",
}
"""By the name of its picture, each command as one types it."""
TYPED: Mapping[str, str] = {"chat": "How do I bake bread?\nMy name is Ann. Thank you.\n/quit\n"}
SERVES = ("review", "view", "serve-reward")
FILES: Mapping[str, str] = {
    "house.md": "# Care\n\nBe kind to whoever asks, and say so plainly where you cannot help.\n\n"
    "# Honesty\n\nNever state what you do not know. Give a reason for what you claim.\n"
}
"""What else lies in the project."""
_ADDRESS = re.compile(rb"https?://\S+")
_SECRET = re.compile(r"token=[\w-]+")
SETTLE_S = 1.0
"""Time that a server has, behind its address, to say the rest."""


def main() -> None:
    """Run every command in a new project, and draw what stands on its terminal."""
    CAPTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        project = Path(place) / "project"
        project.mkdir()
        for name, text in FILES.items():
            (project / name).write_text(text, encoding="utf-8")
        for name, line in COMMANDS.items():
            began = time.monotonic()
            written = on_terminal(line, project, typed=TYPED.get(name, ""), serves=name in SERVES)
            shown = _SECRET.sub("token=...", screen(written).replace(place, "~"))
            text = drawn(line, shown)
            (CAPTURES / f"{name}.svg").write_text(text, encoding="utf-8")
            print(f"{name}: {len(text) / 1000:.0f} kB, {time.monotonic() - began:.0f} s", flush=True)


def on_terminal(line: str, place: Path, *, typed: str = "", serves: bool = False) -> str:
    """Everything that a command writes to its terminal, which is 100 columns wide.

    `typed` is what a person types into it; what serves is interrupted (Ctrl-C) behind its address.
    """
    ours, theirs = pty.openpty()
    ioctl(theirs, TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    command = [sys.executable, "-m", "rlaif", *line.split()[1:]]
    told = {**os.environ, "TERM": "xterm-256color", "COLUMNS": str(COLUMNS), "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        command, cwd=place, stdin=theirs, stdout=theirs, stderr=theirs, env=told
    ) as running:
        os.close(theirs)
        os.write(ours, typed.encode())
        written = _read(ours, running, serves=serves)
    os.close(ours)
    return written.decode("utf-8", "replace")


def _read(terminal: int, running: subprocess.Popen[bytes], *, serves: bool) -> bytes:
    written, until, told_at = b"", time.monotonic() + LONGEST_S, 0.0
    while True:
        now = time.monotonic()
        if now > until or (told_at and now > told_at + SETTLE_S):
            running.send_signal(SIGINT)
            until, told_at = now + LONGEST_S, 0.0
            serves = False
        if not select([terminal], [], [], 0.1)[0]:
            continue
        try:
            part = os.read(terminal, 65536)
        except OSError:  # the terminal is closed: the command has ended
            return written
        if not part:
            return written
        written += part
        if serves and not told_at and _ADDRESS.search(written):
            told_at = time.monotonic()


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
