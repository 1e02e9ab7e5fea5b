"""The set `lm-eval=FILE.yaml`: a task of lm-evaluation-harness with local data, as `lm_eval_task` understands it.

Each document is one user's turn through the model's chat template, as with the harness's `--apply_chat_template`; of
multiple choice the choices are scored as the assistant's turn, without a delimiter before them, as it does then.
"""

from __future__ import annotations

from pathlib import Path

from rlaif.errors import EngineError
from rlaif.exchange.lm_eval_task import LmEvalTask, TaskRow, read_task
from rlaif.hashing import digest
from rlaif.records import Message, Prompt, Sampling, ScoreRequest
from rlaif.workflows.evaluation.named_sets.named_set import ModelOfSet, NamedSet, Readings

MOST_FAILED = 0.5
"""Share of documents that may fail: with more, the figure is of another task."""


def open_lm_eval(path: Path, limit: int | None) -> NamedSet:
    """The set of a task's file. Raises InputError naming what is not understood."""
    task = read_task(path, limit=limit)

    def measure(model: ModelOfSet) -> Readings:
        return _generated(task, model) if task.form == "generate_until" else _chosen(task, model)

    names = (
        [_called(task, "exact_match", each) for each in task.filters]
        if task.form == "generate_until"
        else list(task.metrics)
    )
    return NamedSet(
        name=task.name,
        content=digest("lm-eval", [[each.text, each.target, list(each.choices)] for each in task.rows]),
        measure=measure,
        says=dict.fromkeys(names, "of documents, as lm-evaluation-harness counts them"),
    )


def _prompt(row: TaskRow) -> Prompt:
    return Prompt(messages=(Message(role="user", content=row.text),))


def _called(task: LmEvalTask, metric: str, filtered: str) -> str:
    return metric if len(task.filters) == 1 else f"{metric},{filtered}"


def _generated(task: LmEvalTask, model: ModelOfSet) -> Readings:
    limits = Sampling(temperature=0.0, max_tokens=task.max_tokens, stop=task.until)
    prompts = {_prompt(each).id: _prompt(each) for each in task.rows}
    said = model.ask(list(prompts.values()), limits)
    known = [(prompt, row) for row in task.rows if (prompt := _prompt(row).id) in said]
    return {
        _called(task, "exact_match", name): {
            prompt: float(task.alike(through(said[prompt]), row.target)) for prompt, row in known
        }
        for name, through in task.filters.items()
    }


def _chosen(task: LmEvalTask, model: ModelOfSet) -> Readings:
    asked = {
        _prompt(row).id: ScoreRequest(
            id=_prompt(row).id, messages=_prompt(row).messages, continuations=row.choices
        )
        for row in task.rows
    }
    rows = {_prompt(each).id: each for each in task.rows}
    scored, failed = {}, []
    for each in model.engine.score(list(asked.values())):
        if each.error is None:
            scored[each.request_id] = each.logprobs
        else:
            failed.append(each.error)
    if len(failed) > MOST_FAILED * len(asked):
        raise EngineError(
            f"{model.engine.name}: {len(failed)} of {len(asked)} documents of {task.name} could not be scored, the "
            f"first with: {failed[0]}"
        )
    found: dict[str, dict[str, float]] = {name: {} for name in task.metrics}
    for prompt, logprobs in scored.items():
        row = rows[prompt]
        by_length = [each / max(1, len(text)) for each, text in zip(logprobs, row.choices, strict=True)]
        for name, values in (("acc", logprobs), ("acc_norm", by_length)):
            if name in found:
                found[name][prompt] = float(
                    max(range(len(values)), key=lambda place: values[place]) == row.right
                )
    return found
