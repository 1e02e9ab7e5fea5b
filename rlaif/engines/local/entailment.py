"""Classifiers of textual entailment (NLI): log P(a text follows from another). They score and never write."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from rlaif.engines.fingerprint import model_fingerprint
from rlaif.engines.local.classifier import ClassifierEngine
from rlaif.engines.local.load import load_placed, load_tokenizer
from rlaif.engines.local.shared_prefix import lengthwise
from rlaif.engines.written import NO_BODY
from rlaif.errors import ModelError
from rlaif.hashing import digest
from rlaif.libraries.transformers import context_of
from rlaif.records import Score, ScoreRequest

ENTAILS = frozenset({"entail", "entails", "entailed", "entailment"})
"""What the label is called by which a classifier says that the second text follows from the first."""


class EntailmentEngine(ClassifierEngine):
    """A sequence classifier over two texts. What `score` gives for a continuation is log P(entailment).

    The first text is that of all messages, the second the continuation, as the tokenizer joins a pair.
    """

    noun, what_does = "a classifier", "the two texts do"

    def __init__(
        self, name: str, model: Any, tokenizer: Any, *, fingerprint: str, batch_tokens: int = 16384
    ) -> None:
        self.name = name
        self.fingerprint = fingerprint
        self.model = model
        self.tokenizer = tokenizer
        self.batch_tokens = batch_tokens
        self.context = context_of(model.config)
        self.entails = entailment_label(name, model.config.id2label)

    @torch.inference_mode()
    def _score(self, window: Sequence[ScoreRequest]) -> list[Score]:
        owners = [place for place, each in enumerate(window) for _ in each.continuations]
        firsts = ["\n".join(turn.content for turn in window[place].messages) for place in owners]
        seconds = [each.assistant_prefix + text for each in window for text in each.continuations]
        rows = [self.tokenizer(one, two) for one, two in zip(firsts, seconds, strict=True)]
        sizes = [len(row["input_ids"]) for row in rows]
        fitting = [place for place, size in enumerate(sizes) if size <= self.context]
        found: dict[int, float] = {}
        for batch in lengthwise([sizes[place] for place in fitting], self.batch_tokens):
            places = [fitting[each] for each in batch]
            padded = self.tokenizer.pad([rows[place] for place in places], return_tensors="pt")
            logits = self.model(**padded.to(self.model.device)).logits.double()
            chances = torch.log_softmax(logits, dim=-1)[:, self.entails]
            found |= dict(zip(places, chances.tolist(), strict=True))
        return [
            self._reply(place, request, owners, found, NO_BODY if request.body else None)
            for place, request in enumerate(window)
        ]


def entailment_label(name: str, labels: dict[int, str] | None) -> int:
    """The number of the label that says that a text follows. Raises ModelError where none, or several, is called so."""
    known = {int(number): str(label) for number, label in (labels or {}).items()}
    found = [number for number, label in known.items() if label.strip().lower() in ENTAILS]
    if len(found) == 1:
        return found[0]
    raise ModelError(
        f"{name}: its labels are {', '.join(map(repr, known.values())) or 'none'}, and "
        f"{'none' if not found else 'more than one'} of them is called entailment; say in `id2label` of its "
        "config.json which one that is (its card tells), or name a classifier of textual entailment"
    )


def entailment_fingerprint(directory: Path, dtype: str, *, trust_remote_code: bool = False) -> str:
    """The fingerprint of a classifier as it is read here."""
    return digest("entailment", model_fingerprint(directory, dtype, None, own_code=trust_remote_code))


def open_entailment(
    name: str,
    directory: Path,
    *,
    dtype: str,
    device: str,
    device_map: str | None,
    trust_remote_code: bool,
    batch_tokens: int,
) -> EntailmentEngine:
    """The classifier of a checked directory. Raises ModelError for one whose labels name no entailment."""
    tokenizer = load_tokenizer(directory, trust_remote_code=trust_remote_code)
    if tokenizer.pad_token_id is None:
        raise ModelError(f"{directory}: its tokenizer names no pad_token; classifiers are asked in batches")
    model = load_placed(
        directory,
        device=device,
        device_map=device_map,
        task="reward",
        dtype=dtype,
        trust_remote_code=trust_remote_code,
    )
    fingerprint = entailment_fingerprint(directory, dtype, trust_remote_code=trust_remote_code)
    return EntailmentEngine(name, model, tokenizer, fingerprint=fingerprint, batch_tokens=batch_tokens)
