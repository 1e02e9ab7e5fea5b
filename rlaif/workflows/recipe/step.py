"""What a recipe step is: one file that says its name, its settings, what it takes and makes, and how it runs.

Everything that the package knows of a step is asked of its `Step`: the schema of recipes, the runner, the forecast of
`--dry-run`, the estimate of the time that is left, and the table of rounds. Nothing else tests a step's name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlaif.errors import InputError
from rlaif.field_docs import documented
from rlaif.hashing import digest
from rlaif.records import Constitution
from rlaif.runs.identity import described_prompts
from rlaif.settings import json_schema, values_of
from rlaif.store import Store
from rlaif.workflows.progress import Report
from rlaif.workflows.recipe.artefacts import KINDS, Artefact, content
from rlaif.workflows.recipe.prepared import PreparedRecipe
from rlaif.workflows.recipe.recipe import Recipe, RecipeStep
from rlaif.workflows.recipe.step_cache import Since, StepCache
from rlaif.workflows.recipe.task import Task, file_of

if TYPE_CHECKING:
    from rlaif.judging import Judge
    from rlaif.workflows.models.pool import ModelPool
    from rlaif.workflows.models.role_options import RoleOptions
    from rlaif.workflows.recipe.background import Background

Facts = Mapping[str, Any]
"""What a finished step says of itself; kept in its note, as JSON."""


@dataclass(slots=True, kw_only=True)
class RoundState:
    """What one round holds in memory: let go when the round ends."""

    number: int
    values: dict[str, Any] = field(default_factory=dict)
    """Artefacts that were read, by their path in the run."""
    facts: dict[str, Facts] = field(default_factory=dict)
    """What each step said of itself, by the step's key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A task with everything that it may read: what a step's functions are called with."""

    prepared: PreparedRecipe
    task: Task
    models: ModelPool
    run: Path
    """The directory of the run."""
    state: RoundState

    @property
    def settings(self) -> Any:
        """An instance of the step's configuration class."""
        return self.task.entry.settings

    @property
    def round(self) -> int:
        """The number of the round; 0 is before any feedback."""
        return self.task.round

    @property
    def seed(self) -> int:
        """The recipe's seed."""
        return self.prepared.recipe.seed

    @property
    def constitution(self) -> Constitution:
        """The constitution that the recipe names."""
        return self.prepared.constitution

    def model(self, key: str) -> str:
        """The name of the model that the step's key (`judge`) means at this point of the run."""
        return self.task.models[key]

    def role(self, key: str) -> RoleOptions:
        """How the model that the step's key means is asked."""
        return self.prepared.recipe.models.asked(self.task.roles.get(key, key))

    def pool(self, key: str) -> ModelPool:
        """The models in the role that the step's key means: what they are asked is asked as the recipe says there."""
        return self.models.acting(self.role(key))

    def judge(self, key: str = "judge") -> Judge:
        """The judge that the step's key means."""
        return self.pool(key).judge(self.model(key))

    def told(self, *keys: str) -> dict[str, Any]:
        """For the key of a step: how the models of these keys are asked; nothing where nothing is said of them."""
        said = {key: own for key in keys if (own := self.role(key).set_ones)}
        return {"options": said} if said else {}

    def fingerprint(self, key: str) -> str:
        """The fingerprint of the model that the step's key means."""
        return self.pool(key).fingerprint(self.model(key))

    def takes(self, kind: str) -> Artefact:
        """The artefact of this kind that the step takes, itself or what it was made of. Raises InputError if none."""
        if (found := self.took(kind)) is not None:
            return found
        raise InputError(f"{self.task.name}: takes no {kind}")

    def took(self, kind: str) -> Artefact | None:
        """As `takes`, and None where there is none."""
        taken = self.task.takes
        # what was taken itself, before what another one was made of
        found = (*(each for each in taken if each.kind == kind), *(each.ancestor(kind) for each in taken))
        return next((each for each in found if each is not None), None)

    def value(self, kind: str) -> Any:
        """The artefact of this kind, read."""
        return self.read(self.takes(kind))

    def gathered(self) -> list[Artefact]:
        """Of a step that gathers: all artefacts of the kind of the first one that it takes, in the recipe's order."""
        taken = self.task.takes
        return [each for each in taken if each.kind == taken[0].kind]

    def named(self, names: Sequence[str]) -> dict[str, Any]:
        """Of these names, those of files that steps made and this one takes, each with what is in it."""
        taken = {each.name: each for each in self.task.takes if each.name in names and each.path}
        return {name: self.read(each) for name, each in taken.items()}

    def read(self, artefact: Artefact) -> Any:
        """The records of an artefact, or the path of a model; kept in memory until the round ends."""
        if not artefact.path:
            return list(self.prepared.prompts[artefact.name])
        if artefact.path not in self.state.values:
            self.state.values[artefact.path] = KINDS[artefact.kind].read(self.run / artefact.path)
        return self.state.values[artefact.path]

    def digest(self, kind: str) -> str:
        """The digest of the artefact's file. Of prompts: of what their rows hold."""
        return self.digest_of(self.takes(kind))

    def digest_of(self, artefact: Artefact) -> str:
        """As `digest`, of an artefact that the step takes."""
        if not artefact.path:
            prompts = self.prepared.prompts[artefact.name]
            return digest(described_prompts(prompts), [dict(each.meta) for each in prompts])
        return str(content(self.run / artefact.path))

    def file(self, stem: str, suffix: str) -> str:
        """A further file of this step, inside the run: `funnel` of round 1 is `round-1/funnel.json`."""
        return file_of(self.task.entry, self.round, stem, suffix)

    @property
    def out(self) -> Path:
        """Where what the step makes is written. Raises InputError for a step that makes nothing."""
        if self.task.makes is None:
            raise InputError(f"{self.task.name}: makes no artefact")
        return self.run / self.task.makes.path

    def write(self, value: Any) -> None:
        """Write what the step makes, in the format of its kind."""
        assert self.task.makes is not None, "a step that makes nothing writes nothing"
        KINDS[self.task.makes.kind].write(self.out, value)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunJob(Job):
    """A job that is really run: with the project's store, and with somebody who hears of its progress."""

    cache: StepCache
    store: Store
    run_id: str
    report: Report
    background: Background


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What is known of a task before it runs, to estimate how much work it is."""

    prepared: PreparedRecipe
    entry: RecipeStep
    round: int
    principles: float
    """How many principles apply to a prompt, on average."""
    sizes: dict[str, int]
    """About how many artefacts of each kind the steps before it have made; the step adds what it makes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedStep:
    """What is known of a step when a recipe is checked, before any model is opened."""

    recipe: Recipe
    entry: RecipeStep
    task: Task
    """The first of its tasks."""
    names: frozenset[str]
    """Names of all models that steps of the recipe make."""
    carried: frozenset[str] | None = None
    """What the examples that it takes carry beside a conversation; None where it takes none, or nobody can tell."""

    def maker(self, kind: str) -> RecipeStep | None:
        """The step of the recipe that made what is taken of a kind; None for the recipe's own prompts."""
        found = (each.ancestor(kind) for each in self.task.takes)
        made = next((each for each in found if each is not None), None)
        return next((each for each in self.recipe.round if made is not None and each.key == made.step), None)

    def require_several(self, noun: str) -> None:
        """Raise InputError where there is one completion of a prompt, or all of a prompt are one greedy text.

        `noun` is what takes them: it stands first in the sentence.
        """
        drawn = self.maker("completions")
        if drawn is None or (count := getattr(drawn.settings, "n", None)) is None:
            return
        if count < 2:
            raise InputError(
                f"{noun} two completions of a prompt, and {drawn.key!r} draws {count}; raise its n"
            )
        if getattr(drawn.settings, "temperature", 1) == 0 and not getattr(drawn.settings, "models", None):
            raise InputError(
                f"{noun} two completions of a prompt, and at temperature 0 all {count} that {drawn.key!r} draws are "
                "one text; raise its temperature"
            )

    def check_judged(self) -> None:
        """Raise InputError where the completions that are taken are not those that the judgments are of."""
        taken, *rest = self.task.takes
        for judgments in (each for each in rest if each.kind == "judgments" and taken.kind == "completions"):
            judged = judgments.ancestor(taken.kind)
            if judged is not None and judged not in (taken, *taken.whole):
                raise InputError(
                    f"the judgments {judgments.name or judgments.step!r} are of {judged.name or judged.step!r}, and "
                    f"taken is {taken.name or taken.step!r}; name what belongs together: `of: [COMPLETIONS, JUDGMENTS]`"
                )

    def judge(self, key: str) -> str:
        """The name of the model that the step's key means before anything is trained."""
        return self.task.initial[key]


def everything(job: Job) -> dict[str, Any]:
    """All that a step may read: settings, artefacts, models, constitution, seed, round. The usual key of a step."""
    from rlaif.engines.kinds import (
        judges_in_writing,
    )  # loads libraries that a typo in a recipe must not wait for

    writing = any(judges_in_writing(each, job.models.in_writing) for each in job.task.models.values())
    return {
        "step": job.task.entry.config(),
        "artefacts": {
            kind: _digests(job, kind) for kind in dict.fromkeys(each.kind for each in job.task.takes)
        },
        "models": {key: job.fingerprint(key) for key in job.task.models},
        "constitution": job.constitution.digest,
        "seed": job.seed,
        "round": job.round,
        **({"in_writing": True} if writing else {}),
        **job.told(*job.task.models),
    }


def _digests(job: Job, kind: str) -> str | list[str]:
    """The digest of what a step takes of a kind; of several, all of them."""
    own = [job.digest_of(each) for each in job.task.takes if each.kind == kind]
    return own[0] if len(own) == 1 else own


def _nothing(*_: Any) -> None:
    return None


def _only_warnings(facts: Facts, _: int) -> dict[str, Any]:
    return {"warnings": facts["warnings"]} if "warnings" in facts else {}


def _no_names(_: Any) -> Sequence[str]:
    return ()


def _no_protocols(_: Any) -> Sequence[str]:
    return ()


def _no_work(_: Expected) -> int:
    return 0


def _a_score(_: Any) -> float:
    return 1.0


def _own_file(job: Job) -> Sequence[str]:
    return [] if job.task.makes is None else [job.task.makes.path]


@documented
@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A kind of step. A file of `steps/`, or a package's entry point in the group `rlaif.steps`, holds one."""

    name: str
    """What `step: NAME` of a recipe says."""
    help: str
    """One sentence: what it makes of what."""
    settings: type
    """Its configuration, a frozen dataclass with `rlaif.settings.setting` fields: the only spelling of its options."""
    make: Callable[[RunJob], Facts]
    """Do it: read from the job, write its outputs, and return the facts. Called only where no equal step is found."""
    forecast: Callable[[Job], Any]
    """Do it with models that answer nothing, and return what would be made. Writes nothing."""
    needs: tuple[tuple[str, ...], ...] = ()
    """Kinds of artefact that it takes; of several in one place any will do."""
    makes: str | None = None
    """The kind of artefact that it makes."""
    makes_as: Callable[[RecipeStep, tuple[Artefact, ...]], str] | None = None
    """The kind that it makes of what it takes, where that is not always `makes`: `filter` makes what it takes."""
    gathers: bool | Callable[[RecipeStep], bool] = False
    """Whether it takes any number of artefacts of the kind of its first need: all that `of` names."""
    selects: bool = False
    """Whether it makes a part of what it takes first, its rows as they were: judgments of the whole are good for it."""
    joins: Callable[[RecipeStep], bool] = lambda _: True
    """Whether all that it takes must be made of each other; not where two judges' judgments are compared."""
    also_asks: Callable[[Any], Sequence[str]] = _no_names
    """Further models that its settings name."""
    may_ask: Callable[[Any], Sequence[str]] = _no_names
    """Names in its settings that may be models of the recipe: a role, one that a step made. Others are its own."""
    also_takes: Callable[[Any], Sequence[str]] = _no_names
    """Names in its settings that may be files which steps made, taken beside what it needs. Others are its own."""
    roles: Mapping[str, str] = field(default_factory=dict)
    """Keys of a recipe that say which model is meant (`judge`), each with the role that is meant by default."""
    may_name: Mapping[str, str] = field(default_factory=dict)
    """Further such keys, each with what its model is for: one that a recipe does not name asks no model."""
    of: str = "of"
    """The key of a recipe that says which artefact is taken."""
    also_of: str = ""
    """Another key that says the same; empty: there is none."""
    takes: str | None = None
    """The prompts that are taken by default, where it takes prompts; else the newest artefact is."""
    takes_of: Callable[[RecipeStep], str | None] | None = None
    """The same, where that depends on its settings; else `takes`."""
    stem: str = ""
    """What its file is called where it is the first step of its name; empty: as the step."""
    version: str = ""
    """Change it when the step makes something else of equal inputs."""
    inputs: Callable[[Job], Mapping[str, Any]] = everything
    """The key of its result: everything that it reads."""
    since: Callable[[Job], Since | None] = _nothing
    """Inputs that keys of earlier versions lacked."""
    outputs: Callable[[Job], Sequence[str]] = _own_file
    """The files that it writes, inside the run."""
    ahead: Callable[[RunJob], None] = _nothing
    """Called before `make`, where nothing equal is found."""
    finish: Callable[[RunJob, Facts], None] = _nothing
    """Called when its outputs are there, made or found."""
    halts: Callable[[RunJob, Facts], str | None] = _nothing
    """Why nothing may follow in this run, or None."""
    moves: Callable[[RecipeStep], str | None] = _nothing
    """The role whose newest model this step makes, or None."""
    stands: Callable[[RecipeStep, str], str] = lambda _, path: path
    """The name by which the model at a path is opened."""
    measures: bool = False
    """Whether it only measures: it then also runs in round 0, and may wait while the next round trains."""
    trains: bool = False
    """Whether its work is a training, which may run in another process."""
    check: Callable[[CheckedStep], None] = _nothing
    """Raise InputError for settings that cannot work; called before any model is opened."""
    fits: Callable[[CheckedStep, PreparedRecipe], None] = _nothing
    """Raise InputError where constitution or prompts cannot serve it; called before any model is opened."""
    require: Callable[[CheckedStep], None] = _nothing
    """Raise InputError for what is missing on this machine; called before the first round."""
    protocols: Callable[[Any], Sequence[str]] = _no_protocols
    """The judging protocols that its settings name."""
    always_asks: tuple[str, ...] = ()
    """Judging protocols by which it asks whatever its settings say."""
    example: Callable[[Job], Any] | None = None
    """One prompt with its completions as the step makes them, for `--show-prompt`."""
    work: Callable[[Expected], int] = _no_work
    """About how many calls, or steps of training, it takes."""
    unit: Callable[[Any], float] = _a_score
    """About how long one of those takes, in scores."""
    columns: Mapping[str, Any] = field(default_factory=dict)
    """The columns of the table of rounds that it fills, each with what stands there in a round without it."""
    row: Callable[[Facts, int], Mapping[str, Any]] = _only_warnings
    """What its facts, empty where it did not run, put into the row of a round: `warnings`, added to the others'."""
    wants: Callable[[RecipeStep], tuple[tuple[str, ...], ...]] | None = None
    """What it takes, where that depends on its settings; else `needs`."""
    asks: Callable[[RecipeStep], Mapping[str, str]] | None = None
    """Those of `roles` whose models it asks, where that depends on its settings; else all."""
    sides: Callable[[Any], frozenset[str]] | None = None
    """With these settings, which sides its completions are made to be: `good`, `bad`; None: nobody can tell."""
    carries: Callable[[Any], frozenset[str]] | None = None
    """With these settings, what its examples carry beside a conversation (`Method.reads_examples`); None: nobody can
    tell."""
    hint: Callable[[Mapping[str, Any], str], str | None] = _nothing
    """What to do about a key that is none of its settings, where more can be said than that it is unknown."""
    schema: Callable[[Mapping[str, Any], bool], dict[str, Any]] | None = None
    """The JSON Schema of it in a recipe, where its settings are not simply those of the configuration class: from the
    schemas of the keys beside them, and whether what other packages add is to be in it."""
    parse: Callable[[Mapping[str, Any], str], Any] | None = None
    """Settings from checked values and the place of the step, where they are not simply the class's arguments."""

    def needs_of(self, entry: RecipeStep) -> tuple[tuple[str, ...], ...]:
        """Kinds of artefact that it takes with its settings in a recipe."""
        return self.needs if self.wants is None else self.wants(entry)

    def gathers_of(self, entry: RecipeStep) -> bool:
        """Whether it gathers with its settings in a recipe."""
        return self.gathers(entry) if callable(self.gathers) else self.gathers

    def roles_of(self, entry: RecipeStep) -> Mapping[str, str]:
        """Keys of a recipe that say which model is asked, with the role that is meant by default."""
        return self.roles if self.asks is None else self.asks(entry)

    def kind_made(self, entry: RecipeStep, takes: tuple[Artefact, ...]) -> str | None:
        """The kind of artefact that it makes of these; None for a step that makes nothing."""
        return self.makes if self.makes_as is None else self.makes_as(entry, takes)

    def entry_schema(self, beside: Mapping[str, Any], *, from_outside: bool) -> dict[str, Any]:
        """The JSON Schema of it in a recipe; `beside` are schemas of keys that are no settings."""
        if self.schema is not None:
            return self.schema(beside, from_outside)
        own = json_schema(self.settings)
        return {**own, "properties": {**beside, **own["properties"]}}

    def settings_from(self, values: Mapping[str, Any], where: str) -> Any:
        """An instance of the configuration class from checked values. Raises InputError."""
        if self.parse is not None:
            return self.parse(values, where)
        return self.settings(**values_of(self.settings, values))
