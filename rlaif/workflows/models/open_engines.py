"""The engines that one command holds in memory, by model name: opened when they are needed, closed when nobody is."""

from __future__ import annotations

from dataclasses import dataclass, field

from rlaif.engines.base import capabilities_of
from rlaif.engines.kinds import EngineOptions, ModelKind, split_name
from rlaif.engines.local import processes
from rlaif.engines.local.processes import Beside, Processes
from rlaif.engines.open import open_engine
from rlaif.engines.ray.engine import open_ray
from rlaif.errors import InputError
from rlaif.records import Engine
from rlaif.workflows.configs import ModelOptions


@dataclass(slots=True)
class OpenEngines:
    """Open engines with the worker processes that hold the same models."""

    options: ModelOptions
    by_name: dict[str, Engine] = field(default_factory=dict)
    beside: dict[str, Beside] = field(default_factory=dict)
    """The same models in the worker processes."""
    processes: Processes | None = None
    """The worker processes, where there are to be any."""

    @property
    def how(self) -> EngineOptions:
        """How this command opens models."""
        return EngineOptions(
            dtype=self.options.dtype,
            device=self.options.device,
            device_map=self.options.device_map,
            chat_template_kwargs=self.options.chat_template_kwargs or None,
            trust_remote_code=self.options.trust_remote_code,
            batch_tokens=self.options.batch_tokens,
        )

    def opened(self, name: str) -> Engine:
        """A new engine of this name, which worker processes may share. Raises ModelError."""
        if self.options.on == "ray":
            return open_ray(name, self.how.as_dict(), self.options.workers)
        engine = open_engine(name, **self.how.as_dict())
        kind, rest = split_name(name)
        if kind.worker_processes:
            self._share(name, engine, kind, rest)
        return engine

    def reopened(self, name: str, fingerprint: str) -> tuple[Engine, Beside | None]:
        """The engine of a name that was released, and its worker processes.

        Raises ModelError where its files are another model's by now.
        """
        if name not in self.by_name:
            engine = self.opened(name)
            if engine.fingerprint != fingerprint:
                capabilities_of(engine).close()
                raise processes.changed(name)
            self.by_name[name] = engine
        return self.by_name[name], self.beside.get(name)

    def release(self, name: str) -> bool:
        """Free what a model takes, here and in the worker processes; whether its engine must be opened anew."""
        if name not in self.by_name:
            return False
        capable = capabilities_of(self.by_name[name])
        capable.close()
        if (beside := self.beside.pop(name, None)) is not None:
            beside.processes.let_go(beside.opening.fingerprint)
        if capable.restarts:
            return False
        del self.by_name[name]
        return True

    def close(self) -> None:
        """End the worker processes. Everything that they have done is in the store."""
        if self.processes is not None:
            self.processes.close()

    def check_workers(self) -> None:
        """Raise InputError where several workers are wanted and no model here can have them."""
        wanted, local = self.options.workers or 1, self.options.on == "local"
        if local and wanted > 1 and self.by_name and not self.beside:
            raise InputError(
                f"--workers {wanted}: says how many processes hold a model that runs here (hf: or reward:), or with "
                f"--on ray how many of the cluster do; {', '.join(self.by_name)} runs in none; leave it out"
            )

    def _share(self, name: str, engine: Engine, kind: ModelKind, rest: str) -> None:
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
        self.beside[name] = Beside(self.processes, name, engine.fingerprint, self.how.as_dict())
