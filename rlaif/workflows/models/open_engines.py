"""The engines that one command holds in memory, by model name: opened when they are needed, closed when nobody is."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import NamedTuple

from rlaif.engines.base import capabilities_of
from rlaif.engines.kinds import EngineOptions, ModelKind, split_name
from rlaif.engines.local import processes
from rlaif.engines.local.processes import Beside, Processes
from rlaif.engines.open import open_engine
from rlaif.engines.ray.engine import open_ray
from rlaif.errors import InputError
from rlaif.records import Engine
from rlaif.workflows.configs import ModelOptions


class OpenedAs(NamedTuple):
    """A model as one is opened: two roles that want it alike share it, and its memory."""

    name: str
    dtype: str | None = None
    """Number format, where a role has one of its own."""
    thought_marks: tuple[str, str] | None = None

    def __str__(self) -> str:
        """The name, with what a role has beside it."""
        own = [*([self.dtype] if self.dtype else []), *(self.thought_marks or ())]
        return f"{self.name} ({' '.join(own)})" if own else self.name


@dataclass(slots=True)
class OpenEngines:
    """Open engines with the worker processes that hold the same models."""

    options: ModelOptions
    held: dict[OpenedAs, Engine] = field(default_factory=dict)
    beside: dict[OpenedAs, Beside] = field(default_factory=dict)
    """The same models in the worker processes."""
    processes: Processes | None = None
    """The worker processes, where there are to be any."""

    def how(self, opening: OpenedAs) -> EngineOptions:
        """How a model is opened: as the command says, but for what its role says."""
        own = EngineOptions(
            dtype=self.options.dtype,
            device=self.options.device,
            device_map=self.options.device_map,
            chat_template_kwargs=self.options.chat_template_kwargs or None,
            trust_remote_code=self.options.trust_remote_code,
            batch_tokens=self.options.batch_tokens,
            thought_marks=opening.thought_marks,
        )
        return own if opening.dtype is None else replace(own, dtype=opening.dtype)

    def opened(self, opening: OpenedAs) -> Engine:
        """A new engine, which worker processes may share. Raises ModelError."""
        name, how = opening.name, self.how(opening).as_dict()
        if self.options.on == "ray":
            return open_ray(name, how, self.options.workers)
        engine = open_engine(name, **how)
        kind, rest = split_name(name)
        if kind.worker_processes:
            self._share(opening, engine, kind, rest)
        return engine

    def reopened(self, opening: OpenedAs, fingerprint: str) -> tuple[Engine, Beside | None]:
        """The engine of a model that was released, and its worker processes.

        Raises ModelError where its files are another model's by now.
        """
        if opening not in self.held:
            engine = self.opened(opening)
            if engine.fingerprint != fingerprint:
                capabilities_of(engine).close()
                raise processes.changed(opening.name)
            self.held[opening] = engine
        return self.held[opening], self.beside.get(opening)

    def release(self, opening: OpenedAs) -> bool:
        """Free what a model takes, here and in the worker processes; whether its engine must be opened anew."""
        if opening not in self.held:
            return False
        capable = capabilities_of(self.held[opening])
        capable.close()
        if (beside := self.beside.pop(opening, None)) is not None:
            beside.processes.let_go(beside.opening.fingerprint)
        if capable.restarts:
            return False
        del self.held[opening]
        return True

    def close(self) -> None:
        """End the worker processes. Everything that they have done is in the store."""
        if self.processes is not None:
            self.processes.close()

    def check_workers(self) -> None:
        """Raise InputError where several workers are wanted and no model here can have them."""
        wanted, local = self.options.workers or 1, self.options.on == "local"
        if local and wanted > 1 and self.held and not self.beside:
            raise InputError(
                f"--workers {wanted}: says how many processes hold a model that runs here (hf: or reward:), or with "
                f"--on ray how many of the cluster do; {', '.join(map(str, self.held))} runs in none; leave it out"
            )

    def _share(self, opening: OpenedAs, engine: Engine, kind: ModelKind, rest: str) -> None:
        """Let worker processes answer for a model too, where there are to be any."""
        assert kind.directory is not None
        count = self.options.workers or processes.workers_for(
            kind.directory(rest), self.options.device, self.options.device_map
        )
        if count < 2:
            return
        if self.processes is None:
            after = processes.AFTER if self.options.workers is None else 0
            self.processes = Processes(count - 1, after=after)
        self.processes.hold(engine.fingerprint)
        how = self.how(opening).as_dict()
        self.beside[opening] = Beside(self.processes, opening.name, engine.fingerprint, how)
