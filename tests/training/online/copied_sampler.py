"""A sampler that holds a copy of the policy in this process, and can be made to fail as real ones do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from rlaif.engines.local.generate import Decoder, Draw
from rlaif.engines.local.load import load_model
from rlaif.engines.samplers import Handed, ReadText, SamplerPlan, TokenDraw, TokenText
from rlaif.errors import EngineError
from rlaif.records import Sampling


class CopiedSampler:
    """Loads what it is handed with transformers, and draws with this project's decoder.

    stale: loads after which it silently keeps the weights that it has. off: what is added to each logit's scale, so
    that it draws from another distribution than it should, and says so truthfully. fails: loads that raise.
    """

    name = "the copy"

    def __init__(
        self, *, stale: Sequence[int] = (), off: float = 0.0, fails: Sequence[int] = (), reads: bool = True
    ) -> None:
        self.stale, self.off, self.fails, self.reads = set(stale), off, set(fails), reads
        self.loads: list[str] = []
        self.draws: list[list[TokenDraw]] = []
        self.closed = False

    def prepare(self, plan: SamplerPlan) -> Handed:
        self.plan = plan
        return "weights"

    def load(self, directory: Path, version: str) -> None:
        number = len(self.loads)
        self.loads.append(version)
        if number in self.fails:
            raise EngineError("the copy cannot load")
        if number not in self.stale:
            self.model: Any = load_model(directory).float().eval()

    def draw(self, draws: Sequence[TokenDraw]) -> list[TokenText]:
        self.draws.append(list(draws))
        # the distribution that it draws from is known: a temperature of its own
        heat = self.plan.temperature * (1 + self.off)
        decoder = Decoder(self.model, self.plan.ends, lambda ids: "")
        drawn = decoder.draw(
            [
                Draw(each.prompt, Sampling(temperature=heat, max_tokens=each.room), each.seed, each.room)
                for each in draws
            ]
        )
        return [
            TokenText((*each.ids, *([each.end] if each.end is not None else [])), tuple(each.warm_logprobs))
            for each in drawn
        ]

    def read(self, texts: Sequence[ReadText]) -> list[tuple[float, ...]] | None:
        if not self.reads:
            return None
        found = []
        for each in texts:
            with torch.no_grad():
                logits = self.model(torch.tensor([[*each.prompt, *each.ids]])).logits[0]
            told = logits.log_softmax(-1)[len(each.prompt) - 1 : -1]
            found.append(tuple(float(row[token]) for row, token in zip(told, each.ids, strict=True)))
        return found

    def close(self) -> None:
        self.closed = True
