"""`rlaif review`: a local page on which a person judges pairs, and what the decisions change in training and export."""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from rlaif.constitution import load_constitution
from rlaif.errors import InputError, RlaifError
from rlaif.records import Constitution, Pair
from rlaif.review.app import Desk, make_app
from rlaif.review.index import PairIndex
from rlaif.review.provenance import model_names
from rlaif.runs.claim import read_run
from rlaif.runs.described import no_pairs
from rlaif.runs.layout import CONSTITUTION, pair_files
from rlaif.store import Store, find_store
from rlaif.store.decisions import TIE, ReviewDecision, decisions
from rlaif.workflows.listening import address_of, listen, require_web_packages, serve_until_interrupted

Honour = Literal["ignore", "drop", "turn"]
AGAINST = "against the label"


def serve(
    run: Path,
    *,
    port: int = 0,
    reviewer: str | None = None,
    store: Path | None = None,
    said: Callable[[str], None] = print,
) -> None:
    """Serve the pairs of `run` on the loopback until interrupted; `said` gets the address with its token.

    Raises EngineError where the web packages are not installed, InputError for a run without pairs or a port in use.
    """
    require_web_packages("review")
    facts = read_run(run)
    if not pair_files(run):
        raise InputError(no_pairs(run, str(facts.get("command")), str(facts["status"])))
    index = PairIndex(run)
    held = listen(port)
    with held, Store.open(find_store(run, store)) as kept:
        desk = Desk(
            index=index,
            store=kept,
            reviewer=reviewer or login(),
            constitution=_constitution(run),
            names=model_names(run),
        )
        said(f"{address_of(held)}/?token={desk.token}")
        serve_until_interrupted(make_app(desk), held)


def _constitution(run: Path) -> Constitution | None:
    """The one that a run was judged by; None where it cannot be read any more: pairs can be decided without it."""
    try:
        return load_constitution(run / CONSTITUTION) if (run / CONSTITUTION).is_file() else None
    except RlaifError:
        return None


def login() -> str:
    """The name of who runs this; in a container, a user may have a number alone."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return f"user {os.getuid()}" if hasattr(os, "getuid") else "somebody"


def honoured(
    pairs: Sequence[Pair], said: Sequence[ReviewDecision], how: Honour
) -> tuple[list[Pair], dict[str, int]]:
    """Apply reviewers' decisions to pairs. Returns the pairs, and how many were left out or swapped, by reason.

    `drop` leaves out pairs that a reviewer flagged, called a tie, or labelled the other way; `turn` swaps the last
    kind instead (`Pair.swapped`). Where reviewers disagree the majority wins; equal numbers are a tie. A decision is
    no probability: a swapped pair keeps its `label_prob`.
    """
    counts = {"flagged": 0, "tie": 0, AGAINST: 0}
    if how == "ignore":
        return list(pairs), {}
    by_pair: dict[str, list[ReviewDecision]] = {}
    for each in said:
        by_pair.setdefault(each.pair, []).append(each)
    kept = []
    for pair in pairs:
        voices = by_pair.get(pair.id, [])
        if any(each.flag for each in voices):
            counts["flagged"] += 1
            continue
        balance = _balance(pair, voices)
        if balance == 0 and any(each.prefers for each in voices):
            counts["tie"] += 1
        elif balance < 0:
            counts[AGAINST] += 1
            if how == "turn":
                kept.append(_turned(pair))
        else:
            kept.append(pair)
    return kept, {name: count for name, count in counts.items() if count}


def as_reviewed(
    source: Path, store: Path | None, pairs: Sequence[Pair], how: Honour
) -> tuple[list[Pair], dict[str, int]]:
    """`honoured` by what the store of `source` holds. Raises InputError where nobody decided, or nothing is left."""
    if how == "ignore":
        return list(pairs), {}
    said = decisions_of(source, store, pairs)
    if not said:
        raise InputError(f"--reviewed {how}: nobody has decided a pair of {source} yet (`rlaif review`)")
    kept, counts = honoured(pairs, said, how)
    if not kept:
        raise InputError(f"--reviewed {how}: leaves none of {len(pairs)} pairs of {source}")
    return kept, counts


def decisions_of(run: Path, store: Path | None, pairs: Sequence[Pair]) -> list[ReviewDecision]:
    """The decisions on these pairs in the store of a run; none where there is no store."""
    path = find_store(run, store)
    if not path.is_file():
        return []
    with Store.open(path, writes=False) as held:
        return decisions(held, [each.id for each in pairs])


def _balance(pair: Pair, voices: Sequence[ReviewDecision]) -> int:
    chosen, _ = pair.completion_ids
    said = [each.prefers for each in voices if each.prefers not in (None, TIE)]
    return sum(1 if each == chosen else -1 for each in said)


def _turned(pair: Pair) -> Pair:
    turned = pair.swapped()
    return replace(turned, provenance={**turned.provenance, "turned_by": "review"})
