"""One model on a Ray cluster: many workers that each hold an engine, behind the same two verbs.

A shard of requests is what a wave is on one machine, so a worker runs the very batches that a local run would. It
keeps what it has finished in a small store of its own node until the project's store has it; what a killed driver
leaves there is merged by key when the next one starts. Shards of a killed worker go to the others.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar, NamedTuple, TypeVar

from rlaif.engines.base import BaseEngine
from rlaif.engines.chat_template import Chat
from rlaif.engines.kinds import EngineOptions, split_name
from rlaif.engines.local.checks import check_directory
from rlaif.engines.local.load import load_tokenizer
from rlaif.engines.ray.cluster import Size, connect, say, size, worker_environment
from rlaif.engines.ray.worker import SHARDS, ShardFiles, Worker
from rlaif.engines.waves import WAVE
from rlaif.errors import EngineError, ModelError, RlaifError
from rlaif.hashing import digest
from rlaif.records import GenerateRequest, Generation, Score, ScoreRequest
from rlaif.store import Store, call_key

QUEUED = 2
"""Shards that a worker has been handed: one it works on, one that waits."""
RESTARTS = 4
"""How often a worker that died is started anew; a request that kills every worker ends the run, resumable."""
AnyRequest = TypeVar("AnyRequest", GenerateRequest, ScoreRequest)
AnyReply = TypeVar("AnyReply", Generation, Score)


class RayShard(NamedTuple):
    """Requests that one worker answers together."""

    id: str
    verb: str
    requests: Sequence[Any]


class RayEngine(BaseEngine):
    """The model of `name` on all workers. They are started at the first request, not before."""

    restarts = True
    _at_work: ClassVar[list[RayEngine]] = []
    """Engines of this process that hold workers: the next one that needs their room sends these home."""

    def __init__(self, name: str, fingerprint: str, options: Mapping[str, Any], count: int | None) -> None:
        self.name = name
        self.fingerprint = fingerprint
        self.guides_decoding = split_name(name)[0].guides_decoding
        self._options = options
        self._folder: Path | None = None
        self._count = count
        self._size: Size | None = None
        self._workers: dict[int, Any] = {}
        self._kept: list[tuple[int, str]] = []
        self._chat: Chat | None = None
        self._loaded = False

    @property
    def wave(self) -> int:
        """Requests to hand over at a time, so that every worker always has the next shard at hand."""
        return WAVE * QUEUED * self.size.workers

    @property
    def size(self) -> Size:
        """How many workers there are, and what each takes."""
        if self._size is None:
            connect()
            self._size = size(self._count, local=split_name(self.name)[0].local_weights)
        return self._size

    def generate(self, requests: Iterable[GenerateRequest]) -> Iterator[Generation]:
        """Draw one text a request; replies come as shards are finished."""
        return self._shards("generate", requests)

    def score(self, requests: Iterable[ScoreRequest]) -> Iterator[Score]:
        """Log-probabilities of the continuations; replies come as shards are finished."""
        return self._shards("score", requests)

    def alike(self, continuations: Sequence[str]) -> tuple[int, ...]:
        """For each continuation the place of the first that is the same tokens; empty where all differ."""
        chat = self._tokens()
        return () if chat is None else chat.alike(continuations)

    def reads(self, text: str) -> bool:
        """Whether the model's tokenizer knows every word of a text; a server's is taken to."""
        chat = self._tokens()
        return True if chat is None else chat.reads(text)

    def spell(self, token_ids: Sequence[int]) -> str | None:
        """The text of what was sampled; None where the tokenizer is a server's."""
        chat = self._tokens()
        return None if chat is None else chat.decode(token_ids)

    def marks_thoughts(self) -> bool:
        """Whether the model marks a thought before its answer; of one that is elsewhere the user tells."""
        if (chat := self._tokens()) is not None:
            return chat.thought_marks is not None
        kind, rest = split_name(self.name)
        return kind.writes_thoughts(self.name, rest, EngineOptions(**self._options))

    def _tokens(self) -> Chat | None:
        """The model's tokenizer, read here; None where it is elsewhere."""
        kind, rest = split_name(self.name)
        if self._chat is None and kind.causal and kind.directory is not None:
            trusted = bool(self._options.get("trust_remote_code", False))
            tokenizer = load_tokenizer(kind.directory(rest), trust_remote_code=trusted)
            kwargs = dict(self._options.get("chat_template_kwargs") or {})
            self._chat = Chat(tokenizer, kwargs, self._options.get("thought_marks"))
        return self._chat

    def reach(self) -> None:
        """Join the cluster and find out that it has room; nothing is started. Raises EngineError, ModelError."""
        _ = self.size

    def pids(self) -> list[int]:
        """Process ids of the workers, each on its node."""
        import ray

        self._start()
        found: list[int] = ray.get([each.pid.remote() for each in self._workers.values()])
        return found

    def collect(self, store: Store) -> int:
        """Merge what an earlier driver left on the nodes into `store`, by key; the number of calls that were new.

        From then on workers keep what they finish beside that store, at the same path on the disk of each node.
        """
        import ray

        self._folder = store.path.absolute().parent / SHARDS
        connect()
        left: dict[tuple[str, str], Any] = {}
        # of every node: the next workers may be on others than those of the driver that died
        for each in ray.nodes():
            if each["Alive"]:
                files = self._files_on(each["NodeID"])
                node, names = ray.get(files.leftovers.remote())
                left |= {(node, name): files for name in names}
        new = 0
        with TemporaryDirectory(dir=store.path.parent) as scratch:
            for (_, name), files in left.items():
                copy = Path(scratch) / name
                copy.write_bytes(ray.get(files.take.remote(name)))
                new += store.merge(copy)
                ray.get(files.drop.remote([name]))
        return new

    def _files_on(self, node: str) -> Any:
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        there = NodeAffinitySchedulingStrategy(node_id=node, soft=False)
        return ray.remote(ShardFiles).options(num_cpus=0, scheduling_strategy=there).remote(str(self._folder))

    def close(self) -> None:
        """Send the workers home. Whoever calls has the replies of all verbs in the project's store."""
        import ray

        self._forget()
        for worker in self._workers.values():
            ray.kill(worker)
        self._workers, self._loaded = {}, False
        if self in RayEngine._at_work:
            RayEngine._at_work.remove(self)

    def _start(self) -> None:
        if self._workers:
            return
        if self._folder is None:
            raise RuntimeError("a model on a cluster is used before its store is open")
        import ray

        wanted = self.size
        self._make_room()
        how: dict[str, Any] = {
            "num_cpus": 1,
            "num_gpus": wanted.gpus,
            "max_restarts": RESTARTS,
            "max_task_retries": RESTARTS,
        }
        if environment := worker_environment():
            how["runtime_env"] = {"env_vars": environment}
        make = ray.remote(Worker).options(**how)
        for number in range(wanted.workers):
            self._workers[number] = make.remote(
                self.name, self.fingerprint, dict(self._options), str(self._folder)
            )

    def _load(self) -> None:
        """Let all workers load at once, and say how far they are; one that dies over it is told at its first shard."""
        import ray

        if self._loaded:
            return
        self._loaded = True
        say(f"{self.name}: starting {len(self._workers)} workers, each with {self.size.gpus or 'no'} GPUs")
        waiting = [each.load.remote() for each in self._workers.values()]
        while waiting:
            done, waiting = ray.wait(waiting, num_returns=1)
            try:
                ray.get(done[0])
            except ray.exceptions.RayActorError:
                continue
            except ray.exceptions.RayTaskError as problem:
                self.close()
                raise _ours(self.name, problem) from None
            say(f"{self.name}: {len(self._workers) - len(waiting)} of {len(self._workers)} workers are ready")

    def _make_room(self) -> None:
        """Send workers of other models home where there is no room for all: these would wait without end."""
        import ray

        there = ray.cluster_resources()
        for other in list(RayEngine._at_work):
            all_ = [self.size, *(each.size for each in RayEngine._at_work)]
            cpus, gpus = sum(each.workers for each in all_), sum(each.workers * each.gpus for each in all_)
            if cpus > there.get("CPU", 1) or gpus > there.get("GPU", 0):
                other.close()
        RayEngine._at_work.append(self)

    def _shards(self, verb: str, requests: Iterable[AnyRequest]) -> Iterator[Any]:
        self._start()
        self._load()
        # whoever asks for more has kept what it was given before
        self._forget()
        stream = iter(requests)
        wait: deque[RayShard] = deque()
        running: dict[Any, tuple[int, RayShard]] = {}
        while True:
            while len(running) < QUEUED * len(self._workers) and (
                shard := wait.popleft() if wait else self._cut(verb, stream)
            ):
                number = self._least_busy(running)
                running[self._workers[number].answer.remote(*shard)] = (number, shard)
            if not running:
                return
            yield from self._finished(running, wait)

    def _cut(self, verb: str, stream: Iterator[Any]) -> RayShard | None:
        requests = list(islice(stream, WAVE))
        if not requests:
            return None
        guided = self.guides_decoding
        keys = [call_key(self.fingerprint, each, guides_decoding=guided) for each in requests]
        return RayShard(digest("shard", verb, keys).removeprefix("b2:"), verb, requests)

    def _least_busy(self, running: Mapping[Any, tuple[int, RayShard]]) -> int:
        busy = [number for number, _ in running.values()]
        return min(self._workers, key=busy.count)

    def _finished(self, running: dict[Any, tuple[int, RayShard]], wait: deque[RayShard]) -> Iterator[Any]:
        import ray

        (done,), _ = ray.wait(list(running), num_returns=1)
        number, shard = running.pop(done)
        try:
            replies = ray.get(done)
        except ray.exceptions.RayActorError:
            # it died once more than it may: its shards go to the others
            wait.append(shard)
            self._workers.pop(number, None)
            if not self._workers:
                raise EngineError(
                    f"{self.name}: every worker on the cluster died ({RESTARTS} restarts each); "
                    "what is finished is kept: see Ray's logs, and run again"
                ) from None
        except ray.exceptions.RayTaskError as problem:
            raise _ours(self.name, problem) from None
        else:
            self._kept.append((number, shard.id))
            yield from replies

    def _forget(self) -> None:
        import ray

        kept, self._kept = self._kept, []
        for number, worker in self._workers.items():
            if names := [f"{name}.sqlite" for owner, name in kept if owner == number]:
                with suppress(ray.exceptions.RayError):
                    ray.get(worker.drop.remote(names))


def open_ray(name: str, options: Mapping[str, Any], count: int | None) -> RayEngine:
    """The model of `name` on a cluster; `options` are those of `open_engine`. Raises ModelError as it does.

    Looks at the model's files here, where the driver runs, and loads no weights.
    """
    connect()
    kind, rest = split_name(name)
    if not kind.elsewhere:
        raise ModelError(
            f"--on ray: {name} is known to this process alone; add its kind in a package, under the entry-point group "
            "rlaif.engines, and install that on every node"
        )
    if kind.directory is not None:
        check_directory(kind.directory(rest))
    return RayEngine(name, kind.fingerprint_of(name, rest, EngineOptions(**options)), options, count)


def _ours(name: str, problem: Any) -> RlaifError:
    cause = getattr(problem, "cause", None)
    if isinstance(cause, RlaifError):
        return cause
    reason = (str(cause or problem).strip() or type(problem).__name__).splitlines()[-1]
    return EngineError(f"{name}: a worker on the cluster failed: {reason}; what is finished is kept")
