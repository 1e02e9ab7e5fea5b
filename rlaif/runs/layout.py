"""What lies where in a run directory: the names of its files, and how the files of one kind are found.

A run of `generate`, `judge` or `import` holds its files itself. A run of a recipe holds those of a round in
`round-N/`, and its models in `models/round-N/`. A directory of a training is one of its own: `models/dpo/`, or the
`--out` of `rlaif train`. No other file knows these names.

A step of a recipe that has a name of its own (`as: hard`) writes `round-N/hard.jsonl`. What such a file holds is said
by the run's `artefacts.json`, which is the only file that is read here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from rlaif import landmarks
from rlaif.errors import InputError
from rlaif.runs.record_files import ARTEFACTS_SCHEMA, read_record_if_there

CLAIM = "claim.json"
"""Written first: the command and the configuration that own the directory."""
LOCK = "run.lock"
"""Held (flock) while a process works in the directory."""
PROGRESS = "progress.json"
"""Where the work stands, rewritten whole."""
RUN = landmarks.RUN
"""Written whole, last: configuration, versions, status, summary."""

CONSTITUTION = "constitution.yaml"
"""The constitution that a run was judged by, as it was."""
COMPLETIONS = "completions.jsonl"
JUDGMENTS = "judgments.jsonl"
"""Pointwise judgments, and lists."""
COMPARISONS = "comparisons.jsonl"
"""Pairwise judgments."""
PAIRS = landmarks.PAIRS
PAIRS_PARQUET = "pairs.parquet"
"""The same pairs as a table, of a run whose pairs came so."""
HELD_BACK = "held-back.jsonl"
"""Pairs that were made and are not trained on, for a principle that the judge misunderstands has a part in them."""
FUNNEL = "funnel.json"
"""How many prompts became pairs and what became of the others, of one round."""
EVALUATION = "evaluation.json"
"""The figures of one round's policy."""
MEASURED = "measured.jsonl"
"""What each held-out prompt gave when a policy was measured: its answer, and what was read of it."""
ROUNDS = "rounds.json"
"""A row of figures for each round of a recipe, from round 0 on."""
REPORT = "report.html"
MODELS = "models"
"""The folder of what a run trained."""
STEPS = "steps"
"""The folder of the notes on finished steps of a recipe; in a project's store folder, where they find each other."""

ARTEFACTS = "artefacts.json"
"""What the steps of a recipe make: a row for each file or model, with its kind, round and step, and what it is of."""

ALARM = "alarm.json"
"""What the alarm of a training read at each look, and when it rang."""
LAB = "lab.json"
"""What `rlaif lab overoptimize` found: curves, fits, the check of best-of-n's KL."""
TABLE = "table.json"
"""What `rlaif lab table` found: each recipe under each judge, beside its start and the baselines."""
CHECK = "check.json"
"""What `rlaif judge check` found."""
TRAIN_RECORD = "train.json"
"""Written last, by a training: what was trained, how, and what came of it."""
METRICS = landmarks.METRICS
"""A row of figures for each step of a training."""
USED_PAIRS = "used_pairs.jsonl"
"""The ids of the pairs of each step of a training."""
LEARNED_PROMPTS = "learned_prompts.json"
"""Beside a reward model: of the prompts that it learned from, hashes of their words."""
TRAINING = landmarks.TRAINING
"""The folder of an unfinished training."""
TRAINING_LOCK = f"{TRAINING}/lock"
"""Held (flock) while a process trains."""
CHECKPOINT = "checkpoint"
"""In it, the last checkpoint."""
LOGPS = "logps.sqlite"
"""Log-probabilities of references, beside a project's store."""

OF_A_ROUND = (PAIRS, COMPLETIONS, JUDGMENTS, COMPARISONS, HELD_BACK, FUNNEL, EVALUATION, MEASURED)
"""Files that steps without a name of their own write into the folder of a round: no step may be called like one."""
DIGESTED = (PAIRS, PAIRS_PARQUET, COMPLETIONS, JUDGMENTS, COMPARISONS, CONSTITUTION)
"""Files of a run whose digests stand in its report."""
_ROUND = "round-"
_PLAIN = {
    "completions": (COMPLETIONS,),
    "judgments": (JUDGMENTS,),
    "pairs": (PAIRS, PAIRS_PARQUET),
    "comparisons": (COMPARISONS,),
    "funnel": (FUNNEL,),
}
"""By kind, the names of a file that no step gave a name of its own; of several the first that there is."""
_DATA = ("completions", "judgments", "comparisons", "pairs")
"""Kinds of files that later steps read."""
_BESIDE_PAIRS = {"comparisons": COMPARISONS, "funnel": FUNNEL}


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeFile:
    """A file, or a model's directory, that a step of a recipe makes."""

    path: Path
    kind: str
    """`pairs`, `judgments`, `completions`, `model` ..."""
    round: int
    step: str
    """What the run calls the step: its `as`, else its name."""
    of: Mapping[str, Path]
    """By kind, the file of that kind that it was made of, directly or through others."""
    moves: str = ""
    """The role whose newest model it is; empty of what is no model, and in runs that do not say it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairSources:
    """A file of pairs and the files that its pairs come from, whether they exist or not."""

    pairs: Path
    completions: Path
    judgments: Path
    comparisons: Path
    funnel: Path

    @property
    def folder(self) -> Path:
        """The run, or the round's folder, that holds the pairs."""
        return self.pairs.parent

    @property
    def judged(self) -> list[Path]:
        """The files of judgments that there are, pointwise ones first."""
        return [each for each in (self.judgments, self.comparisons) if each.is_file()]


def is_run(folder: Path) -> bool:
    """Whether a directory was claimed by a command."""
    return (folder / CLAIM).is_file()


def run_of(folder: Path) -> Path | None:
    """The run that a directory is, or is a round of; None where it is neither."""
    if is_run(folder):
        return folder
    return folder.parent if round_number(folder) is not None and is_run(folder.parent) else None


def run_of_pairs(source: Path) -> Path | None:
    """As `run_of`, and the run that a file of pairs lies in: `RUN/round-1/hard`, with or without its suffix."""
    return run_of(source if source.is_dir() else source.parent)


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


def made_files(run: Path) -> list[MadeFile]:
    """What the steps of a recipe's run make, in the order in which they run; nothing for other runs."""
    rows = read_record_if_there(run / ARTEFACTS, ARTEFACTS_SCHEMA) or []
    return [
        MadeFile(
            path=run / row["path"],
            kind=row["kind"],
            round=row["round"],
            step=row["step"],
            of={kind: run / path for kind, path in row["of"].items()},
            moves=row.get("moves", ""),
        )
        for row in rows
    ]


def files_in(folder: Path, kind: str) -> list[Path]:
    """The files of a kind in a run or in a round's folder, in the order in which they were made.

    Args:
        folder: The directory of a run, or that of a round.
        kind: `completions`, `judgments`, `pairs`, `comparisons` or `funnel`.

    Returns:
        Those that there are. Pairs that a later step made other pairs of are left out: these stand for them.
    """
    number = round_number(folder)
    listed = (
        [each for each in made_files(folder.parent) if each.round == number] if number is not None else []
    )
    if kind in _BESIDE_PAIRS:
        made = [_beside(each.path, kind) for each in listed if each.kind == "pairs"]
    else:
        made = [each.path for each in listed if each.kind == kind]
    if kind == "pairs":
        replaced = {
            each.of[kind] for each in listed if kind in each.of and each.kind == kind and each.path.is_file()
        }
        made = [each for each in made if each not in replaced]
    else:
        replaced = set()
    plain = next((folder / name for name in _PLAIN[kind] if (folder / name).is_file()), None)
    own = [] if plain is None or plain in replaced or plain in made else [plain]
    return [*own, *(each for each in made if each.is_file())]


def files_of(run: Path, kind: str) -> list[Path]:
    """The files of a kind (see `files_in`): those of the rounds in order, then the run's own."""
    return [path for folder in folders(run) for path in files_in(folder, kind)]


def data_files(run: Path) -> list[Path]:
    """Every file of completions, judgments and pairs of a run, of all its rounds, that there is."""
    plain = [folder / name for folder in folders(run) for names in _DATA for name in _PLAIN[names]]
    made = [each.path for each in made_files(run) if each.kind in _DATA]
    beside = [_beside(each, "comparisons") for each in made]
    return [each for each in dict.fromkeys([*plain, *made, *beside]) if each.is_file()]


def pairs_in(folder: Path) -> Path | None:
    """The newest file of pairs in a run or in a round's folder, or None."""
    return next(reversed(files_in(folder, "pairs")), None)


def pair_files(run: Path) -> list[Path]:
    """Every file of pairs of a run: those of its rounds in order, then its own."""
    return files_of(run, "pairs")


def sources_of(pairs: Path) -> PairSources:
    """The files that a file of pairs comes from."""
    made = next((each for each in made_files(pairs.parent.parent) if each.path == pairs), None)

    def source(kind: str, plain: str) -> Path:
        if made is None:
            return pairs.with_name(plain)
        # what it was not made of it does not come from, though it lies beside it under a plain name
        return made.of.get(kind, pairs.with_name(f"{pairs.stem}.{plain}"))

    return PairSources(
        pairs=pairs,
        completions=source("completions", COMPLETIONS),
        judgments=source("judgments", JUDGMENTS),
        comparisons=_beside(pairs, "comparisons"),
        funnel=_beside(pairs, "funnel"),
    )


def _beside(pairs: Path, kind: str) -> Path:
    """A file that the step that made the pairs wrote with them: `hard.funnel.json` beside `hard.jsonl`."""
    name = _BESIDE_PAIRS[kind]
    return pairs.with_name(name if pairs.name in (PAIRS, PAIRS_PARQUET) else f"{pairs.stem}.{name}")


def judged_files(run: Path) -> list[Path]:
    """Every file of judgments of a run: its own, then those of its rounds in order."""
    inside = [folder for _, folder in rounds(run)]
    return [path for folder in (run, *inside) for path in judged_in(folder)]


def judged_in(folder: Path) -> list[Path]:
    """The files of judgments in a run's or a round's own folder: pointwise ones, then pairwise ones."""
    return [path for kind in ("judgments", "comparisons") for path in files_in(folder, kind)]


def pairs_file(source: Path) -> Path:
    """The file of pairs that a name means: a file itself, or the newest one in a directory of a run or of a round.

    A file may be named without its suffix: `RUN/round-1/hard`.

    Raises InputError where the directory has none; for a run of a recipe it names one of the rounds.
    """
    if not source.is_dir():
        named = source.with_name(f"{source.name}.jsonl")
        return named if named.is_file() and not source.exists() else source
    if (own := pairs_in(source)) is not None:
        return own
    inside = [path for _, folder in rounds(source) if (path := pairs_in(folder)) is not None]
    hint = f"; name one of its rounds, e.g. {inside[-1]}" if inside else "; finish it first"
    raise InputError(f"{source}: has no {PAIRS}{hint}")


def several_pairs(file: Path) -> str | None:
    """In words, that `file` is the newest of several files of pairs in its folder; None where it is the only one."""
    others = [each for each in files_in(file.parent, "pairs") if each != file]
    if not others:
        return None
    return f"{file.parent}: has {len(others) + 1} files of pairs; {file.name} was taken, not {others[-1]}"


def newest_pairs(run: Path, number: int | None = None) -> Path:
    """The file of pairs of a run: of a recipe's the newest one of its newest round, or of round `number`.

    `run` may also be a round's folder, or a file of pairs in it.

    Raises InputError where there is no such round, or there are no pairs.
    """
    if not run.is_dir():
        if number is not None:
            raise InputError(f"{run}: is a file of pairs; leave --round out")
        return pairs_file(run)
    known = {each: path for each, folder in rounds(run) if (path := pairs_in(folder)) is not None}
    if not known:
        if number is not None:
            raise InputError(f"{run}: has no rounds with pairs; leave --round out")
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
