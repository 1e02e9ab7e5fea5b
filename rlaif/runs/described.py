"""What a directory is that is no run: a sentence with what to call, for whoever named it in place of one."""

from __future__ import annotations

from pathlib import Path

from rlaif.runs.layout import (
    CLAIM,
    MODELS,
    RUN,
    TRAIN_RECORD,
    TRAINING,
    is_run,
    pair_files,
    round_number,
    runs_below,
)

NAMED = 5
"""Runs and models that a sentence names."""
DEPTH = 2
_EXPORTED, _STORE, _CONFIG, _ADAPTER = "export.json", ".rlaif", "config.json", "adapter_config.json"


def is_model(folder: Path) -> bool:
    """Whether a training of ours came to its end there."""
    return (folder / TRAIN_RECORD).is_file()


def what_it_is(folder: Path) -> str:
    """Why a directory is no run, and what to call instead."""
    if not folder.is_dir():
        return f"{folder}: is no run directory: nothing is there; name the --out of an rlaif command"
    return f"{folder}: is no run directory: {_found(folder)}"


def _found(folder: Path) -> str:
    if is_model(folder):
        return (
            f"it is a model that `rlaif train` made; its figures: `rlaif status {folder}`, and "
            f"`rlaif evaluate --policy {folder} ...` compares it"
        )
    if (folder / TRAINING).is_dir():
        return "a training there has not come to its end; the same `rlaif train` command goes on"
    if round_number(folder) is not None and is_run(folder.parent):
        return f"it is a round of the run {folder.parent}; name that"
    if folder.name == MODELS and is_run(folder.parent):
        return f"it holds models of the run {folder.parent}; name that, or one of {_names(_below(folder))}"
    if owner := next((each for each in folder.absolute().parents if is_run(each)), None):
        return f"it lies in the run {owner}; name that"
    if (folder / _CONFIG).is_file() or (folder / _ADAPTER).is_file():
        return f"it is a model directory; `rlaif evaluate --policy {folder} ...` compares it"
    if (folder / _EXPORTED).is_file():
        return (
            "it is a data set of `rlaif export`, for other trainers; name the run that it was made of, or make it one "
            f"again: `rlaif import {_data(folder)} --out RUN`"
        )
    if runs := list(runs_below(folder, DEPTH)):
        return f"it holds runs; name one of {_names(runs)}"
    if (folder / _STORE).is_dir() or (folder / "constitutions").is_dir():
        return "it is a project without runs; `rlaif generate --out runs/r1` makes the first"
    held = sorted(each.name for each in folder.iterdir())
    if not held:
        return "it is empty; name the --out of an rlaif command"
    return f"it has no {RUN} and no {CLAIM} (it holds {held[0]}); name the --out of an rlaif command"


def no_pairs(run: Path, command: str, status: str = "done") -> str:
    """What to call for a run that has no pairs, by the command that made it and how far it got."""
    if command == "evaluate":
        return (
            f"{run}: is an evaluation, which has answers and figures and no pairs; see `rlaif report {run}` or "
            f"`rlaif status {run}`"
        )
    if status not in ("done", "running"):
        return (
            f"{run}: has no pairs yet: `rlaif {command}` was {status} there; the same command goes on, and "
            f"`rlaif status {run}` says how far it came"
        )
    if pair_files(run):
        return (
            f"{run}: its file of pairs is empty; `rlaif status {run}` and `rlaif report {run}` say what became of "
            "the prompts"
        )
    if command == "run":
        return (
            f"{run}: no step of its recipe makes pairs; `rlaif report {run}` shows its rounds, and "
            f"`rlaif status {run}` its files"
        )
    return f"{run}: has no pairs; name a run of `generate`, `judge`, `import` or `run`"


def _data(folder: Path) -> Path:
    """A file of rows in a directory; the directory itself where there is none."""
    found = (each for each in sorted(folder.iterdir()) if each.suffix in (".jsonl", ".parquet"))
    return next(found, folder)


def _below(folder: Path) -> list[Path]:
    return sorted(each for each in folder.iterdir() if each.is_dir())


def _names(paths: list[Path]) -> str:
    more = f" and {len(paths) - NAMED} more" if len(paths) > NAMED else ""
    return ", ".join(map(str, paths[:NAMED])) + more
