"""Opens the models of a talk, and keeps what was said: every name is looked at before the first model is loaded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from rlaif.constitution import load_principles
from rlaif.engines.kinds import check_name
from rlaif.errors import InputError
from rlaif.exchange.completions import read_completions, write_completions
from rlaif.feedback.system_turn import CONSTITUTION, SystemTurn, text_turn
from rlaif.store import Store, find_store
from rlaif.workflows.chat.config import ChatConfig
from rlaif.workflows.chat.conversation import Speaker, Talk
from rlaif.workflows.models.defaults import POLICY
from rlaif.workflows.models.judge_names import known_kind
from rlaif.workflows.models.pool import ModelPool
from rlaif.workflows.models.role_options import RoleOptions
from rlaif.workflows.progress import Report, silent

ROWS = ".jsonl"


@contextmanager
def open_talk(config: ChatConfig, progress: Report = silent) -> Iterator[Talk]:
    """A talk with the models that are named; calls go through the store of this place.

    Raises InputError for a name, a constitution, a text or an option that is none, before a model is loaded.
    """
    sides = _sides(config)
    rules = {side: _rules(named) for side, _, named, _ in sides}
    system = first_turn(config.system)
    models = ModelPool(config, progress, config.seed)
    for _, name, _, role in sides:
        known_kind(name)
        check_name(name)
        asked = models.acting(role)
        asked.requests(name)
        if asked.told_unopened(name):
            asked.fingerprint(name)
    for _, name, _, role in sides:
        models.acting(role).open(name)
    with Store.open(find_store(Path.cwd() / "chat", config.store)) as store:
        # a server whose revision nobody declares is asked anew in each talk
        models.record(store, f"chat {uuid4().hex}")
        speakers = [
            Speaker(
                side=side,
                model=name,
                engine=models.acting(role).writer(name),
                rules=rules[side][0],
                rules_named=rules[side][1],
            )
            for side, name, _, role in sides
        ]
        yield Talk(speakers, sampling=config.sampling, seed=config.seed, system=system)


def first_turn(given: str | None) -> str:
    """The text of a system turn that was given as `good`, `bad`, a file or a text; nothing where none was.

    Raises InputError for a file that is not there, and for a blank text.
    """
    if given is None:
        return ""
    if given == CONSTITUTION:
        raise InputError("--system constitution: name the constitution by --constitution")
    return text_turn(given).text


def save(talk: Talk, path: Path) -> int:
    """Add the conversations to a file of completions, which other commands read; says how many rows it has then.

    Raises InputError where nothing was answered, and for a file that is none of completions.
    """
    if path.suffix != ROWS:
        raise InputError(f"/save {path}: a file of completions ends in {ROWS}; choose such a name")
    known = read_completions(path) if path.exists() else []
    ids = {(prompt.id, each.id, each.policy, each.draw) for prompt, each in known}
    new = [
        (prompt, each)
        for prompt, each in talk.kept()
        if (prompt.id, each.id, each.policy, each.draw) not in ids
    ]
    return write_completions(path, [*known, *new])


def _sides(config: ChatConfig) -> list[tuple[str, str, str | None, RoleOptions | None]]:
    """Side, model, constitution and role options of who speaks."""
    if config.against is None and (config.against_constitution or config.against_options):
        raise InputError("options of --against without a model: name one, --against MODEL")
    sides = [("policy", config.policy or POLICY, config.constitution, config.policy_options)]
    if config.against is not None:
        sides.append(("against", config.against, config.against_constitution, config.against_options))
    return sides


def _rules(named: str | None) -> tuple[SystemTurn | None, str]:
    if named is None:
        return None, ""
    found = load_principles(named)
    turn = SystemTurn(named=CONSTITUTION, principles=found.principles)
    return turn, f"constitution {found.name} {found.version}"
