"""`make canary`: the newest of everything, tried on the main job in miniature, before users meet it.

    python tools/canary.py

A clean environment (.venv-canary) of names alone, no lock and no ranges; just torch is held to the release of which
there is a CPU build. Then every command of the main job, a server, trainings, each optional import, and the
advisories for what is locked. Prints what moved since the lock and what broke.
Exit code: 0 nothing broke; 1 something did; 3 nothing did, but the advisories could not be asked.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version

from environments import ROOT, Environment, PipError, table
from lock import TORCH, lock_path
from pins import PROJECT, Pin, canonical, read_lock, read_project, wanted

FOLDER = ROOT / ".venv-canary"
OPTIONAL = (
    "wandb", "mlflow", "trackio", "bitsandbytes", "ray", "h2", "starlette", "uvicorn", "playwright.sync_api", "trl",
)  # fmt: skip
CLI = ("-c", "import sys; from rlaif.cli.main import main; sys.exit(main(sys.argv[1:]))")
AUDITED = ("user", "dev")
BROKE, NOT_ASKED = 1, 3
OFFLINE = {
    "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "WANDB_MODE": "offline", "WANDB_SILENT": "true",
}  # fmt: skip
_WARNS = re.compile(r"\b(FutureWarning|DeprecationWarning|PendingDeprecationWarning): .*")


@dataclass(frozen=True)
class Tried:
    """One step: what was tried, whether it worked, and the line that says most; warnings of what will break."""

    name: str
    state: str
    """ok, broke, or not asked."""
    line: str = ""
    warns: tuple[str, ...] = ()


class Answering(BaseHTTPRequestHandler):
    """OpenAI's chat completions: a fixed sentence, another for each seed."""

    def do_POST(self) -> None:
        """Answer one call."""
        told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        text = f"Answer {told.get('seed', 0)}. Take the second road."
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        self.server.answered += 1  # type: ignore[attr-defined]
        body = json.dumps({
            "id": f"c{self.server.answered}", "object": "chat.completion", "model": told["model"],  # type: ignore[attr-defined]
            "choices": [choice], "usage": {"prompt_tokens": 9, "completion_tokens": 7, "total_tokens": 16},
        }).encode()  # fmt: skip
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def serving() -> Iterator[ThreadingHTTPServer]:
    """A server on a free port of this machine, which counts in `answered` what it answered."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    server.answered = 0  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def commands(url: str) -> dict[str, tuple[str, ...]]:
    """The main job in miniature, by what is tried."""
    small = ("--steps", "2", "--batch-size", "4")
    served = ("--prompts", "micro:train", "--judge", "random:", "--policy", f"openai:{url}#canary@1")
    return {
        "help": ("--help",),
        "generate": ("generate", "--limit", "12", "--n", "4", "--out", "r"),
        "train dpo": ("train", "r", "--out", "dpo", *small),
        "train lora": ("train", "r", "--out", "lora", "--lora", "4", *small),
        "train lora in 4 bits": ("train", "r", "--out", "q", "--lora", "4", "--loop", "quantize=4bit", *small),
        "train reward": ("train", "r", "--method", "reward", "--out", "reward", *small),
        "evaluate": (
            "evaluate", "--policy", "dpo", "--against", "micro", "--judge", "micro", "--prompts", "micro:held-out",
            "--gold", "--limit", "8",
        ),
        "run smoke": ("run", "smoke", "--out", "smoke"),
        "server": ("generate", *served, "--limit", "3", "--n", "2", "--drift", "0", "--out", "served"),
        "audit": ("audit", "r"),
        "report": ("report", "r"),
    }  # fmt: skip


def newest() -> list[str]:
    """The names of all that the package, its build and its development want."""
    names = {_name(each) for each in wanted(read_project(ROOT), "dev")} - {"torch"}
    return [f"torch=={TORCH}", "pip-audit", *sorted(names)]


def _name(requirement: Requirement) -> str:
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    return canonical(requirement.name) + extras


def moved(locked: Sequence[Pin], installed: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """What has another version than the lock: name, locked, installed; `-` for none."""
    held = {pin.name: str(Version(pin.version)) for pin in locked}
    here = {canonical(name): Version(version).public for name, version in installed.items()}
    both = sorted(held.keys() & here.keys())
    return [(name, held[name], here[name]) for name in both if held[name] != here[name]] + [
        (name, held[name], "-") for name in sorted(held.keys() - here.keys())
    ]


def judged(name: str, code: int, out: str, err: str, fine: Sequence[int] = (0,)) -> Tried:
    """What a finished process says: the first line that looks like an error, or the last; warnings either way."""
    warns = tuple(dict.fromkeys(match.group(0)[:160] for match in _WARNS.finditer(err)))
    if code in fine and "Traceback (most recent call last)" not in err:
        return Tried(name, "ok", warns=warns)
    lines = [line.strip() for line in (err.strip() or out.strip()).splitlines() if line.strip()]
    errors = [line for line in lines if re.match(r"(\w+\.)*\w*(Error|Exception)\b|error", line)]
    return Tried(name, "broke", (errors or lines[-1:] or [f"exit code {code}"])[0][:200], warns)


def try_commands(environment: Environment, where: Path) -> list[Tried]:
    """Run them in an empty folder, one after the other."""
    found = []
    loud = {**OFFLINE, "PYTHONWARNINGS": "default::FutureWarning", "RLAIF_MIN_PAIR_SHARE": "0"}
    with serving() as server:
        for name, words in commands(f"http://127.0.0.1:{server.server_address[1]}/v1").items():
            print(f"  {name}", flush=True)
            done = environment.run([*CLI, *words], where, loud)
            tried = judged(
                name, done.returncode, done.stdout, done.stderr, (0, 3) if name == "audit" else (0,)
            )
            if name == "server" and tried.state == "ok" and not server.answered:  # type: ignore[attr-defined]
                tried = Tried(name, "broke", "the server was never asked")
            found.append(tried)
    return found


def try_imports(environment: Environment, where: Path) -> list[Tried]:
    """Import each optional dependency in a process of its own."""
    found = []
    for name in OPTIONAL:
        done = environment.run(["-c", f"import {name}"], where, OFFLINE)
        found.append(judged(f"import {name}", done.returncode, done.stdout, done.stderr))
    return found


def audit(environment: Environment, name: str) -> Tried:
    """Ask the advisories for one lock."""
    told = ["-m", "pip_audit", "--disable-pip", "--no-deps", "--progress-spinner", "off", "-f", "json"]
    done = environment.run([*told, "-r", str(lock_path(name))], ROOT, {})
    return advised(f"advisories for {name}.txt", done.stdout, done.stderr)


def advised(name: str, out: str, err: str) -> Tried:
    """What pip-audit's report says; where there is none, or it left packages out, nobody has been asked."""
    try:
        rows = json.loads(out)["dependencies"]
    except (ValueError, KeyError, TypeError):
        lines = [line for line in err.strip().splitlines() if line.strip()]
        return Tried(name, "not asked", (lines or ["no answer"])[-1][:200])
    known = [
        f"{row['name']} {row['version']}: {', '.join(each['id'] for each in row['vulns'])}"
        for row in rows
        if row.get("vulns")
    ]
    left_out = [row["skip_reason"] for row in rows if "skip_reason" in row]
    if known:
        return Tried(name, "broke", "; ".join(known))
    if left_out or not rows:
        why = f": {left_out[0]}" if left_out else ""
        return Tried(
            name, "not asked", f"of {len(rows)} packages {len(left_out)} are not known there{why}"[:200]
        )
    return Tried(name, "ok", f"{len(rows)} packages, no advisory")


def show(tried: Sequence[Tried], changed: Sequence[tuple[str, str, str]]) -> str:
    """Both tables."""
    parts = [
        "What moved since the lock:",
        table(["package", "locked", "newest"], changed) if changed else "nothing",
    ]
    rows = [(each.name, each.state, each.line or "; ".join(each.warns)) for each in tried]
    return "\n\n".join([*parts, "What was tried:", table(["step", "state", "first line"], rows)])


def exit_code(tried: Sequence[Tried]) -> int:
    """1: something broke; 3: advisories could not be asked; 0."""
    states = {each.state for each in tried}
    return BROKE if "broke" in states else NOT_ASKED if "not asked" in states else 0


def main() -> int:
    """Make the environment, try everything, print the tables."""
    environment = Environment(FOLDER)
    print(f"installing the newest of everything into {FOLDER.name}", flush=True)
    environment.make()
    try:
        environment.install("--upgrade", "pip")
        environment.install(*newest())
        environment.install("--no-deps", "--no-build-isolation", str(ROOT))
    except PipError as error:
        print(show([Tried("install", "broke", str(error))], []))
        return BROKE
    installed = {name: held for name, held in environment.versions().items() if canonical(name) != PROJECT}
    with tempfile.TemporaryDirectory() as where:
        tried = try_commands(environment, Path(where)) + try_imports(environment, Path(where))
    tried += [audit(environment, name) for name in AUDITED]
    locked = read_lock(lock_path("dev").read_text(encoding="utf-8"))
    print(show(tried, moved(locked, installed)))
    return exit_code(tried)


if __name__ == "__main__":
    sys.exit(main())
