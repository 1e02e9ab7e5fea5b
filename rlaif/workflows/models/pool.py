"""The models of a command by name: each opened once, every call through the project's store, judges made of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Self

from rlaif.costs import Budget, read_prices
from rlaif.engines.kinds import ModelKind, check_name, judges_in_writing, price_of
from rlaif.engines.local.processes import Processes
from rlaif.engines.ray.engine import RayEngine
from rlaif.engines.recorded import RecordedEngine
from rlaif.engines.template_variables import template_variables
from rlaif.engines.thinking_switches import told_to_think
from rlaif.engines.waves import WAVE
from rlaif.errors import InputError
from rlaif.judging import Judge, judge_kind
from rlaif.judging.kinds import JUDGES, refuse_options
from rlaif.judging.options import USUAL, JudgeOptions
from rlaif.records import Engine, Gold
from rlaif.store import Store
from rlaif.workflows.configs import ModelOptions
from rlaif.workflows.models.gold import RowGold
from rlaif.workflows.models.judge_names import known_kind
from rlaif.workflows.models.open_engines import OpenedAs, OpenEngines
from rlaif.workflows.models.role_engine import RoleEngine
from rlaif.workflows.models.role_options import JUDGING, NOTHING, RoleOptions
from rlaif.workflows.models.role_requests import RoleRequests, requests_of
from rlaif.workflows.progress import ModelCalls, Report, silent


@dataclass(slots=True)
class ModelPool:
    """The open models of one command."""

    options: ModelOptions
    report: Report = silent
    seed: int = 0
    in_writing: bool = False
    """Whether judges behind servers write their verdicts, as a protocol of the command does."""
    role: RoleOptions = NOTHING
    """What is said of the role in which models are asked here."""
    _engines: OpenEngines | None = None
    """Those in memory: copies of a pool share them."""
    _recorded: dict[OpenedAs, RecordedEngine] = field(default_factory=dict)
    _fingerprints: dict[OpenedAs, str] = field(default_factory=dict)
    _variables: dict[str, frozenset[str] | None] = field(default_factory=dict)
    """What the chat template of each model reads."""
    _store: Store | None = None
    _run_id: str = ""
    _budget: Budget | None = None

    def __post_init__(self) -> None:
        self._engines = self._engines or OpenEngines(self.options)

    @property
    def engines(self) -> OpenEngines:
        """The engines that are in memory."""
        assert self._engines is not None
        return self._engines

    @property
    def budget(self) -> Budget:
        """The limits of this command, and what it has used of them."""
        if self._budget is None:
            prices = read_prices(self.options.prices)
            self._budget = Budget(limits=self.options.budget, price_of=partial(price_of, prices))
        return self._budget

    def acting(self, role: RoleOptions | None) -> Self:
        """The same models in a role: what they are asked is asked as the role has it."""
        if (role or NOTHING) == self.role:
            return self
        _ = self.budget  # one for all roles
        return replace(self, role=role or NOTHING)

    def open(self, *names: str) -> None:
        """Open what these names name, so that a wrong one is found before anything is written.

        Raises InputError for an option of the role that one of them cannot honour.
        """
        for name in names:
            kind = judge_kind(name)
            self.refuse_role(name)
            if kind.prepare is not None:
                with JUDGES.guarded(kind.name):
                    kind.prepare(name, self)
            elif kind.model:
                self.requests(name)
                if (opening := self._opening(name)) not in self.engines.held:
                    check_name(name)
                    self._kind(name)
                    self.budget.require_price(name)
                    self.engines.held[opening] = engine = self._opened(opening)
                    self._fingerprints[opening] = engine.fingerprint
        self.engines.check_workers()

    def refuse_role(self, name: str) -> None:
        """Raise InputError for an option of the role that a judge of this name has no use for."""
        own = [each for each in self.role.set_ones if each != "dtype"]
        if own and not judge_kind(name).told:
            raise InputError(
                f"{name}: is no model that is asked in words, and reads no {own[0]}; leave it out"
            )
        if own:
            refuse_options(name, self)

    def requests(self, name: str) -> RoleRequests:
        """What requests to a model carry in this role. Raises InputError for an option that it cannot honour."""
        if self.role == NOTHING:
            return RoleRequests()
        kind, rest = self._kind(name)
        if kind.causal and name not in self._variables and self.role.renders:
            assert kind.directory is not None
            trusted = self.options.trust_remote_code
            self._variables[name] = template_variables(kind.directory(rest), trust_remote_code=trusted)
        return requests_of(self.role, name, kind, self._variables.get(name))

    def record(self, store: Store, run_id: str) -> None:
        """Keep all calls from now on in `store`."""
        self._store, self._run_id = store, run_id

    def engine(self, name: str) -> RecordedEngine:
        """The model of this name, behind the store."""
        if self._store is None:
            raise RuntimeError("a model is used before its store is open")
        opening = self._opening(name)
        if opening not in self._recorded:
            self.open(name)
            kind, rest = self._kind(name)
            opened = self.engines.held[opening]
            engine = RecordedEngine(
                opened,
                self._store,
                run_id=self._run_id,
                wave=self._gathered(opening),
                commit="call" if kind.server else "wave",
                # without a declared revision nobody knows what a server runs tomorrow
                within_run=not kind.declares_revision(rest),
                budget=self.budget,
                beside=self.engines.beside.get(opening),
                progress=_counter(name, self.report, self.budget),
                reopen=partial(self.engines.reopened, opening, opened.fingerprint),
            )
            self._recorded[opening] = engine
        return self._recorded[opening]

    def writer(self, name: str) -> RecordedEngine | RoleEngine:
        """The model of this name, behind the store, asked as its role has it: whoever draws texts asks this one."""
        if unused := [each for each in JUDGING if each in self.role.set_ones]:
            raise InputError(
                f"{name}: writes completions in this role, and judges none; leave {unused[0]} out"
            )
        said = self.requests(name)
        return self.engine(name) if said == RoleRequests() else RoleEngine(self.engine(name), said)

    def judge(self, name: str, *, in_writing: bool = False) -> Judge:
        """The judge of this name: a model, or of one of the kinds of `rlaif.judging.kinds`.

        `in_writing` has it write its verdicts, whatever the command says.
        """
        context = replace(self, in_writing=True) if in_writing and not self.in_writing else self
        kind = judge_kind(name)
        with JUDGES.guarded(kind.name):
            return kind.open(name, context)

    def fingerprint(self, name: str) -> str:
        """What a model or judge is, whatever it is called: equal means interchangeable."""
        kind = judge_kind(name)
        if kind.fingerprint is not None:
            with JUDGES.guarded(kind.name):
                return kind.fingerprint(name, self)
        if not kind.model:
            return self.judge(name).fingerprint
        if (opening := self._opening(name)) not in self._fingerprints:
            self._fingerprints[opening] = self._fingerprint_of(opening)
        return self._fingerprints[opening]

    def told_unopened(self, *names: str) -> bool:
        """Whether the fingerprints of these can be told without opening a model."""
        kinds = (self._kind(model)[0] for name in names for model in self._models_of(name))
        return all(kind.fingerprint is not None for kind in kinds)

    def writes_verdicts(self, name: str) -> bool:
        """Whether a judge of this name writes its verdicts instead of telling log-probabilities of labels."""
        return judges_in_writing(name, self.in_writing)

    def judge_options(self, name: str) -> JudgeOptions:
        """How the model of this name judges in this role; what it draws derives from the seed of the command."""
        model = judge_kind(name).model
        said = self.requests(name) if model else RoleRequests()
        served = model and self._kind(name)[0].server
        role = self.role
        return JudgeOptions(
            judge_sees=role.sees or USUAL.judge_sees,
            think=bool(role.think),
            lengths=USUAL.lengths.judge(
                max_tokens=role.max_tokens, max_thought_tokens=role.max_thought_tokens
            ),
            chat_template_kwargs=said.chat_template_kwargs,
            body=said.body,
            # a model here is known by its template; of one that is served only the user can tell
            marks_thoughts=told_to_think(said.chat_template_kwargs, said.body) if served else None,
            seed=self.seed,
        )

    @property
    def gold(self) -> Gold:
        """Gold: the programmatic truth that each prompt's row names."""
        return RowGold()

    @property
    def dry_run(self) -> bool:
        """Whether calls are counted instead of made."""
        return False

    def release_all_but(self, names: Iterable[str]) -> None:
        """Free the memory of all models but those of `names`, each a model or a judge that is made of models.

        What was counted of a released model stays. A call to it that the store does not hold opens it again, so that
        a name which is missing here costs time and changes nothing.
        """
        needed = {model for name in names for model in self._models_of(name)}
        for opening in [each for each in self.engines.held if each.name not in needed]:
            if self.engines.release(opening) and opening in self._recorded:
                self._recorded[opening].release()

    def reach(self, name: str) -> None:
        """Find out that all models can be asked that a judge of this name asks. Raises EngineError, ModelError."""
        for model in dict.fromkeys(self._models_of(name)):
            self.engine(model).reach()

    def release(self, name: str) -> None:
        """Free the memory of one model; what was counted of it stays."""
        opening = self._opening(name)
        if self.engines.release(opening) and opening in self._recorded:
            self._recorded[opening].release()

    def close(self) -> None:
        """Free the memory of all models and end all worker processes: everything that they have done is stored."""
        self.release_all_but(())
        self.engines.close()

    def opened(self, name: str) -> Engine | None:
        """The model of this name as it was opened, without the store; None where it is not in memory."""
        return self.engines.held.get(self._opening(name))

    @property
    def processes(self) -> Processes | None:
        """Those that hold models beside this one, where there are to be any."""
        return self.engines.processes

    @property
    def recorded(self) -> list[RecordedEngine]:
        """The models that calls went to, each with what it counted."""
        return list(self._recorded.values())

    @property
    def calls(self) -> dict[str, int]:
        """How many calls were made, re-used from the store, and failed."""
        used = self._recorded.values()
        return {
            "new": sum(each.new_calls for each in used),
            "reused": sum(each.reused_calls for each in used),
            "failed": sum(each.failed_calls for each in used),
        }

    @property
    def tokens(self) -> dict[str, int]:
        """Tokens of the calls that were made, and of those that were re-used, sent and received together."""
        used = self._recorded.values()
        return {
            "new": sum(each.usage.prompt_tokens + each.usage.completion_tokens for each in used),
            "reused": sum(each.reused_tokens for each in used),
        }

    def _opening(self, name: str) -> OpenedAs:
        """The model of this name as this role wants it."""
        return OpenedAs(name, self.role.dtype, self.role.marks)

    def _gathered(self, opening: OpenedAs) -> int:
        """Requests to a wave. What a killed run left on a cluster is fetched first: it is not asked again."""
        engine = self.engines.held[opening]
        if not isinstance(engine, RayEngine) or self._store is None:
            return WAVE
        engine.collect(self._store)
        return engine.wave

    def _opened(self, opening: OpenedAs) -> Engine:
        return self.engines.opened(opening)

    def _kind(self, name: str) -> tuple[ModelKind, str]:
        """The kind of a name, and what follows its colon."""
        return known_kind(name)

    def _fingerprint_of(self, opening: OpenedAs) -> str:
        """What a model is, without loading its weights where that can be told."""
        kind, rest = self._kind(opening.name)
        return kind.fingerprint_of(opening.name, rest, self.engines.how(opening))

    def _models_of(self, name: str) -> Iterator[str]:
        """The models that a judge of this name asks; a model itself."""
        kind = judge_kind(name)
        for each in kind.judges(name) if kind.judges is not None else ():
            yield from self._models_of(each)
        yield from kind.models(name) if kind.models is not None else ()
        if kind.model:
            yield name


def _counter(name: str, report: Report, budget: Budget) -> Callable[[RecordedEngine], None]:
    """Report what was asked of a model. Holds no pool, or nobody could let go of one that is done with."""

    def count(engine: RecordedEngine) -> None:
        asked = ModelCalls(
            new=engine.new_calls,
            reused=engine.reused_calls,
            failed=engine.failed_calls,
            cut=engine.cut_texts,
            tokens=engine.usage.prompt_tokens + engine.usage.completion_tokens,
            money=budget.cost_of(engine.name, engine.usage),
            reason=next((reason for reason, _ in engine.failures.most_common(1)), ""),
        )
        report(f"calls of {name}", asked.new + asked.reused, None, asked=asked)

    return count
