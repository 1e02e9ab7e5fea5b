"""What runs in a Ray worker: an engine, and the calls it has finished, on its node until they are fetched."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rlaif.engines.kinds import split_name
from rlaif.engines.open import open_engine
from rlaif.engines.recorded import RecordedEngine
from rlaif.errors import ModelError
from rlaif.records import Engine
from rlaif.store import Store

SHARDS = "shards"
"""Folder beside the project's store, on the disk of each node."""


class ShardFiles:
    """The files of finished shards on one node."""

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)

    def leftovers(self) -> tuple[str, list[str]]:
        """This node, and the files in which shards were left on it."""
        return socket.gethostname(), sorted(path.name for path in self._folder.glob("*.sqlite"))

    def take(self, name: str) -> bytes:
        """The bytes of such a file; what its writer had committed is all in it."""
        Store.open(self._folder / name).close()
        return (self._folder / name).read_bytes()

    def drop(self, names: Sequence[str]) -> None:
        """Delete files whose calls are in the project's store."""
        for name in names:
            for path in self._folder.glob(f"{name}*"):
                path.unlink(missing_ok=True)


class Worker(ShardFiles):
    """Answers shards with one engine."""

    def __init__(self, name: str, fingerprint: str, options: Mapping[str, Any], folder: str) -> None:
        self._name = name
        self._fingerprint = fingerprint
        self._options = options
        super().__init__(folder)
        self._engine: Engine | None = None

    def load(self) -> str:
        """Load the model before the first shard; the node that it is on."""
        self._opened()
        return socket.gethostname()

    def pid(self) -> int:
        """Process id of the worker, for messages about it."""
        return os.getpid()

    def answer(self, shard: str, verb: str, requests: Sequence[Any]) -> list[Any]:
        """The replies to the requests of a shard; what an earlier life of this worker answered is not asked again."""
        server = split_name(self._name)[0].server
        with Store.open(self._folder / f"{shard}.sqlite") as kept:
            recorded = RecordedEngine(self._opened(), kept, commit="call" if server else "wave")
            return list(recorded.generate(requests) if verb == "generate" else recorded.score(requests))

    def _opened(self) -> Engine:
        if self._engine is None:
            engine = open_engine(self._name, **self._options)
            if engine.fingerprint != self._fingerprint:
                raise ModelError(
                    f"{self._name}: on {socket.gethostname()} lies another model than where the run was started; "
                    "put the same files on every node"
                )
            self._engine = engine
        return self._engine
