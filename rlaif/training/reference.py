"""The reference: whose weights it is, and its log-probabilities, computed once, kept on disk, never trained through."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from rlaif.atomic import disk_told
from rlaif.engines.fingerprint import adapter_base
from rlaif.engines.local.checks import check_directory
from rlaif.errors import ModelError, RecipeError, RunError
from rlaif.libraries.transformers import drops_unseen
from rlaif.training.configs.loop import LoopConfig
from rlaif.training.models import Opened, open_causal
from rlaif.training.packing import Tree, pack, split
from rlaif.training.scorer import BranchScorer

ZERO_TOLERANCE = {"float32": 1e-3, "bf16": 0.2}
"""How far from zero a token's log-ratio may be before the first step; float noise is well below."""
_WAIT_S = 60.0
_TABLE = """CREATE TABLE IF NOT EXISTS logps
(weights TEXT, kind TEXT, tokens BLOB, logp BLOB, PRIMARY KEY (weights, kind, tokens)) WITHOUT ROWID"""


class LogpCache(NamedTuple):
    """Log-probabilities of token ids under given weights, on disk: what one training computes no other computes again.

    A row is found by the digest of the weights, the arithmetic and the token ids, so that trainings with other losses,
    rates or seeds share it. A batch is written whole or not at all.
    """

    path: Path
    weights: str
    """Digest of the model directory."""
    kind: str
    """Dtypes of weights and arithmetic: other kinds give other digits."""

    def found(self, trees: Sequence[Tree]) -> list[Tensor | None]:
        """For each tree, the log-probability of every branch token, branch after branch, or None."""
        with self._open() as held:
            query = "SELECT logp FROM logps WHERE weights = ? AND kind = ? AND tokens = ?"
            rows = [
                held.execute(query, (self.weights, self.kind, tokens_key(each))).fetchone() for each in trees
            ]
        return [
            None if row is None else torch.from_numpy(np.frombuffer(row[0], "<f4").copy()) for row in rows
        ]

    def keep(self, trees: Sequence[Tree], logps: Sequence[Tensor]) -> None:
        """Write what was computed, all of it at once."""
        rows = [
            (self.weights, self.kind, tokens_key(tree), logp.numpy().astype("<f4").tobytes())
            for tree, logp in zip(trees, logps, strict=True)
        ]
        with self._open() as held, held:
            held.executemany("INSERT OR REPLACE INTO logps VALUES (?, ?, ?, ?)", rows)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with disk_told(self.path), closing(sqlite3.connect(self.path, timeout=_WAIT_S)) as held:
                held.execute(_TABLE)
                yield held
        except (sqlite3.Error, OSError) as problem:
            raise RunError(f"{self.path}: cannot be used as a cache ({problem}); remove it") from problem


def tokens_key(tree: Tree) -> bytes:
    """Names the ids of a prompt and its answers, and what of them is scored, where that is not all."""
    numbers = [len(tree.prefix), *tree.prefix]
    for branch in tree.branches:
        numbers += [len(branch), *branch]
    for mask in tree.learned:
        numbers += [-1, *mask]  # no id and no length is below zero
    return hashlib.blake2b(np.array(numbers, "<i8").tobytes(), digest_size=20).digest()


def reference_logps(
    scorer: BranchScorer,
    trees: Sequence[Tree],
    *,
    packed: bool,
    batch_tokens: int,
    cache: LogpCache | None = None,
) -> list[Tensor]:
    """For each tree, the log-probability of every branch token, branch after branch, on the CPU.

    With a cache, only what it lacks is computed, and kept batch by batch.
    """
    known: list[Tensor | None] = cache.found(trees) if cache is not None else [None] * len(trees)
    missing = [place for place, each in enumerate(known) if each is None]
    device = next(scorer.parameters()).device
    for group in split([trees[place] for place in missing], batch_tokens) if missing else []:
        places = [missing[index] for index in group]
        members = [trees[place] for place in places]
        batch = pack(members, packed=packed, pad_id=scorer.pad_id, with_last=False)
        with torch.no_grad(), nothing_random(scorer):
            logp_N = scorer(batch.to(device)).logp_N.cpu()
        sizes = [sum(tree.scored) for tree in members]
        computed = [part.clone() for part in torch.split(logp_N, sizes)]
        if cache is not None:
            cache.keep(members, computed)
        for place, logp in zip(places, computed, strict=True):
            known[place] = logp
    return [each for each in known if each is not None]


@contextmanager
def nothing_random(scorer: BranchScorer) -> Iterator[None]:
    """Without what is left out at random while learning: an adapter's dropout."""
    dropping = [each for each in scorer.modules() if isinstance(each, torch.nn.Dropout) and each.training]
    for each in dropping:
        each.eval()
    try:
        yield
    finally:
        for each in dropping:
            each.train()


def arithmetic(scorer: BranchScorer, config: LoopConfig, held_to: Path) -> str:
    """The kind of numbers that a scorer computes in, for the cache of the reference at `held_to`.

    Of a model that older versions may have read with its dropout on, another kind: what they kept is not used.
    """
    weights = str(next(scorer.parameters()).dtype).removeprefix("torch.")
    kinds = [weights, "bf16" if scorer.bf16 else weights, config.quantize]
    return "/".join([*kinds, "dry"] if drops_unseen(adapter_base(held_to) or held_to) else kinds)


def assert_same(logp_N: Tensor, reference_N: Tensor, precision: str) -> None:
    """Raise ModelError where a policy that starts as its reference does not read as it does, before any step."""
    off = furthest(logp_N, reference_N)
    if not off <= ZERO_TOLERANCE[precision]:
        raise ModelError(
            f"at step 0 the policy differs from its reference by {off:.2g} of a token's log-probability,"
            " though they are the same weights: this model computes at random"
        )


def furthest(logp_N: Tensor, other_N: Tensor) -> float:
    """The largest difference of a token's log-probability, as a share of it where it is above 1 in size.

    An unlikely token's log-probability is that of a large number, and a bfloat16 between 16 and 32 is off by 0.06.
    """
    if not len(logp_N):
        return 0.0
    return float(((logp_N.detach() - other_N).abs() / other_N.abs().clamp(min=1.0)).max())


def reference_folder(reference: str, policy: Path, given: Path | None) -> Path | None:
    """Where the reference's weights lie. Raises RecipeError, ModelError."""
    if reference == "none":
        if given is not None:
            raise RecipeError("reference is none, yet a reference directory is given; name one of the two")
        return None
    folder = given or (policy if reference in ("init", "previous") else Path(reference))
    check_directory(folder)
    return folder


def open_reference(held_to: Path, opened: Opened, scorer: BranchScorer, config: LoopConfig) -> BranchScorer:
    """A scorer of the reference's own weights, on the policy's device."""
    held = open_causal(held_to, config)
    if held.chat.tokenizer.get_vocab() != opened.chat.tokenizer.get_vocab():
        raise ModelError(
            f"the reference {held_to} has another vocabulary than the policy: its log-probabilities of the policy's "
            "tokens mean nothing; name a model of the same family"
        )
    device = next(scorer.parameters()).device
    return BranchScorer(held.model, held.pad_id, bf16=scorer.bf16).to(device)
