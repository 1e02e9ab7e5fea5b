"""What every step of rule-based rewards needs: the rules, the models, and which kind a prompt wants."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from rlaif.constitution import load_constitution
from rlaif.constitution.half_characters import HALF, half_characters
from rlaif.documents import read_document
from rlaif.errors import ConstitutionError, InputError
from rlaif.exchange.constitutions import read_foreign
from rlaif.exchange.formats.openai_rbr import recognises
from rlaif.judging.protocol import One
from rlaif.judging.rbr import Classes, ModelReward, classes_of, questions_of
from rlaif.judging.reward_judge import PREFIX
from rlaif.records import Constitution
from rlaif.store import Store, find_store
from rlaif.workflows.models.failures import failed_calls
from rlaif.workflows.models.pool import ModelPool
from rlaif.workflows.progress import Report
from rlaif.workflows.rbr.config import RuleOptions

_log = logging.getLogger(__name__)
YAML = (".yaml", ".yml")
CLASS_COLUMN = "class"
"""Of a row in which somebody says what class an answer is in."""


def load_rules(ref: str) -> Constitution:
    """A constitution with `behaviors`, or OpenAI's proposition_prompts.yaml. Raises ConstitutionError."""
    path = Path(ref)
    if path.suffix.lower() in YAML and path.is_file():
        document = read_document(path, ConstitutionError)
        if recognises(document.data):
            return _whole(read_foreign(path, "imported-rules").constitution)
    return _whole(load_constitution(ref))


def _whole(rules: Constitution) -> Constitution:
    for each in questions_of(rules):
        if broken := half_characters(each):
            raise ConstitutionError(f"{rules.source}: proposition {each.id!r}: {HALF.format(broken[0])}")
    return rules


def check(ref: str) -> tuple[dict[str, Classes], list[str]]:
    """The classes of each kind, and a message for each case that is in no class or in several."""
    kinds = classes_of(load_rules(ref))
    return kinds, [slip for classes in kinds.values() for slip in classes.slips()]


@contextmanager
def judging(options: RuleOptions, names: Sequence[str], near: Path, progress: Report) -> Iterator[ModelPool]:
    """The models of these names, opened before anything is asked, in the judge's role; calls go through the store near
    `near`.

    Calls that failed are told of at the end, with the commonest reason.
    """
    models = ModelPool(options, progress, options.seed)
    judges = models.acting(options.judge_options)
    for name in names:
        (models if name.startswith(PREFIX) else judges).open(name)
    with Store.open(find_store(near.absolute(), options.store)) as store:
        judges.record(store, "")
        yield judges
        for told in failed_calls(models.recorded):
            _log.warning(told)


def known_kind(kind: str | None, kinds: Mapping[str, object]) -> None:
    """Raise InputError for a `--kind` that the rules do not have."""
    if kind is not None and kind not in kinds:
        raise InputError(
            f"--kind {kind}: the rules have no such kind of answer; they have {', '.join(kinds)}"
        )


def reward_model(models: ModelPool, name: str | None) -> ModelReward | None:
    """The reward model of this name. Raises InputError for a model that writes: log-probabilities are no rewards."""
    if name is None:
        return None
    if not name.startswith(PREFIX):
        raise InputError(f"--base {name}: is no reward model; name one as {PREFIX}DIR")
    return ModelReward(models.acting(None).engine(name))


def tagged(items: Sequence[One], kind: str | None, kinds: Mapping[str, object]) -> list[One]:
    """The items with `kind` as the tag of their prompts that names a kind; as they are without one."""
    if kind is None:
        return list(items)
    return [
        (replace(prompt, tags=(*(tag for tag in prompt.tags if tag not in kinds), kind)), each)
        for prompt, each in items
    ]


def no_kind(kinds: Mapping[str, object]) -> str:
    """What to do where no prompt is of any kind."""
    return (
        f"no prompt has exactly one tag that names a kind of answer ({', '.join(kinds)}); "
        "tag the prompts, or name one kind for all with --kind"
    )
