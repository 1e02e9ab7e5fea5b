"""What the local pages of a project work on: its runs, and what of them is held in memory."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, urlencode

from rlaif.errors import RlaifError
from rlaif.review.app import Desk, new_token
from rlaif.review.index import PairIndex
from rlaif.review.lines import file_stamp
from rlaif.review.provenance import model_names
from rlaif.review.training_charts import trainings
from rlaif.review.view.catalogue import Catalogue, RunCard
from rlaif.review.view.held_out import sample_files
from rlaif.review.view.rules import RuleBooks
from rlaif.review.view.samples import SampleIndex
from rlaif.runs.layout import CONSTITUTION, pair_files
from rlaif.store import Store

if TYPE_CHECKING:
    from rlaif.auditing.audit import Audit

KEPT = 6
"""Runs whose lists are held in memory."""


class AuditShown(NamedTuple):
    """What an audit found, for its page."""

    audit: Audit
    suggestions: Sequence[Mapping[str, Any]] = ()


Auditor = Callable[[Path], AuditShown]
"""Audits a run; given by a workflow, for pages judge nothing themselves. Raises RlaifError."""


class AuditState(NamedTuple):
    """Of one run's audit: what was found, or why nothing was; both None while it is worked out."""

    stamp: object
    found: AuditShown | None = None
    trouble: str | None = None


@dataclass(slots=True, kw_only=True)
class Viewer:
    """What the pages of one project work on."""

    project: Path
    store: Callable[[Path], Path]
    """The store of a run."""
    reviewer: str
    auditor: Auditor
    token: str = field(default_factory=new_token)
    catalogue: Catalogue = field(init=False)
    books: RuleBooks = field(init=False)
    samples: dict[Path, SampleIndex] = field(default_factory=dict)
    desks: dict[Path, Desk] = field(default_factory=dict)
    audits: dict[Path, AuditState] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        """Find the runs of the project when they are asked for."""
        self.catalogue = Catalogue(self.project)
        self.books = RuleBooks(self.project)

    def samples_of(self, card: RunCard) -> SampleIndex:
        """The completions of a run, read again when their files have changed."""
        with self.lock:
            held = self.samples.get(card.path)
            now = tuple(file_stamp(each) for each in sample_files(card.path))
            if held is None or held.stamp != now:
                held = _put(self.samples, card.path, SampleIndex(card.path))
            return held

    def desk_of(self, card: RunCard) -> Desk | None:
        """The pairs of a run with what people said of them; None of a run that has none."""
        with self.lock:
            now = tuple(file_stamp(each) for each in pair_files(card.path) if each.suffix == ".jsonl")
            if not now:
                return None
            held = self.desks.get(card.path)
            if held is None or held.index.stamp != now:
                try:
                    index = PairIndex(card.path, ahead=True)
                except RlaifError:
                    return None
                store = Store.open(self.store(card.path))
                rules = self.books.of(card.path / CONSTITUTION)
                base = f"{address(card)}/-"
                held = Desk(
                    index=index,
                    store=store,
                    reviewer=self.reviewer,
                    token=self.token,
                    base=base,
                    home=f"{base}/pairs",
                    constitution=rules,
                    names=model_names(card.path),
                    shell=shell(self, card, "pairs"),
                )
                before = self.desks.pop(card.path, None)
                if before is not None:
                    before.store.close()
                _put(self.desks, card.path, held, lambda desk: desk.store.close())
            return held

    def audit_of(self, card: RunCard) -> AuditState:
        """The audit of a run as far as it is worked out; begins it where nobody has asked yet."""
        now = tuple(file_stamp(each) for each in pair_files(card.path))
        with self.lock:
            state = self.audits.get(card.path)
            if state is None or state.stamp != now:
                state = self.audits[card.path] = AuditState(now)
                threading.Thread(target=self._audit, args=(card.path, now), daemon=True).start()
            return state

    def _audit(self, run: Path, stamp: object) -> None:
        try:
            state = AuditState(stamp, found=self.auditor(run))
        except RlaifError as wrong:
            state = AuditState(stamp, trouble=str(wrong))
        except OSError as wrong:
            state = AuditState(
                stamp, trouble=f"{run}: its files cannot be read ({wrong.strerror}); open the page again"
            )
        with self.lock:
            self.audits[run] = state

    def close(self) -> None:
        """Give the stores back."""
        for each in self.desks.values():
            each.store.close()


def _put(held: dict[Path, Any], path: Path, value: Any, drop: Callable[[Any], None] = lambda _: None) -> Any:
    held.pop(path, None)
    while len(held) >= KEPT:
        drop(held.pop(next(iter(held))))
    held[path] = value
    return value


def address(card: RunCard) -> str:
    """Where the pages of a run begin."""
    return f"/run/{quote(card.name)}"


TABS = (
    ("overview", "Overview", ""),
    ("samples", "Samples", "/-/samples"),
    ("pairs", "Pairs", "/-/pairs"),
    ("training", "Training", "/-/training"),
    ("audit", "Audit", "/-/audit"),
    ("constitution", "Constitution", "/-/constitution"),
    ("configuration", "Configuration", "/-/configuration"),
)


def shell(viewer: Viewer, card: RunCard | None, active: str) -> dict[str, Any]:
    """What stands around a page: the project, the run, and the ways to its other pages."""
    tabs = []
    if card is not None:
        has = {"overview": True, "configuration": bool(card.facts)}
        has["samples"] = bool(sample_files(card.path)) and not card.is_training
        has["pairs"] = bool(pair_files(card.path)) and not card.is_training
        has["audit"] = has["pairs"]
        has["training"] = bool(trainings(card.path))
        has["constitution"] = (card.path / CONSTITUTION).is_file()
        shown = [each for each in TABS if has.get(each[0])]
        tabs = [
            {"name": words, "href": f"{address(card)}{end}", "active": name == active, "key": str(number)}
            for number, (name, words, end) in enumerate(shown, 1)
        ]
    return {
        "project": viewer.project.absolute().name or str(viewer.project),
        "card": card,
        "href": address(card) if card is not None else "/",
        "tabs": tabs,
        "active": active,
    }


def query(**values: Any) -> str:
    """The end of an address: what is set, beginning with `?`; empty where nothing is."""
    chosen = {name: str(value) for name, value in values.items() if value not in ("", None, False)}
    return f"?{urlencode(chosen)}" if chosen else ""
