"""What lies where in a run directory: the names of its files, and how the files of one kind are found.

A run of `generate`, `judge` or `import` holds its files itself. A run of a recipe holds those of a round in
`round-N/`, and its models in `models/round-N/`. A directory of a training is one of its own: `models/dpo/`, or the
`--out` of `rlaif train`. No other file knows these names; nothing here reads what the files hold.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rlaif.errors import InputError

CLAIM = "claim.json"
"""Written first: the command and the configuration that own the directory."""
LOCK = "run.lock"
"""Held (flock) while a process works in the directory."""
PROGRESS = "progress.json"
"""Where the work stands, rewritten whole."""
RUN = "run.json"
"""Written whole, last: configuration, versions, status, summary."""

CONSTITUTION = "constitution.yaml"
"""The constitution that a run was judged by, as it was."""
COMPLETIONS = "completions.jsonl"
JUDGMENTS = "judgments.jsonl"
"""Pointwise judgments, and lists."""
COMPARISONS = "comparisons.jsonl"
"""Pairwise judgments."""
PAIRS = "pairs.jsonl"
PAIRS_PARQUET = "pairs.parquet"
"""The same pairs as a table, of a run whose pairs came so."""
HELD_BACK = "held-back.jsonl"
"""Pairs that were made and are not trained on, for a principle that the judge misunderstands has a part in them."""
FUNNEL = "funnel.json"
"""How many prompts became pairs and what became of the others, of one round."""
EVALUATION = "evaluation.json"
"""The figures of one round's policy."""
ROUNDS = "rounds.json"
"""A row of figures for each round of a recipe, from round 0 on."""
REPORT = "report.html"
MODELS = "models"
"""The folder of what a run trained."""
STEPS = "steps"
"""The folder of the notes on finished steps of a recipe; in a project's store folder, where they find each other."""

TRAIN_RECORD = "train.json"
"""Written last, by a training: what was trained, how, and what came of it."""
METRICS = "metrics.jsonl"
"""A row of figures for each step of a training."""
USED_PAIRS = "used_pairs.jsonl"
"""The ids of the pairs of each step of a training."""
TRAINING = ".training"
"""The folder of an unfinished training."""
CHECKPOINT = "checkpoint"
"""In it, the last checkpoint."""
LOGPS = "logps.sqlite"
"""Log-probabilities of references, beside a project's store."""

JUDGED = (JUDGMENTS, COMPARISONS)
"""Every file of judgments."""
DIGESTED = (PAIRS, PAIRS_PARQUET, COMPLETIONS, JUDGMENTS, COMPARISONS, CONSTITUTION)
"""Files of a run whose digests stand in its report."""
_ROUND = "round-"


def is_run(folder: Path) -> bool:
    """Whether a directory was claimed by a command."""
    return (folder / CLAIM).is_file()


def run_of(folder: Path) -> Path | None:
    """The run that a directory is, or is a round of; None where it is neither."""
    if is_run(folder):
        return folder
    return folder.parent if round_number(folder) is not None and is_run(folder.parent) else None


def runs_below(project: Path, depth: int) -> Iterator[Path]:
    """Every run in a directory and in those below it, at most `depth` levels down, nearest first."""
    for level in range(depth + 1):
        for claim in sorted(project.glob("*/" * level + CLAIM)):
            yield claim.parent


def round_name(number: int) -> str:
    """What the folder of a round is called: `round-3`."""
    return f"{_ROUND}{number}"


def round_number(folder: Path) -> int | None:
    """The number of the round that a folder is of by its name, or None."""
    start, _, number = folder.name.partition(_ROUND)
    return int(number) if not start and number.isdecimal() else None


def rounds(run: Path) -> list[tuple[int, Path]]:
    """Number and folder of each round, in the order of the rounds; whatever lies in them."""
    found = ((round_number(each), each) for each in run.glob(f"{_ROUND}*") if each.is_dir())
    return sorted((number, folder) for number, folder in found if number is not None)


def folders(run: Path) -> list[Path]:
    """Where a run keeps files of judging and pairing: its rounds in order, then the run itself."""
    return [*(folder for _, folder in rounds(run)), run]


def files_named(run: Path, name: str) -> list[Path]:
    """The files of one name: those of the rounds in order, then the run's own."""
    return [folder / name for folder in folders(run) if (folder / name).is_file()]


def pairs_in(folder: Path) -> Path | None:
    """The file of pairs in a run or in a round's folder, or None."""
    return next((folder / name for name in (PAIRS, PAIRS_PARQUET) if (folder / name).is_file()), None)


def pair_files(run: Path) -> list[Path]:
    """Every file of pairs of a run: those of its rounds in order, then its own."""
    return [path for folder in folders(run) if (path := pairs_in(folder)) is not None]


def judged_files(run: Path) -> list[Path]:
    """Every file of judgments of a run: its own, then those of its rounds in order."""
    inside = [folder for _, folder in rounds(run)]
    return [folder / name for folder in (run, *inside) for name in JUDGED if (folder / name).is_file()]


def pairs_file(source: Path) -> Path:
    """The file of pairs that a name means: a file itself, or the one in a directory of a run or of a round.

    Raises InputError where the directory has none; for a run of a recipe it names one of the rounds.
    """
    if not source.is_dir():
        return source
    if (source / PAIRS).is_file():
        return source / PAIRS
    inside = [folder / PAIRS for _, folder in rounds(source) if (folder / PAIRS).is_file()]
    hint = f"; name one of its rounds, e.g. {inside[-1]}" if inside else "; finish it first"
    raise InputError(f"{source}: has no {PAIRS}{hint}")


def newest_pairs(run: Path, number: int | None = None) -> Path:
    """The file of pairs of a run: of a recipe's that of its newest round, or of round `number`.

    Raises InputError where there is no such round, or there are no pairs.
    """
    known = {each: path for each, folder in rounds(run) if (path := pairs_in(folder)) is not None}
    if not known:
        if number is not None:
            raise InputError(f"{run}: has no rounds; leave --round out")
        if (own := pairs_in(run)) is None:
            raise InputError(f"{run}: has no pairs; name a run of `generate`, `judge`, `import` or `run`")
        return own
    if number is not None and number not in known:
        raise InputError(f"{run}: has no round {number}; it has {', '.join(map(str, known))}")
    return known[max(known) if number is None else number]


def model_folder(run: Path, name: str) -> Path:
    """Where a run keeps what it trained: of a round by the round's name, else by the method's."""
    return run / MODELS / name


def model_of_round(run: Path, number: int) -> Path:
    """Where a run keeps what its round `number` trained."""
    return model_folder(run, round_name(number))


def step_note(run: Path, name: str) -> Path:
    """Where a run keeps the note on a finished step: `round-1/judge`."""
    return run / STEPS / f"{name}.json"


def step_notes(run: Path) -> list[Path]:
    """The notes on all finished steps of a run."""
    return sorted((run / STEPS).rglob("*.json"))


def checkpoint_file(training: Path, name: str) -> Path:
    """Where an unfinished training keeps tensors: the last checkpoint, or those of another name."""
    return training / TRAINING / f"{name}.safetensors"
