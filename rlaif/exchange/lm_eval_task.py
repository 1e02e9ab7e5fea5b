"""A task of lm-evaluation-harness: a YAML file with local data, its `generate_until` and `multiple_choice` forms.

What is understood is done as the harness does it without examples in the prompt (`num_fewshot: 0`); a key that is not
understood is refused by name, for a task that is done otherwise gives another number under the same name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlaif.boundary import outside
from rlaif.documents import read_document
from rlaif.errors import InputError, PromptFileError
from rlaif.exchange.rows import read_rows

FORMS = ("generate_until", "multiple_choice")
KNOWN = {
    "task", "dataset_path", "dataset_name", "dataset_kwargs", "test_split", "validation_split", "training_split",
    "output_type", "doc_to_text", "doc_to_target", "doc_to_choice", "description", "target_delimiter",
    "fewshot_delimiter", "num_fewshot", "generation_kwargs", "filter_list", "metric_list", "tag", "group", "metadata",
    "should_decontaminate", "doc_to_decontamination_query", "repeats",
}  # fmt: skip
GENERATION = {"until", "max_gen_toks", "do_sample", "temperature"}
METRICS = {"generate_until": {"exact_match"}, "multiple_choice": {"acc", "acc_norm"}}
METRIC_KEYS = {
    "metric", "aggregation", "higher_is_better", "ignore_case", "ignore_punctuation", "ignore_numbers",
    "regexes_to_ignore",
}  # fmt: skip
FILE_KINDS = ("json", "csv", "parquet", "text")
MAX_TOKENS = 256
"""What the harness writes at most where a task does not say it."""
_PUNCTUATION = re.compile(r"[!-/:-@\[-`{-~]")
_DIGITS = re.compile(r"\d")
NO_MATCH = "[invalid]"
Filter = Callable[[str], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRow:
    """One document of a task."""

    text: str
    """What the model is asked."""
    target: str
    choices: tuple[str, ...] = ()
    """Of multiple choice: what can be chosen."""
    right: int = -1
    """The place of the right one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LmEvalTask:
    """A task as it is done here."""

    name: str
    form: str
    rows: tuple[TaskRow, ...]
    until: tuple[str, ...] = ()
    max_tokens: int = MAX_TOKENS
    metrics: tuple[str, ...] = ()
    filters: Mapping[str, Filter]
    """By the name of a filter; a task without any has `none`."""
    alike: Callable[[str, str], bool] = str.__eq__
    """Whether an answer is the target, as `exact_match` of the task compares them."""


def read_task(path: Path, *, limit: int | None = None) -> LmEvalTask:
    """The task of a YAML file. Raises InputError with the file and what is not understood."""
    found = read_document(path, PromptFileError).data
    if not isinstance(found, Mapping):
        raise InputError(f"{path}: a task is a mapping with `task`, `output_type`, `doc_to_text` ...")
    _refuse(path, found, KNOWN, "")
    form = str(found.get("output_type", "generate_until"))
    if form not in FORMS:
        raise InputError(f"{path}: output_type is {form}; what is done here: {', '.join(FORMS)}")
    if found.get("num_fewshot") not in (None, 0):
        raise InputError(
            f"{path}: num_fewshot is {found['num_fewshot']}; tasks are done here without examples: 0"
        )
    if found.get("repeats") not in (None, 1):
        raise InputError(f"{path}: repeats is {found['repeats']}; one answer a document is drawn here")
    generation = _mapping(path, found, "generation_kwargs")
    _refuse(path, generation, GENERATION, "generation_kwargs.")
    if generation.get("do_sample") or generation.get("temperature"):
        raise InputError(
            f"{path}: generation_kwargs samples; tasks are drawn greedily here: do_sample: false"
        )
    metrics = _metrics(path, _mappings(path, found, "metric_list"), form)
    room = generation.get("max_gen_toks", MAX_TOKENS)
    if type(room) is not int or room < 1:
        raise InputError(
            f"{path}: generation_kwargs.max_gen_toks is {room!r:.40}; it must be a whole number above 0"
        )
    until = generation.get("until", found.get("fewshot_delimiter", "\n\n"))
    return LmEvalTask(
        name=str(found.get("task", path.stem)),
        form=form,
        rows=tuple(_rows(path, found, form, limit)),
        until=tuple(map(str, until)) if isinstance(until, list | tuple) else (str(until),),
        max_tokens=room,
        metrics=tuple(each["metric"] for each in metrics),
        filters=_filters(path, _mappings(path, found, "filter_list")),
        alike=_alike(path, metrics[0]) if form == FORMS[0] else str.__eq__,
    )


def _mapping(path: Path, found: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = found.get(key)
    if value is not None and not isinstance(value, Mapping):
        raise InputError(f"{path}: {key} is {value!r:.60}; it must be a mapping")
    return dict(value or {})


def _mappings(path: Path, found: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    value = found.get(key) or []
    if not isinstance(value, list) or not all(isinstance(each, Mapping) for each in value):
        raise InputError(f"{path}: {key} is {value!r:.60}; it must be a list of mappings")
    return value


def _refuse(path: Path, found: Mapping[str, Any], known: set[str], where: str) -> None:
    if unknown := [str(each) for each in found if each not in known]:
        raise InputError(
            f"{path}: `{where}{unknown[0]}` is not understood here, and without it the figure would be another one; "
            f"known: {', '.join(sorted(known))}"
        )


def _metrics(path: Path, found: Sequence[Mapping[str, Any]], form: str) -> list[Mapping[str, Any]]:
    listed = found or [{"metric": name} for name in sorted(METRICS[form])]
    for each in listed:
        if (name := each.get("metric")) not in METRICS[form]:
            raise InputError(
                f"{path}: metric {name!r} is not done here; of {form}: {', '.join(sorted(METRICS[form]))}"
            )
        _refuse(path, each, METRIC_KEYS, "metric_list.")
        if each.get("aggregation", "mean") != "mean":
            raise InputError(f"{path}: aggregation is {each['aggregation']!r}; what is done here is mean")
    return list(listed)


def _alike(path: Path, metric: Mapping[str, Any]) -> Callable[[str, str], bool]:
    """How `exact_match` compares: what is to be ignored is taken away from both, in the harness's order."""
    with outside(PromptFileError, f"{path}: regexes_to_ignore", "write regular expressions"):
        given = metric.get("regexes_to_ignore") or ()
        ignored = [re.compile(str(each)) for each in ([given] if isinstance(given, str) else given)]

    def bare(text: str) -> str:
        for each in ignored:
            text = each.sub("", text)
        if metric.get("ignore_case"):
            text = text.lower()
        if metric.get("ignore_punctuation"):
            text = _PUNCTUATION.sub("", text)
        return _DIGITS.sub("", text) if metric.get("ignore_numbers") else text

    return lambda one, other: bare(one) == bare(other)


def _filters(path: Path, found: Sequence[Mapping[str, Any]]) -> dict[str, Filter]:
    if not found:
        return {"none": lambda text: text}
    made: dict[str, Filter] = {}
    for each in found:
        steps = [_filter(path, step) for step in _mappings(path, each, "filter")]

        def through(text: str, steps: Sequence[Filter] = tuple(steps)) -> str:
            for step in steps:
                text = step(text)
            return text

        made[str(each.get("name", "none"))] = through
    return made


def _filter(path: Path, step: Mapping[str, Any]) -> Filter:
    match step.get("function"):
        case "take_first":
            return lambda text: text
        case "remove_whitespace":
            return str.lstrip
        case "lowercase":
            return str.lower
        case "uppercase":
            return str.upper
        case "regex":
            _refuse(path, step, {"function", "regex_pattern", "group_select", "fallback"}, "filter.")
            if type(step.get("group_select", 0)) is not int:
                raise InputError(
                    f"{path}: group_select is {step['group_select']!r:.40}; it must be a whole number"
                )
            with outside(PromptFileError, f"{path}: regex_pattern", "write a regular expression"):
                pattern = re.compile(str(step.get("regex_pattern", r"#### (\-?[0-9\.\,]+)")))
            return lambda text: _matched(pattern, text, step)
        case other:
            raise InputError(
                f"{path}: the filter {other!r} is not done here; known: take_first, regex, remove_whitespace, "
                "lowercase, uppercase"
            )


def _matched(pattern: re.Pattern[str], text: str, step: Mapping[str, Any]) -> str:
    found = pattern.findall(text)
    try:
        told = found[step.get("group_select", 0)]
    except IndexError:
        return str(step.get("fallback", NO_MATCH))
    if isinstance(told, tuple):
        told = next((each for each in told if each), str(step.get("fallback", NO_MATCH)))
    return str(told).strip()


def _rows(path: Path, found: Mapping[str, Any], form: str, limit: int | None) -> list[TaskRow]:
    if "doc_to_text" not in found or "doc_to_target" not in found:
        raise InputError(f"{path}: has no doc_to_text or no doc_to_target")
    description = str(found.get("description") or "")
    rows = []
    for row in read_rows(_data(path, found), limit=limit):
        if not isinstance(row.value, Mapping):
            raise PromptFileError(
                f"{row.where}: a document must be an object, not {type(row.value).__name__}"
            )
        document = dict(row.value)
        text = description + str(_value(path, found["doc_to_text"], document, row.where))
        target = _value(path, found["doc_to_target"], document, row.where)
        if form == FORMS[0]:
            if not isinstance(target, str | int | float):
                raise PromptFileError(
                    f"{row.where}: doc_to_target gives several targets; one is compared here"
                )
            rows.append(TaskRow(text=text, target=str(target)))
            continue
        choices = _choices(path, found.get("doc_to_choice"), document, row.where)
        rows.append(
            TaskRow(
                text=text, target=str(target), choices=choices, right=_right(path, target, choices, row.where)
            )
        )
    if not rows:
        raise PromptFileError(f"{path}: its data has no rows")
    return rows


def _data(path: Path, found: Mapping[str, Any]) -> Path:
    """The file of the split that is tested on, beside the task where its path is not absolute."""
    if found.get("dataset_path") not in FILE_KINDS:
        raise InputError(
            f"{path}: dataset_path is {found.get('dataset_path')!r}, from a hub; a task of yours names "
            f"a file: dataset_path: json, dataset_kwargs: {{data_files: {{test: FILE}}}} ({', '.join(FILE_KINDS)})"
        )
    given = _mapping(path, found, "dataset_kwargs")
    _refuse(path, given, {"data_files"}, "dataset_kwargs.")
    files = given.get("data_files")
    if isinstance(files, Mapping):
        split = str(found.get("test_split") or found.get("validation_split") or "test")
        if split not in files:
            raise InputError(f"{path}: data_files has no {split!r}; it has: {', '.join(map(str, files))}")
        files = files[split]
    if not isinstance(files, str):
        raise InputError(f"{path}: dataset_kwargs.data_files must name a file, or one for each split")
    return path.parent / files


def _value(path: Path, spelled: Any, document: Mapping[str, Any], where: str) -> Any:
    """A field of the document by its name, a whole number, or a template of its fields."""
    if isinstance(spelled, int):
        return spelled
    if not isinstance(spelled, str):
        raise InputError(f"{path}: {spelled!r:.60} is no field and no template")
    if spelled in document:
        return document[spelled]
    return _rendered(path, spelled, document, where)


def _choices(path: Path, spelled: Any, document: Mapping[str, Any], where: str) -> tuple[str, ...]:
    if isinstance(spelled, list | tuple):
        return tuple(_rendered(path, str(each), document, where) for each in spelled)
    if not isinstance(spelled, str):
        raise InputError(
            f"{path}: multiple_choice needs doc_to_choice: a list, a field or a template of a list"
        )
    if spelled in document:
        value = document[spelled]
    else:
        import ast

        with outside(PromptFileError, f"{where}: doc_to_choice gives no list", "write a template of a list"):
            value = ast.literal_eval(_rendered(path, spelled, document, where))
    if not isinstance(value, list | tuple) or len(value) < 2:
        raise PromptFileError(f"{where}: doc_to_choice must give a list of two or more")
    return tuple(map(str, value))


def _right(path: Path, target: Any, choices: Sequence[str], where: str) -> int:
    if isinstance(target, bool) or not isinstance(target, int | str):
        raise PromptFileError(
            f"{where}: doc_to_target of {path.name} must give a place or one of the choices"
        )
    # a template writes a place as digits
    named = next((place for place, each in enumerate(choices) if each == target), None)
    place = int(target) if named is None and str(target).isdigit() else -1 if named is None else named
    if not 0 <= place < len(choices):
        raise PromptFileError(f"{where}: {target!r} is none of its {len(choices)} choices")
    return place


def _rendered(path: Path, text: str, document: Mapping[str, Any], where: str) -> str:
    from jinja2 import StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    with outside(PromptFileError, f"{where}: {path.name}: the template {text!r:.60}", "mend the template"):
        made = ImmutableSandboxedEnvironment(undefined=StrictUndefined, keep_trailing_newline=True)
        made.filters["regex_replace"] = lambda value, pattern, new="": re.sub(pattern, new, value)
        return made.from_string(text).render(**document)
