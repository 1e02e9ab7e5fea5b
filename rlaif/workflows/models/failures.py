"""Why calls and judgments failed, in words: what a command, `status`, the report and `audit` say of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from rlaif.engines.recorded import RecordedEngine
from rlaif.exchange.judgments import read_judgments
from rlaif.judging.function_judge import RAISED
from rlaif.records import Judgment, State

FAILED = (State.TRANSPORT, State.UNREADABLE, State.TRUNCATED, State.JUDGE_REFUSED)
WORTH_SAYING = 0.05
"""Share of judgments that a judge may leave unreadable before it is worth a sentence; a failed call always is."""
REMEDY = {
    State.TRANSPORT: "mend that and run the same command again: what is finished is not asked again",
    State.UNREADABLE: "read some answers (`rlaif audit show`); try another protocol or judge",
    State.TRUNCATED: "the judge writes more than it may; try a protocol that reads labels, or a briefer judge",
    State.JUDGE_REFUSED: "use a judge that will judge these answers",
}
OFTEN = ", most often with: "
MENDED = "mend the judge's function and run again"


def failed_calls(engines: Iterable[RecordedEngine]) -> list[str]:
    """A sentence for each model some of whose calls failed in this command, with the commonest reason."""
    return [
        f"{each.name}: {each.failed_calls} of {each.new_calls} calls failed{OFTEN}{commonest(each)}"
        for each in engines
        if each.failed_calls
    ]


def commonest(engine: RecordedEngine) -> str:
    """Why most of its failed calls failed."""
    return next((reason for reason, _ in engine.failures.most_common(1)), "no reason was kept")


def failed_judgments(judgments: Sequence[Judgment]) -> list[str]:
    """A sentence for each way in which many judgments failed; one for any number of failed calls."""
    said = []
    states = Counter(each.state for each in judgments)
    for state in FAILED:
        reasons = Counter(each.detail for each in judgments if each.state is state and each.detail)
        raised = any(each.startswith(RAISED) for each in reasons)
        count, least = states[state], 0.0 if state is State.TRANSPORT or raised else WORTH_SAYING
        if count and count > least * len(judgments):
            reason = reasons.most_common(1)[0][0] if reasons else "no reason was kept"
            remedy = MENDED if reason.startswith(RAISED) else REMEDY[state]
            whose = f"all {count}" if count == len(judgments) else f"{count} of {len(judgments)}"
            said.append(f"{whose} judgments failed ({state}){OFTEN}{reason}; {remedy}")
    return said


def told_once(calls: Sequence[str], judgments: Sequence[str]) -> list[str]:
    """The sentences on calls and on judgments as one account: a reason that judgments give is told by them alone."""
    reasons = [each.partition(OFTEN)[2] for each in calls]
    left = [
        each
        for each, reason in zip(calls, reasons, strict=True)
        if not any(OFTEN + reason in said for said in judgments)
    ]
    return [*left, *judgments]


def failed_in(files: Iterable[Path]) -> list[str]:
    """The same for the judgments in these files."""
    return failed_judgments(judgments_in(files))


def all_failed(files: Iterable[Path]) -> bool:
    """Whether nothing at all was said in these files."""
    found = judgments_in(files)
    return bool(found) and all(each.state in FAILED for each in found)


def judgments_in(files: Iterable[Path]) -> list[Judgment]:
    """The judgments of all these files, pointwise and pairwise."""
    return [each for path in files for each in read_judgments(path)]
