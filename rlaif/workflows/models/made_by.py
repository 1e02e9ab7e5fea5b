"""What a run or a model was made by: a command on it takes the same rules, unless others are named."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rlaif.constitution import load_principles
from rlaif.engines.kinds import kind_of
from rlaif.errors import ConstitutionError, InputError
from rlaif.records import Constitution
from rlaif.runs.claim import read_run
from rlaif.runs.layout import CONSTITUTION, TRAIN_RECORD

_log = logging.getLogger(__name__)


def rules_of_run(run: Path) -> str | None:
    """The constitution that a run was judged by, as a file or a name: as it was, whatever was edited since.

    None where the run was judged by none. Raises InputError where it keeps none and its file is another one now.
    """
    held = read_run(run).get("config", {}).get("constitution") or {}
    kept, source, wanted = run / CONSTITUTION, held.get("source"), held.get("digest")
    if source is not None and (not wanted or _digest(source) == wanted):
        return str(source)
    if kept.is_file():
        if source is not None:
            _log.warning(
                "%s: judged by the rules that it keeps, for %s is not what they were read from any more; "
                "name that with --constitution to judge by it",
                run,
                source,
            )
        return str(kept)
    if source is None:
        return None
    raise InputError(
        f"{run}: was judged by {held.get('name')} {held.get('version')} ({wanted}), and {source} is another one now; "
        "name what to judge by with --constitution"
    )


def rules_of_model(name: str) -> str | None:
    """The constitution that the pairs of a trained model were judged by, as a file or a name.

    None where the model is none that was trained here, or was trained on pairs of no constitution. Raises InputError
    where its rules are nowhere to be found.
    """
    folder = _folder(name)
    card = _card(folder) if folder is not None else None
    digest = (card or {}).get("constitution digest", "unknown")
    if folder is None or card is None or digest == "unknown":
        return None
    runs = [Path(str(card.get("run", ""))), *folder.resolve().parents]
    places: list[str | Path] = [*(run / CONSTITUTION for run in runs), _name(card)]
    for place in places:
        if _digest(place) == digest:
            return str(place)
    raise InputError(
        f"--constitution is missing: {name} was trained by {card.get('constitution')} ({digest}), which is neither in "
        f"its run ({card.get('run')}) nor under its name; name the file"
    )


def label(constitution: Constitution) -> str:
    """Return name, version and digest of a constitution in one phrase."""
    return f"constitution {constitution.name} {constitution.version} ({constitution.digest})"


def _name(card: Mapping[str, Any]) -> str:
    return str(card.get("constitution", "")).rpartition(" ")[0]


def _folder(name: str) -> Path | None:
    """Where the record of a model lies that was trained here: beside its weights, of an adapter alone one above."""
    found = kind_of(name)
    folder = Path(found[1] if found is not None and found[0].local_weights else name)
    return next((each for each in (folder, folder.parent) if (each / TRAIN_RECORD).is_file()), None)


def _card(folder: Path) -> Mapping[str, Any] | None:
    try:
        card = json.loads((folder / TRAIN_RECORD).read_text(encoding="utf-8")).get("card")
    except (OSError, ValueError, AttributeError):
        return None
    return card if isinstance(card, Mapping) else None


def _digest(ref: str | Path) -> str | None:
    """The digest of a constitution; None where there is none, or it cannot be read."""
    if isinstance(ref, Path) and not ref.is_file():
        return None
    try:
        return load_principles(str(ref)).digest if str(ref) else None
    except ConstitutionError:
        return None
