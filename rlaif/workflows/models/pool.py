"""Models by name: opened once, every call through the project's store. Knows the controls too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from rlaif.costs import Budget, read_prices
from rlaif.engines.kinds import EngineOptions, ModelKind, check_name, judges_in_writing, price_of, split_name
from rlaif.engines.local import processes
from rlaif.engines.local.processes import Beside, Processes
from rlaif.engines.open import open_engine
from rlaif.engines.ray.engine import RayEngine, open_ray
from rlaif.engines.recorded import WAVE, RecordedEngine
from rlaif.errors import InputError, ModelError
from rlaif.judging import (
    GoldJudge,
    Judge,
    PanelJudge,
    RandomJudge,
    VerifierJudge,
    judge_of,
    panel,
    verifier_judge,
)
from rlaif.judging.panel import Member, Seat, panel_fingerprint, read_panel
from rlaif.judging.protocols import Asking, pairwise
from rlaif.judging.rbr import ModelReward, RuleJudge, RuleReward, Weights, read_weights
from rlaif.records import Engine
from rlaif.store import Store
from rlaif.workflows.configs import ModelOptions
from rlaif.workflows.models.gold import RowGold
from rlaif.workflows.models.judge_names import RULES, is_control
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
            if name.startswith(RULES):
                self._rules(name)
            elif name.startswith(verifier_judge.PREFIX):
                self.judge(name)
            elif name.startswith(panel.PREFIX):
                seats, _ = read_panel(_file(name))
                self.open(*(each.judge for each in seats))
            elif not is_control(name) and name not in self._engines:
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

    def judge(self, name: str) -> Judge:
        """The judge of this name: a model, a control, programs, several judges, or rules with their weights."""
        kind, _, rest = name.partition(":")
        if name.startswith(RULES):
            weights, judge = self._rules(name)
            base = ModelReward(self.engine(weights.base["name"])) if weights.base else None
            return RuleJudge(name, RuleReward(weights, self.judge(judge), base))
        if name.startswith(verifier_judge.PREFIX):
            return VerifierJudge(name, _file(name))
        if name.startswith(panel.PREFIX):
            seats, quorum = read_panel(_file(name))
            return PanelJudge(name, [self._member(each) for each in seats], quorum)
        if is_control(name) and kind == "gold":
            return GoldJudge(RowGold())
        if is_control(name):
            return RandomJudge(_seed(rest) if rest else self.seed)
        if judges_in_writing(name, self.in_writing):
            return judge_of(self.engine(name), in_writing=True)
        return judge_of(self.engine(name))

    def fingerprint(self, name: str) -> str:
        """What a model is, whatever it is called: equal means interchangeable."""
        if name.startswith(RULES):
            return self._rules(name)[0].digest
        if is_control(name) or name.startswith(verifier_judge.PREFIX):
            return self.judge(name).fingerprint
        if name.startswith(panel.PREFIX):
            seats, quorum = read_panel(_file(name))
            return panel_fingerprint([(each, self.fingerprint(each.judge)) for each in seats], quorum)
        self.open(name)
        return self._engines[name].fingerprint

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

    def _rules(self, name: str) -> tuple[Weights, str]:
        """The weights behind `rbr:FILE` and the name of their judge; refused where a model behind them changed."""
        weights = read_weights(Path(name.removeprefix(RULES)))
        if weights.rules is None or weights.judge is None:
            raise InputError(f"{name}: was fitted to given features, and judges no answers; fit to answers")
        for part in (weights.judge, weights.base):
            if part and self.fingerprint(part["name"]) != part["fingerprint"]:
                raise ModelError(
                    f"{name}: {part['name']} is no longer the model it was fitted with; fit again"
                )
        return weights, weights.judge["name"]

    def _member(self, seat: Seat) -> Member:
        """The judge of a seat with its way of comparing."""
        chosen = pairwise(seat.protocol)
        how = Asking(seed=self.seed)
        # a member that compares in writing also looks at single completions so
        sitting = replace(self, in_writing=self.in_writing or chosen.reads_text)
        return Member(
            seat=seat,
            judge=sitting.judge(seat.judge),
            compare=lambda judge, items, principles: chosen.ask(judge, items, principles, how),
        )

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


def _file(name: str) -> Path:
    return Path(name.partition(":")[2])


def _seed(text: str) -> int:
    if not text.isdecimal():
        raise InputError(f"random:{text}: the part after `random:` is a seed, a whole number")
    return int(text)
