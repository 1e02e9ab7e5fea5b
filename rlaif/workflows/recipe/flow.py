"""How artefacts flow through a recipe: every step of every round, with what it takes, makes and asks. Runs nothing."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from rlaif.errors import RecipeError
from rlaif.workflows.recipe.artefacts import Artefact, nearest
from rlaif.workflows.recipe.recipe import EARLIER, INITIAL, PREVIOUS, Recipe, RecipeStep, all_rounds
from rlaif.workflows.recipe.registry import STEPS
from rlaif.workflows.recipe.step import Step
from rlaif.workflows.recipe.task import Task, made_by

POLICY = "policy"


def tasks_of(recipe: Recipe, run: Path) -> tuple[Task, ...]:
    """Return the tasks of all rounds in the order in which they run, from round 0 on; models lie below `run`.

    Raises RecipeError, with file and line, for names that nothing made, for artefacts of a kind that does not fit, and
    for roles that there are not or that nothing uses.
    """
    _check_roles(recipe)
    flow = _Flow(recipe, run)
    return tuple(task for number in range(recipe.rounds + 1) for task in flow.round(number))


def unread(tasks: Iterable[Task]) -> list[str]:
    """Return a warning for each step of a recipe whose results no step reads, with file and line.

    Models are what a recipe is for, and figures are for people. A recipe that trains nothing is for its last result.
    """
    every = list(tasks)
    made: dict[str, list[Artefact]] = {}
    for task in every:
        if task.makes is not None and not STEPS.get(task.entry.step).measures:
            made.setdefault(task.entry.key, []).append(task.makes)
    read: set[str] = set()
    left = [each for task in every for each in task.takes]
    while left:
        taken = left.pop()
        if taken.path and taken.path not in read:
            read.add(taken.path)
            left += taken.parents
    last = [] if any(own[0].kind == "model" for own in made.values()) else list(made)[-1:]
    entries = {task.entry.key: task.entry for task in every}
    return [
        f"{entries[key].where}: nothing reads the {own[0].kind} that step {key!r} makes; remove it, or name it by `of` "
        "at the step that is to take it"
        for key, own in made.items()
        if own[0].kind != "model" and key not in last and not any(each.path in read for each in own)
    ]


@dataclass(slots=True)
class _Flow:
    recipe: Recipe
    run: Path
    made: list[Artefact] = field(default_factory=list)
    """In the order in which they are made."""
    newest: dict[str, str] = field(default_factory=dict)
    """The newest model of each role; `previous` still stands for the newest policy."""
    models: dict[str, str] = field(default_factory=dict)
    """Models that steps made, by the name of the artefact."""
    stood: list[str] = field(default_factory=list)
    """The policies that were trained further, from the first one on, each once."""

    def __post_init__(self) -> None:
        self.newest = self.recipe.models.by_role()

    def round(self, number: int) -> Iterable[Task]:
        """The tasks of a round; then the newest of everything is what the round has made."""
        before = self.newest[POLICY]
        if before not in self.stood:
            self.stood.append(before)
        earlier = self.stood[-2:][0]
        for entry in self.recipe.round:
            step = STEPS.get(entry.step)
            # round 0 is the model before any feedback: it is only measured
            if number == 0 and not ((step.measures and entry.rounds is None) or 0 in (entry.rounds or ())):
                continue
            if number and number not in all_rounds(self.recipe, entry):
                continue
            yield self._task(entry, step, number, before, earlier)

    def _task(self, entry: RecipeStep, step: Step, number: int, before: str, earlier: str) -> Task:
        takes = (*self._bound(entry, step), *self._beside(entry, step))
        # a role that a recipe calls so is that role
        stands = {EARLIER: earlier} | {name: self._stand(name) for name in self.newest} | self.models
        stands |= {INITIAL: self.recipe.models.policy, PREVIOUS: before}
        asked = {key: entry.named.get(key, role) for key, role in step.roles_of(entry).items()}
        asked |= {name: name for name in step.also_asks(entry.settings)}
        asked |= {name: name for name in step.may_ask(entry.settings) if name in stands and name not in asked}
        asked |= {key: entry.named[key] for key in step.may_name if key in entry.named}
        moves = step.moves(entry)
        models = {key: self._model(entry, step, name, stands, moves) for key, name in asked.items()}
        first = self._first(stands)
        initial = {key: first.get(name, models[key]) for key, name in asked.items()}
        made = None
        if (kind := step.kind_made(entry, takes)) is not None:
            made = made_by(entry, number, kind, step.stem, takes)
            made = replace(made, selected=takes[0]) if step.selects else made
            self.made.append(made)
        if made is not None and made.kind == "model":
            model = step.stands(entry, str(self.run / made.path))
            if made.name:
                self.models[made.name] = model
            if moves is not None:
                self.newest[moves] = model
        return Task(
            entry=entry,
            round=number,
            takes=takes,
            makes=made,
            models=models,
            roles={key: role_of(self.recipe, name) for key, name in asked.items()},
            initial=initial,
            stands=stands,
            moves=moves,
        )

    def _stand(self, role: str) -> str:
        name = self.newest[role]
        return self.newest[POLICY] if name == PREVIOUS else name

    def _first(self, stands: Mapping[str, str]) -> dict[str, str]:
        """Models by every name, when the run began."""
        given = self.recipe.models.by_role()
        first = {role: given[POLICY] if name == PREVIOUS else name for role, name in given.items()}
        return first | {name: given[POLICY] for name in (INITIAL, PREVIOUS) if name in stands}

    def _model(
        self, entry: RecipeStep, step: Step, name: str, stands: Mapping[str, str], moves: str | None
    ) -> str:
        """The model that a key of a step names."""
        # what cannot be trained further, and a role that there is not yet, are trained from the beginning
        if name == moves and (step.stands(entry, "") != "" or name not in self.newest):
            return self.recipe.models.by_role().get(name, stands[POLICY])
        if name in stands:
            return stands[name]
        raise RecipeError(
            f"{entry.where}: step {entry.key!r} names the model {name!r}, which there is not"
            f"{near(name, stands)}; known here: {', '.join(sorted(stands))}"
        )

    def _bound(self, entry: RecipeStep, step: Step) -> tuple[Artefact, ...]:
        """What a step takes: by name, else what the named was made of, else the newest of the kind."""
        names, needs = _names(entry, step), step.needs_of(entry)
        named = [self._named(entry, step, name) for name in names]
        left = list(named)
        found: list[Artefact] = []
        for need in needs:
            own = next((each for each in left if each.kind in need), None)
            if own is not None:
                left.remove(own)
            else:
                own = self._part(nearest(found, need)) or self._newest(need)
            if own is None:
                raise RecipeError(f"{entry.where}: {self._lacking(entry, need)}")
            found.append(own)
        if step.gathers_of(entry):
            further = [each for each in left if each.kind == found[0].kind]
            found, left = [*found, *further], [each for each in left if each not in further]
            if not left:
                return tuple(found)
            if any(left[0].kind in need for need in needs[:1]):
                raise RecipeError(
                    f"{entry.where}: step {entry.key!r} takes artefacts of one kind: {found[0].name!r} is of kind "
                    f"{found[0].kind}, and {left[0].name!r} of kind {left[0].kind}; name those of one kind"
                )
        if left and any(left[0].kind in need for need in needs):
            others = ", ".join(repr(each.name) for each in left if each.kind == left[0].kind)
            taken = next(each for each in found if each.kind == left[0].kind)
            raise RecipeError(
                f"{entry.where}: step {entry.key!r} takes one artefact of kind {left[0].kind}: {taken.name!r} is that "
                f"one, and {others} more; name one of them, and add a step {entry.step!r} for each other"
            )
        if left:
            kinds = ", ".join(" or ".join(need) for need in needs)
            raise RecipeError(
                f"{entry.where}: step {entry.key!r} takes {kinds or 'nothing'}, "
                f"and {left[0].name!r} is of kind {left[0].kind}"
            )
        if step.joins(entry):
            _check_together(entry, named, found)
        return tuple(found)

    def _beside(self, entry: RecipeStep, step: Step) -> Iterable[Artefact]:
        """Files that its settings name and steps made; a model is asked, and not taken."""
        newest = {each.name: each for each in self.made if each.name and each.kind != "model"}
        names = dict.fromkeys(step.also_takes(entry.settings))
        return (newest[name] for name in names if name in newest)

    def _named(self, entry: RecipeStep, step: Step, name: str) -> Artefact:
        made = next((each for each in reversed(self.made) if each.name == name), None)
        if made is not None:
            return made
        prompts = self.recipe.prompts
        if name in prompts:
            return Artefact(name=name, kind="prompts")
        takes_prompts = any("prompts" in need for need in step.needs_of(entry))
        if takes_prompts and not any(each.name for each in self.made):
            raise RecipeError(
                f"{entry.where}: no prompt set {name!r} for step {entry.key!r}; `prompts` has: {', '.join(prompts)}"
            )
        known = [
            *dict.fromkeys(each.name for each in self.made if each.name),
            *(prompts if takes_prompts else ()),
        ]
        before = self.recipe.round[: self.recipe.round.index(entry)]
        unnamed = any(each.key == name and STEPS.get(each.step).makes for each in before)
        remedy = ", a step without a name: add `as: NAME` to it" if unnamed else near(name, known)
        raise RecipeError(
            f"{entry.where}: nothing before step {entry.key!r} makes {name!r}{remedy}; "
            f"known here: {', '.join(known) or 'nothing'}"
        )

    def _lacking(self, entry: RecipeStep, need: Sequence[str]) -> str:
        """What feeds a step that nothing feeds."""
        steps, before = STEPS.all(), self.recipe.round[: self.recipe.round.index(entry)]
        late = next(
            (each for each in before if each.rounds is not None and steps[each.step].makes in need), None
        )
        if late is not None:
            rounds = ", ".join(map(str, late.rounds or ()))
            return (
                f"step {entry.key!r} needs {' or '.join(need)}, which {late.key!r} makes in round {rounds} only; let "
                f"that run earlier, or say `round: [{rounds}]` here"
            )
        makers = [
            each.name
            for each in steps.values()
            if each.makes in need and not any(each.makes in other for other in each.needs)
        ]
        # first the one whose file is called as what it makes, the usual maker; of several kinds that of the first
        makers.sort(key=lambda name: [*need, steps[name].stem].index(steps[name].stem))
        own = [name for name in makers if name not in STEPS.from_outside()] or makers
        if not own:
            return f"step {entry.key!r} needs {' or '.join(need)}, which no step before it makes"
        return f"step {entry.key!r} needs a step {own[0]!r} before it; add one"

    def _part(self, whole: Artefact | None) -> Artefact | None:
        """What a step without a name has left of an artefact stands for it from there on."""
        parts = (each for each in reversed(self.made) if whole in each.whole and not each.name)
        return next(parts, whole)

    def _newest(self, need: Sequence[str]) -> Artefact | None:
        return next((each for each in reversed(self.made) if each.kind in need), None)


def _check_together(entry: RecipeStep, named: Sequence[Artefact], taken: Sequence[Artefact]) -> None:
    """Raise RecipeError where judgments of some completions are taken with others: labels and texts belong together."""
    for own in named:
        for other in taken:
            made_of = other.ancestor(own.kind) if other.kind != own.kind else None
            if made_of is not None and made_of not in (own, *own.whole):
                raise RecipeError(
                    f"{entry.where}: step {entry.key!r} takes the {own.kind} {own.name!r}, and its {other.kind} "
                    f"{other.name or other.step!r} are of {made_of.name or made_of.step!r}; name one of the two"
                )


def near(name: str, known: Iterable[str]) -> str:
    """`(did you mean 'judge'?)` after a name that is nearly a known one; else nothing."""
    found = difflib.get_close_matches(name, list(known), n=1)
    return f" (did you mean {found[0]!r}?)" if found else ""


def role_of(recipe: Recipe, name: str) -> str:
    """The role in which a model is asked: of one that a step made, the role that the step trains."""
    makers = [each for each in recipe.round if each.named.get("as") == name]
    moved = [STEPS.get(each.step).moves(each) for each in makers]
    return next((each for each in moved if each is not None), name)


def _names(entry: RecipeStep, step: Step) -> list[str]:
    usual = step.takes if step.takes_of is None else step.takes_of(entry)
    named = entry.named.get(step.of, getattr(entry.settings, step.of, usual))
    return [] if named is None else [named] if isinstance(named, str) else list(named)


def _check_roles(recipe: Recipe) -> None:
    """Raise RecipeError for a role of `models` that no step names."""
    used: set[str] = set()
    for entry in recipe.round:
        step = STEPS.get(entry.step)
        used |= {str(entry.named.get(key, role)) for key, role in step.roles_of(entry).items()}
        used |= {str(entry.named[key]) for key in step.may_name if key in entry.named}
        named = (*step.also_asks(entry.settings), *step.may_ask(entry.settings))
        used |= {*getattr(entry.settings, "against", ()), *named}
    for role in recipe.models.others:
        if role not in used:
            keys = sorted({key for each in STEPS.all().values() for key in (*each.roles, *each.may_name)})
            raise RecipeError(
                f"{recipe.source}: `models` has {role!r}{near(role, ('policy', 'judge'))}, which no step names; "
                f"remove it, or name it at a step by {', '.join(keys)}"
            )
