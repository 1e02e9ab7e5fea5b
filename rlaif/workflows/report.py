"""`rlaif report`: the HTML page of a run, with its labels against what people or gold say of the same pairs."""

from __future__ import annotations

from pathlib import Path

from rlaif.auditing.calibration import Bin, Forecast, bins
from rlaif.constitution import load_constitution
from rlaif.errors import DiskError, RlaifError, RunError
from rlaif.exchange.completions import read_completions
from rlaif.exchange.pairs import read_pairs
from rlaif.records import Completion, Pair, Prompt
from rlaif.review.check_report import write_check
from rlaif.review.lab_report import write_lab
from rlaif.review.plots.kinds.gain import read_table
from rlaif.review.plots.kinds.over_optimisation import read_lab
from rlaif.review.recorded_check import read_check
from rlaif.review.report import ReportExtras, write_report, write_training_report
from rlaif.review.sample import BeforeAfter
from rlaif.review.table_report import write_table
from rlaif.review.view.calls import before_and_after
from rlaif.review.view.catalogue import is_training, read_card
from rlaif.review.view.compared import first_policy, newest_policy
from rlaif.review.view.overview import samples_that_tell
from rlaif.runs.claim import read_run
from rlaif.runs.layout import CONSTITUTION, LAB, REPORT, TABLE, files_of, is_run, pair_files
from rlaif.store import find_store
from rlaif.store.decisions import TIE
from rlaif.workflows.datasets.review import decisions_of
from rlaif.workflows.lab import tables
from rlaif.workflows.lab.table.tables import grids as table_grids
from rlaif.workflows.models.gold import grade, share_met

MAX_GRADED = 2000
"""Pairs that gold is asked about, evenly over the files."""


def report(run: Path, out: Path | None = None, *, full: bool = False, store: Path | None = None) -> Path:
    """Write the HTML report of a run, an evaluation, a training, a judge check or a lab, to `out` or into it.

    Args:
        run: The run.
        out: The file [default: `report.html` in the run].
        full: Whether printing it gives all of it; else at most four pages.
        store: The store file, where it is another than the project's.

    Returns:
        Where it is.

    Raises:
        RunError: the directory is no run, or the place cannot be written.
    """
    found = None if not is_run(run) and is_training(run) else read_run(run)
    try:
        if found is None:
            return write_training_report(run, out, full=full)
        if (told := read_check(run)) is not None:
            return write_check(told, out or run / REPORT, full=full)
        if (run / LAB).is_file():
            lab = read_lab(run)
            return write_lab(lab, tables.grids(lab), out or run / REPORT, full=full)
        if (run / TABLE).is_file():
            whole = read_table(run)
            return write_table(whole, table_grids(whole), out or run / REPORT, full=full)
        return write_report(run, found, out, beside_of(run, store, full=full))
    except DiskError:
        raise
    except RlaifError as wrong:  # no work is lost by it, only the place is wrong
        raise RunError(str(wrong)) from None


def beside_of(run: Path, store: Path | None = None, *, full: bool = False) -> ReportExtras:
    """What the report of a run shows that is not in its own files; what cannot be had is left out."""
    return ReportExtras(bins=reliability(run, store), samples=samples_of(run, store), full=full)


def samples_of(run: Path, store: Path | None = None, most: int = 3) -> list[BeforeAfter]:
    """Held-out prompts with the answers of the policy that a run began with and of the one that it ended with.

    Those where it helped most, least, and hurt, where that was measured; else some that the store holds.
    """
    card = read_card(run, run.name)
    if found := samples_that_tell(card):
        return found[:most]
    return before_and_after(find_store(run, store), first_policy(card), newest_policy(card), most)


def reliability(run: Path, store: Path | None = None) -> list[Bin]:
    """What labels say against what is true, in bins; empty where nothing is known. Never stops a report."""
    try:
        files = pair_files(run)
        pairs = [pair for path in files for pair in read_pairs(path)]
        return bins(_by_people(run, store, pairs) or _by_gold(run, pairs))
    except RlaifError:
        return []


def _by_people(run: Path, store: Path | None, pairs: list[Pair]) -> list[Forecast]:
    said = [
        each for each in decisions_of(run, store, pairs) if each.prefers not in (None, TIE) and not each.seen
    ]
    known = {pair.id: pair for pair in pairs}
    found = []
    for each in said:
        pair = known[each.pair]
        chosen, _ = pair.completion_ids
        found.append(Forecast(pair.label_prob, float(each.prefers == chosen)))
    return found


def _by_gold(run: Path, pairs: list[Pair]) -> list[Forecast]:
    constitution = run / CONSTITUTION
    files = files_of(run, "completions")
    if not constitution.is_file() or not files:
        return []
    rules = load_constitution(constitution)
    # gold is named by the rows of prompts, which pairs do not carry
    prompts = {prompt.id: prompt for path in files for prompt, _ in read_completions(path)}
    found = []
    for pair in pairs[:: -(-len(pairs) // MAX_GRADED) or 1]:
        prompt = prompts.get(Prompt(messages=pair.prompt, tools=pair.tools).id)
        if prompt is None or prompt.gold is None:
            continue
        one, other = (
            share_met(grade(prompt, Completion(prompt_id=prompt.id, text=each[-1].content, policy=""), rules))
            for each in (pair.chosen, pair.rejected)
        )
        if one is not None and other is not None and one != other:
            found.append(Forecast(pair.label_prob, float(one > other)))
    return found
