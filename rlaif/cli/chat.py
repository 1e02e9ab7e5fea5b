"""`rlaif chat`: talk to a model, with or without its rules, and side by side with another."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rlaif.cli import options
from rlaif.cli.command import Command
from rlaif.cli.generated import given, settings
from rlaif.cli.output import echo, say
from rlaif.errors import EngineError, InputError
from rlaif.workflows.chat.config import ChatConfig

if TYPE_CHECKING:
    from rlaif.workflows.chat.conversation import ChatAnswer, ChatTurn, Talk

COMMANDS = {
    "/again": "other answers to the last turn",
    "/reset": "forget all turns",
    "/system TEXT": "begin anew with this system turn; without a text: with none",
    "/save FILE": "add the conversation to a .jsonl file of completions",
    "/help": "these commands; a turn that begins with / is written with //",
    "/quit": "end (Ctrl-D too); Ctrl-C ends an answer",
}
STOPPED = "stopped; the turn is left out"
TWICE = "/quit ends the talk; so does Ctrl-C once more"


class AnswerStopped(KeyboardInterrupt):
    """Ctrl-C, which ends an answer and not the program."""


@click.command(
    cls=Command,
    examples=(
        "rlaif chat --constitution micro-default",
        "rlaif chat --policy hf:models/chat --constitution house --against hf:models/chat",
        "echo 'How much is 3 plus 4?' | rlaif chat --policy micro --json",
    ),
)
@settings(ChatConfig)
@options.as_json
def chat(as_json: bool, **chosen: Any) -> None:
    """Talk to a model, with or without its rules, and side by side with another.

    A line is a turn; /help lists the commands. Input that is no terminal is read line by line, and --json prints an
    object per turn. Answers are kept in the store, so the same talk with the same --seed gives the same answers; /again
    draws others.
    """
    from rlaif.workflows.chat.open import open_talk

    with open_talk(ChatConfig(**given(ChatConfig, chosen))) as talk:
        screen = _Screen(as_json=as_json)
        with _stoppable():
            failed = _talked(talk, screen)
    if failed and not screen.live:
        raise EngineError(f"{failed[0]} ({len(failed)} answers failed)")


class _Screen:
    """Where turns come from and go to: a terminal, lines, or JSON."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self.live = sys.stdin.isatty() and sys.stdout.isatty() and not as_json

    def lines(self) -> Iterator[str]:
        """What the user says. On a terminal Ctrl-C gives up a line, and twice in a row ends."""
        if not self.live:
            yield from (line.rstrip("\r\n") for line in sys.stdin)
            return
        import readline  # noqa: F401 (lines are edited by it)

        say("/help lists the commands")
        stopped = False
        while True:
            try:
                line = input("> ")
            except EOFError:
                echo("")
                return
            except AnswerStopped:
                if stopped:
                    return
                stopped = True
                say(f"\n{TWICE}")
                continue
            stopped = False
            yield line

    def turn(self, turn: ChatTurn) -> None:
        """Show the answers to a turn."""
        if self.as_json:
            self.object(turn.as_dict())
            return
        for each in turn.answers:
            self._answer(each, named=len(turn.answers) > 1)

    def told(self, command: str, **values: Any) -> None:
        """Say what a command did."""
        if self.as_json:
            self.object({"command": command, **values})
        else:
            say(f"{command}: {', '.join(f'{name} {value}' for name, value in values.items()) or 'done'}")

    def object(self, value: Mapping[str, Any]) -> None:
        """Print an object on a line of its own."""
        echo(json.dumps(value, ensure_ascii=False))

    def _answer(self, answer: ChatAnswer, *, named: bool) -> None:
        if named:
            self._print(f"{answer.side}: {answer.model}", style="bold")
        if (said := answer.completion) is not None:
            if said.thought:
                self._print("\n".join(f"| {line}" for line in said.thought.strip().split("\n")), style="dim")
            if said.text.strip():
                self._print(said.text)
            if said.finish == "length":
                say("cut off at the limit of tokens (--max-tokens, --max-thought-tokens)")
        if answer.error:
            say(f"error: {answer.model}: {answer.error}")

    def _print(self, text: str, style: str = "") -> None:
        if not self.live or not style:
            echo(text)
            return
        from rich.text import Text

        from rlaif.terminal import console, printable

        sys.stdout.flush()
        console(sys.stdout).print(Text(printable(text), style=style), soft_wrap=True)


def _talked(talk: Talk, screen: _Screen) -> list[str]:
    """Turn after turn until the end; why answers failed."""
    failed: list[str] = []
    for line in screen.lines():
        if not line.strip():
            continue
        try:
            if not _step(talk, screen, line.strip(), failed):
                break
        except AnswerStopped:
            say(STOPPED)
        except InputError as wrong:
            if not screen.live:
                raise
            say(f"error: {wrong}")
    return failed


def _step(talk: Talk, screen: _Screen, line: str, failed: list[str]) -> bool:
    """Do what a line says; false ends the talk."""
    word, _, rest = line.partition(" ")
    if word in _ALONE and rest.strip():
        raise InputError(
            f"{word} takes nothing behind it, and {rest.strip()!r} stands there; write {word} alone"
        )
    if not line.startswith("/") or line.startswith("//"):
        _show(screen, talk.say(line.removeprefix("/") if line.startswith("//") else line), failed)
        return True
    if word == "/quit":
        return False
    if word == "/again":
        _show(screen, talk.again(), failed)
        return True
    if word not in _DONE:
        known = ", ".join(each.partition(" ")[0] for each in COMMANDS)
        raise InputError(
            f"{word} is no command; there are {known}; a turn that begins with / is written with //"
        )
    _DONE[word](talk, screen, rest.strip())
    return True


def _show(screen: _Screen, turn: ChatTurn, failed: list[str]) -> None:
    screen.turn(turn)
    failed += [f"{each.model}: {each.error}" for each in turn.answers if each.error]


def _reset(talk: Talk, screen: _Screen, rest: str) -> None:
    talk.reset()
    screen.told("/reset")


def _system(talk: Talk, screen: _Screen, rest: str) -> None:
    from rlaif.workflows.chat.open import first_turn

    talk.begin_with(first_turn(rest or None))
    screen.told("/system", text=talk.system)


def _save(talk: Talk, screen: _Screen, rest: str) -> None:
    from rlaif.workflows.chat.open import save

    if not rest:
        raise InputError("/save: name a file, such as /save talk.jsonl")
    screen.told("/save", file=rest, rows=save(talk, Path(rest)))


def _help(talk: Talk, screen: _Screen, rest: str) -> None:
    if screen.as_json:
        screen.told("/help", commands=COMMANDS)
    for name, text in COMMANDS.items() if not screen.as_json else ():
        say(f"{name:14}{text}")


_ALONE = {each for each in COMMANDS if " " not in each}
_DONE: Mapping[str, Callable[[Talk, _Screen, str], None]] = {
    "/reset": _reset,
    "/system": _system,
    "/save": _save,
    "/help": _help,
}


@contextmanager
def _stoppable() -> Iterator[None]:
    """Inside, Ctrl-C raises AnswerStopped, again and again; what asks a process to end does so as ever."""

    def stop(number: int, frame: object) -> None:
        raise AnswerStopped

    try:
        before = signal.signal(signal.SIGINT, stop)
    except ValueError:  # not the main thread, which alone may
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
