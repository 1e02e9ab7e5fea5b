"""Models by name: opened once, every call through the project's store. Knows the controls too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from rlaif.costs import Budget, read_prices
from rlaif.engines.kinds import EngineOptions, ModelKind, check_name, price_of, split_name
from rlaif.engines.local import processes
from rlaif.engines.local.processes import Beside, Processes
from rlaif.engines.open import open_engine
from rlaif.engines.ray.engine import RayEngine, open_ray
from rlaif.engines.recorded import WAVE, RecordedEngine
from rlaif.errors import InputError
from rlaif.judging import Judge, judge_kind
from rlaif.records import Engine, Gold
from rlaif.store import Store
from rlaif.workflows.configs import ModelOptions
from rlaif.workflows.models.gold import RowGold
from rlaif.workflows.progress import Report, silent


@dataclass(slots=True)
class Models:
    """The open models of one command."""

    options: ModelOptions
    report: Report = silent
    seed: int = 0
    in_writing: bool = False
    """Whether judges behind servers write their verdicts, as a protocol of the command does."""
    _engines: dict[str, Engine] = field(default_factory=dict)
    _recorded: dict[str, RecordedEngine] = field(default_factory=dict)
    _store: Store | None = None
    _run_id: str = ""
    _budget: Budget | None = None
    _processes: Processes | None = None
    _beside: dict[str, Beside] = field(default_factory=dict)

    @property
    def budget(self) -> Budget:
        """What the command may spend, and has spent."""
        if self._budget is None:
            prices = read_prices(self.options.prices)
            self._budget = Budget(limits=self.options.budget, price_of=partial(price_of, prices))
        return self._budget

    def open(self, *names: str) -> None:
        """Open what these names name, so that a wrong one is found before anything is written."""
        for name in names:
            kind = judge_kind(name)
            if kind.prepare is not None:
                kind.prepare(name, self)
            elif kind.model and name not in self._engines:
                check_name(name)
                self.budget.require_price(name)
                self._engines[name] = self._opened(name)
        self._check_workers()

    def record(self, store: Store, run_id: str) -> None:
        """Keep all calls from now on in `store`."""
        self._store, self._run_id = store, run_id

    def engine(self, name: str) -> RecordedEngine:
        """The model of this name, behind the store."""
        if self._store is None:
            raise RuntimeError("a model is used before its store is open")
        if name not in self._recorded:
            self.open(name)
            kind, rest = self._kind(name)
            engine = RecordedEngine(
                self._engines[name],
                self._store,
                run_id=self._run_id,
                wave=self._gathered(name),
                commit="call" if kind.server else "wave",
                # without a declared revision nobody knows what a server runs tomorrow
                within_run=not kind.declares_revision(rest),
                budget=self.budget,
                beside=self._beside.get(name),
            )
            engine.progress = self._counter(name, engine)
            self._recorded[name] = engine
        return self._recorded[name]

    def judge(self, name: str, *, in_writing: bool = False) -> Judge:
        """The judge of this name: a model, or of one of the kinds of `rlaif.judging.kinds`.

        `in_writing` has it write its verdicts, whatever the command says.
        """
        context = replace(self, in_writing=True) if in_writing and not self.in_writing else self
        return judge_kind(name).open(name, context)

    def fingerprint(self, name: str) -> str:
        """What a model or judge is, whatever it is called: equal means interchangeable."""
        kind = judge_kind(name)
        if kind.fingerprint is not None:
            return kind.fingerprint(name, self)
        if not kind.model:
            return self.judge(name).fingerprint
        self.open(name)
        return self._engines[name].fingerprint

    @property
    def gold(self) -> Gold:
        """The truth that each prompt's row names."""
        return RowGold()

    @property
    def dry_run(self) -> bool:
        """Whether calls are only counted."""
        return False

    def close(self, name: str) -> None:
        """Forget a model that is not needed again, and free its memory."""
        engine = self._engines.pop(name, None)
        if isinstance(engine, RayEngine):
            engine.close()
        if (beside := self._beside.pop(name, None)) is not None:
            beside.processes.let_go(beside.opening.fingerprint)

    def dismiss(self) -> None:
        """Send all workers home: everything that they have done is in the store."""
        if self._processes is not None:
            self._processes.close()
        for engine in self._engines.values():
            if isinstance(engine, RayEngine):
                engine.close()

    def opened(self, name: str) -> Engine | None:
        """The model of this name as it was opened, without the store."""
        return self._engines.get(name)

    @property
    def processes(self) -> Processes | None:
        """Those that hold models beside this one, where there are to be any."""
        return self._processes

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

    def _gathered(self, name: str) -> int:
        """Requests to a wave. What a killed run left on a cluster is fetched first: it is not asked again."""
        engine = self._engines[name]
        if not isinstance(engine, RayEngine) or self._store is None:
            return WAVE
        engine.collect(self._store)
        return engine.wave

    def _opened(self, name: str) -> Engine:
        how = self._how.as_dict()
        if self.options.on == "ray":
            return open_ray(name, how, self.options.workers)
        engine = open_engine(name, **how)
        kind, rest = split_name(name)
        if kind.worker_processes and kind.directory is not None:
            self._share(name, engine, kind.directory(rest))
        return engine

    @property
    def _how(self) -> EngineOptions:
        """How this command opens models."""
        return EngineOptions(
            dtype=self.options.dtype,
            device=self.options.device,
            device_map=self.options.device_map,
            chat_template_kwargs=self.options.chat_template_kwargs or None,
            trust_remote_code=self.options.trust_remote_code,
            batch_tokens=self.options.batch_tokens,
        )

    def _kind(self, name: str) -> tuple[ModelKind, str]:
        """The kind of a name, and what follows its colon."""
        return split_name(name)

    def _share(self, name: str, engine: Engine, directory: Path) -> None:
        """Let other processes answer for a model that this one holds, where there are to be any."""
        count = self.options.workers or processes.workers_for(
            directory, self.options.device, self.options.device_map
        )
        if count < 2:
            return
        if self._processes is None:
            after = processes.AFTER if self.options.workers is None else 0
            self._processes = Processes(count - 1, after=after)
        self._processes.hold(engine.fingerprint)
        self._beside[name] = Beside(self._processes, name, engine.fingerprint, self._how.as_dict())

    def _check_workers(self) -> None:
        """Raise InputError where several workers are wanted and no model here can have them."""
        wanted, local = self.options.workers or 1, self.options.on == "local"
        if local and wanted > 1 and self._engines and not self._beside:
            raise InputError(
                f"--workers {wanted}: says how many processes hold a model that runs here (hf: or reward:), or with "
                f"--on ray how many of the cluster do; {', '.join(self._engines)} runs in none; leave it out"
            )

    def _counter(self, name: str, engine: RecordedEngine) -> Callable[[int, bool], None]:
        def count(calls: int, fresh: bool) -> None:
            self.report(f"calls of {name}", engine.new_calls + engine.reused_calls, None)

        return count
