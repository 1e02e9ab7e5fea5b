"""`rlaif audit`: the figures of a run, its faults, and what to do about them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlaif.auditing.audit import Audit
from rlaif.auditing.audit import audit as look_at
from rlaif.auditing.evidence import Evidence, Vote
from rlaif.auditing.fault_table import FAULTS
from rlaif.auditing.gain import judge_scores
from rlaif.auditing.judge_thoughts import THOUGHT_FIGURE
from rlaif.auditing.readiness import Readiness, readiness
from rlaif.errors import InputError
from rlaif.exchange.counted_texts import asked_text
from rlaif.exchange.prompts import read_prompts
from rlaif.review.distributions import calibration_panel
from rlaif.review.panels import Panel
from rlaif.review.position import audit_position
from rlaif.review.report import ReportExtras, write_report
from rlaif.runs.claim import read_run
from rlaif.runs.layout import ROUNDS, round_number, several_pairs
from rlaif.runs.record_files import ROUNDS_SCHEMA, judge_of, read_record_if_there
from rlaif.runs.seal import edited
from rlaif.store.decisions import TIE
from rlaif.workflows.audit.config import AuditConfig
from rlaif.workflows.audit.load_run import AuditSource, read_source
from rlaif.workflows.audit.rationales import read_written
from rlaif.workflows.datasets.edited import against_scores, turned_pairs
from rlaif.workflows.datasets.review import decisions_of
from rlaif.workflows.models.failures import all_failed, failed_in
from rlaif.workflows.report import samples_of
from rlaif.workflows.results import Result

if TYPE_CHECKING:
    from rlaif.libraries.datasets import Dataset


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Audited(Result):
    """The result of an audit of a run."""

    run: Path
    """The directory that holds the pairs."""
    facts_of: Path
    """The directory that holds `run.json`: of a loop, not that of the round."""
    pairs: Path
    """The file of pairs."""
    audit: Audit
    readiness: Readiness
    """Whether a training on this run can be expected to win anything: go, no go, or unknown."""
    suggestions: Sequence[Mapping[str, Any]]
    """Principles that fail most, with prompts like those to collect next."""
    edited: Sequence[str]
    """Files that are not what the run wrote, and pairs that are not what it put in its store."""
    failures: Sequence[str]
    """Why judgments failed, in words."""
    revisions: Sequence[Mapping[str, Any]]
    """What critique and revision did in the round, as its row says; nothing where nothing was revised."""
    silent: bool
    """Whether all of them did: then nothing that the figures say is about this run."""
    unmet: str | None

    @property
    def audited(self) -> Path:
        """What was audited: the directory, or the file of pairs where the directory has several."""
        return self.run if several_pairs(self.pairs) is None else self.pairs

    @property
    def facts(self) -> Mapping[str, object]:
        """What is worth a line: what was audited, how much of it, and the faults by name."""
        counts = self.audit.counts
        told = {"audited": str(self.audited), "prompts": counts["prompts"], "pairs": counts["pairs"]}
        return told | {"faults": [each.fault for each in self.audit.findings], "unmet": self.unmet}

    def to_dataset(self) -> Dataset:
        """The figures as a `datasets.Dataset`, a row each: `figure`, `value`, `low`, `high` and `prompts`."""
        from rlaif.exchange.frames import figures_dataset

        rows = [{"figure": name, **each._asdict()} for name, each in self.audit.figures.items()]
        return figures_dataset(rows, texts=("figure",))

    def _shown(self) -> tuple[Sequence[str], Sequence[Sequence[object]]]:
        rows = [(each.fault, each.says, each.remedy) for each in self.audit.findings]
        return ("fault", "what it says", "remedy"), rows or [("none", "no fault beyond chance", "")]

    def _panels(self) -> Sequence[Panel]:
        bins = self.audit.reliability
        return [*audit_position(self.audit), *([calibration_panel(bins)] if bins else [])]

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        found: dict[str, Any] = plain(self.audit)
        if not (self.audit.against_thought or THOUGHT_FIGURE in self.audit.figures):
            del found["against_thought"]
        told = {"suggestions": list(self.suggestions), "failures": list(self.failures), "unmet": self.unmet}
        told |= {"edited": list(self.edited), "readiness": plain(self.readiness)}
        told |= {"revisions": [dict(each["revision"]) for each in self.revisions]} if self.revisions else {}
        return {"run": str(self.run), "pairs_file": str(self.pairs), **found, **told}


def plain(value: Any) -> Any:
    """Dataclasses and named tuples as JSON objects, nested ones too; NaN and infinities become null."""
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {name: plain(each) for name, each in value._asdict().items()}
    if isinstance(value, Mapping):
        return {name: plain(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def audit(config: AuditConfig) -> Audited:
    """Audit a run. Raises InputError for a directory without pairs, and for an unknown figure or fault."""
    known = {each.name for each in FAULTS}
    if wrong := [each for each in config.allowed if each not in known]:
        raise InputError(f"--allow {wrong[0]}: is no fault; known: {', '.join(sorted(known))}")
    source = read_source(config.run, config.round)
    found = look_at(_further(config, source), seed=config.seed)
    return Audited(
        run=source.files.folder,
        facts_of=source.run,
        pairs=source.files.pairs,
        audit=found,
        readiness=_readiness(config, source.evidence),
        suggestions=suggest(source, found),
        edited=(changed := _edited(config, source)),
        failures=failed_in(source.files.judged),
        revisions=_revised(source),
        silent=(silent := all_failed(source.files.judged)),
        unmet=_unmet(config, found, changed, silent),
    )


def _readiness(config: AuditConfig, evidence: Evidence) -> Readiness:
    """Go or no-go, by gold; by the readings of a stronger judge where one is named."""
    if config.truth is None:
        return readiness(evidence)
    other = read_source(config.truth)
    said = dict(zip(other.evidence.texts.ids, judge_scores(other.evidence).tolist(), strict=True))
    if not set(said) & set(evidence.texts.ids):
        raise InputError(
            f"--truth {config.truth}: judges none of the same completions; judge this run by another judge"
        )
    import numpy as np

    truth = np.asarray([said.get(each, np.nan) for each in evidence.texts.ids], dtype=float)
    name = str(judge_of(other.facts).get("name") or config.truth)
    return readiness(replace(evidence, gold=truth), name)


def write_page(found: Audited, target: Path) -> Path:
    """Write the HTML report of the run with the audit in it; says where it is."""
    facts = read_run(found.facts_of)
    beside = ReportExtras(
        audited=found.audit, suggestions=found.suggestions, samples=samples_of(found.facts_of)
    )
    return write_report(found.run, facts, target, beside)


def _further(config: AuditConfig, source: AuditSource) -> Evidence:
    """The evidence with reviewers' votes, rationales, repeated questions and the prompts of training and evaluation."""
    evidence = source.evidence
    written = read_written(source.files.comparisons, config.run, config.store, evidence)
    more: dict[str, Any] = {
        "votes": votes_of(source, config.run, config.store),
        "rationales": written.rationales,
        "judge_thoughts": written.thoughts,
        "repeats": written.repeats,
    }
    if config.training is not None:
        more["training_prompts"] = [asked_text(each.messages) for each in read_prompts(config.training)]
    if config.evaluation is not None:
        more["evaluation_prompts"] = [asked_text(each.messages) for each in read_prompts(config.evaluation)]
    if config.again is not None:
        more["repeats"] = _repeats(evidence, read_source(config.again).evidence)
    return replace(evidence, **more)


def votes_of(source: AuditSource, run: Path, store: Path | None) -> list[Vote]:
    """Reviewers' votes on the pairs of a run; a tie and a flag are no votes for a side."""
    places = {pair.id: place for place, pair in enumerate(source.pairs)}
    chosen = {
        pair.id: source.evidence.texts.ids[source.evidence.labels.chosen[place]]
        for place, pair in enumerate(source.pairs)
    }
    return [
        Vote(pair=places[each.pair], agrees=each.prefers == chosen[each.pair], by=each.reviewer)
        for each in decisions_of(run, store, source.pairs)
        if each.prefers not in (None, TIE)
    ]


def _repeats(one: Evidence, other: Evidence) -> list[tuple[int, float, float]]:
    """The questions that both runs put, joined by ids."""

    def said(evidence: Evidence) -> dict[tuple[str, str, str], tuple[int, float]]:
        rows, ids = evidence.pairwise, evidence.texts.ids
        return {
            (ids[first], ids[second], evidence.principles[principle]): (
                int(evidence.texts.prompt[first]),
                float(value),
            )
            for first, second, principle, value in zip(
                rows.first.tolist(), rows.second.tolist(), rows.principle.tolist(), rows.value, strict=True
            )
            if value == value
        }

    mine, theirs = said(one), said(other)
    found = [(prompt, p, theirs[key][1]) for key, (prompt, p) in mine.items() if key in theirs]
    if not found:
        raise InputError("--again: that run compares none of the same completions; judge this run again")
    return found


def _edited(config: AuditConfig, source: AuditSource) -> list[str]:
    files = source.files
    changed = edited(config.run, [files.pairs, files.completions, *files.judged])
    said = [f"{each}: was changed after the run was finished: its digest is another" for each in changed]
    if turned := turned_pairs(config.run, source.facts, source.pairs, config.store):
        said.append(
            f"{turned} of {len(source.pairs)} pairs have another side or label than the run put in its store"
        )
    if source.facts.get("command") == "import" and (lower := against_scores(source.pairs)) is not None:
        said.append(lower)
    return said


def _revised(source: AuditSource) -> list[Mapping[str, Any]]:
    """The rows of the audited round, where something was revised in it."""
    rows = read_record_if_there(source.run / ROUNDS, ROUNDS_SCHEMA) or []
    number = round_number(source.files.folder)
    return [each for each in rows if each["round"] == number and each.get("revision")]


def _unmet(config: AuditConfig, found: Audit, changed: Sequence[str], silent: bool) -> str | None:
    failed = list(changed) if config.strict and not config.edited else []
    failed += ["every judgment failed"] if config.strict and silent else []
    for name, limit in config.thresholds.items():
        figure = name.removeprefix("-")
        if figure not in found.figures:
            raise InputError(
                f"--threshold {figure}: is no figure of this run; known: {', '.join(found.figures)}"
            )
        value = found.figures[figure].value
        if (value < limit) if name.startswith("-") else (value > limit):
            failed.append(
                f"{figure} is {value:.3f}, {'below' if name.startswith('-') else 'above'} {limit:g}"
            )
    if config.strict:
        failed += [
            f"{each.fault}: {each.says}" for each in found.findings if each.fault not in config.allowed
        ]
    return "; ".join(failed) or None


def suggest(source: AuditSource, found: Audit, most: int = 3) -> list[dict[str, Any]]:
    """Principles that are met least, with the kind of prompts on which answers differ in them most."""
    import numpy as np

    from rlaif.auditing.verdicts import pointwise_table

    evidence = source.evidence
    table = pointwise_table(evidence)
    rows = sorted(
        (each for each in found.principles if each.met is not None),
        key=lambda each: 1.0 if each.met is None else each.met.value,
    )
    suggestions = []
    for row in rows[:most]:
        place = evidence.principles.index(row.principle)
        known = ~np.isnan(table[:, place])
        met = (table[known, place] > 0.5).astype(float)
        prompt = evidence.texts.prompt[known]
        count = np.bincount(prompt, minlength=len(evidence.prompts.ids))
        share = np.bincount(prompt, met, len(evidence.prompts.ids)) / np.maximum(count, 1)
        # where all answers fail or all pass there is nothing to prefer
        worth = np.where(count > 1, share * (1 - share), -1.0)
        best = [int(each) for each in np.argsort(-worth, kind="stable")[:most] if worth[each] > 0]
        tags = [tag for each in best for tag in evidence.prompts.tags[each]]
        suggestions.append(
            {
                "principle": row.principle,
                "met": None if row.met is None else row.met.value,
                "tags": list(dict.fromkeys(tags)),
                "prompts": [evidence.prompts.texts[each] for each in best],
            }
        )
    return suggestions
