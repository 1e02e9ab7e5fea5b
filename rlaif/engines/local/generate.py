"""Draws texts from a causal model, many at a time. A text depends on its own seed and prompt, not on its neighbours.

Continuous batching: finished rows leave and waiting prompts take their place. Draws of one prompt that start together
compute it once. What a batch may hold is bounded by tokens, counted as if every text grew to its limit.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import torch

from rlaif.engines.local.sampling import choose, knobs_of, uniforms, warm_logprobs
from rlaif.engines.local.score import head_at, slack
from rlaif.engines.local.shared_prefix import lengthwise
from rlaif.engines.local.thinking import ThoughtFollower, ThoughtPlan
from rlaif.errors import ModelError
from rlaif.libraries.transformers import (
    MISFITS,
    forget_lengths,
    join_rows,
    library_changed,
    new_cache,
    only_attends,
    rope_switch,
    select_rows,
    text_config,
    with_cache,
)
from rlaif.records import Finish, Sampling

KEEP_SHARE = 0.8
"""Below this share of unfinished rows a batch is packed anew, and filled up."""
MOST_ROWS = 256
CACHE_SHARE = 4
"""Tokens in the cache for each token of a pass: a text's keys and values outlive its prompt's activations."""
PREFILL_COLUMNS = 1024
"""Long prompts are computed in pieces of this length, so that no mask grows with the square of a prompt."""
NOT_A_NUMBER = "the model returned NaN"


class Draw(NamedTuple):
    """One text to draw."""

    prompt: tuple[int, ...]
    sampling: Sampling
    seed: int
    room: int
    """Tokens that fit: at most `sampling.max_tokens`, or what `thought` adds to them; fewer where the model's context
    ends."""
    thought: ThoughtPlan | None = None
    """Where its thought is bounded, or labels are read behind it."""


@dataclass(slots=True)
class Drawn:
    """What was drawn; `ids` has no end token, `logprob` counts it, and counts no token that was forced."""

    ids: list[int] = field(default_factory=list)
    logprob: float = 0.0
    finish: Finish = "length"
    error: str | None = None
    labels: tuple[float, ...] | None = None
    """The log-probabilities of the labels behind the thought; None where they are not read here."""
    thought: int = 0
    """How many of `ids` are the thought that labels stand behind."""
    end: int | None = None
    """The end token that was drawn behind `ids`."""
    warm_logprobs: list[float] = field(default_factory=list)
    """Of each token that was drawn, the end token too, at the temperature at which was drawn."""


class Filled(NamedTuple):
    """Prompts that a model has read: one row each, all ending at the same column."""

    cache: Any
    mask: torch.Tensor
    logits: torch.Tensor
    """Of what comes next, `[rows, vocabulary]`."""


@dataclass
class Decoder:
    """Draws with one model."""

    model: Any
    end_ids: frozenset[int]
    decode: Callable[[Sequence[int]], str]
    batch_tokens: int = 16384

    @cached_property
    def mixes(self) -> bool:
        """Whether texts of any length share a batch, and late ones join it. Tried on the model: a wrong text is silent.

        A model with a state takes padding for text: its batches are of one length and are not filled up. Raises
        ModelError for one whose cache does not carry a text on.
        """
        gaps = self._trial_gaps()
        for mixed, gap in gaps.items():
            if gap < slack(self.model):
                return mixed
        if broken := library_changed(_draws, "no text can be drawn"):
            raise broken
        gap = min(gaps.values())
        raise ModelError(
            f"{type(self.model).__name__}: what its cache keeps of a text does not give its own figures again (they "
            f"differ by {gap:.2g}), so this engine cannot draw from it; serve it and name the server: "
            "openai:<base url>#<model>@<revision>"
        )

    @torch.inference_mode()
    def draw(self, draws: Sequence[Draw]) -> list[Drawn]:
        """One text a draw, in their order."""
        switch = rope_switch(self.model.config)
        if switch is None:
            return self._drawn(draws)
        # rotary factors go by the longest of a pass: a text ends where they would change, and beyond it stands alone
        found: dict[int, Drawn] = {}
        short = [place for place, each in enumerate(draws) if len(each.prompt) <= switch]
        capped = [draws[place] for place in short]
        capped = [each._replace(room=min(each.room, switch - len(each.prompt))) for each in capped]
        with_room = [place for place, each in zip(short, capped, strict=True) if each.room > 0]
        forget_lengths(self.model)
        drawn = self._drawn([each for each in capped if each.room > 0])
        found |= dict(zip(with_room, drawn, strict=True))
        for place, each in enumerate(draws):
            if len(each.prompt) > switch:
                forget_lengths(self.model)
                found[place] = self._drawn([each], pieces=False)[0]
        return [found.get(place, Drawn()) for place in range(len(draws))]

    def _drawn(self, draws: Sequence[Draw], *, pieces: bool = True) -> list[Drawn]:
        batch = _Batch(draws, self.model.device, self.decode)
        piece = PREFILL_COLUMNS if self.mixes and pieces else None
        # the longest first: what comes later fits into the columns that are there
        order = sorted(range(len(draws)), key=lambda each: (-len(draws[each].prompt), draws[each].prompt))
        queue = deque(order)
        while queue or batch.rows:
            if queue and (self.mixes or not batch.rows):
                self._fill(batch, queue, piece)
            packed = False
            while batch.rows and not (packed and queue):
                batch.read_labels()
                tokens, logprobs = choose(batch.logits, batch.knobs, batch.uniform())
                warm = warm_logprobs(batch.logits, batch.knobs, tokens, logprobs)
                tokens = batch.take(tokens, logprobs, warm, self)
                if packed := batch.is_thin:
                    tokens = tokens[batch.pack()]
                if batch.rows:
                    self._step(batch, tokens)
        for draw, each in zip(draws, batch.drawn, strict=True):
            reads = draw.thought is not None and draw.thought.label_prefix is not None
            if not reads and each.ids and each.ids[-1] in self.end_ids:
                each.end = each.ids.pop()
        return batch.drawn

    def _fill(self, batch: _Batch, queue: deque[int], piece: int | None) -> None:
        """Let waiting draws in, as many as fit; at least one when the batch is empty."""
        taken: list[int] = []
        while queue and (not (batch.rows or taken) or self._fits(batch, [*batch.rows, *taken, queue[0]])):
            taken.append(queue.popleft())
        prompts = list(dict.fromkeys(batch.draws[place].prompt for place in taken))
        for group in lengthwise([len(each) for each in prompts], self.batch_tokens):
            own = [prompts[each] for each in group]
            row_of = {prompt: row for row, prompt in enumerate(own)}
            places = [place for place in taken if batch.draws[place].prompt in row_of]
            filled = self._prefill(own, piece)
            rows = torch.tensor([row_of[batch.draws[place].prompt] for place in places])
            rows = rows.to(self.model.device)
            select_rows(filled.cache, rows)
            batch.add(places, Filled(filled.cache, filled.mask[rows], filled.logits[rows]))

    def _fits(self, batch: _Batch, places: Sequence[int]) -> bool:
        draws = [batch.draws[place] for place in places]
        if len(draws) > MOST_ROWS:
            return False
        if not self.mixes:
            lengths = {len(each.prompt) for each in draws}
            return len(lengths) == 1 and len(draws) * max(lengths) <= self.batch_tokens
        # who comes late stands behind all columns that are there
        columns = max(batch.columns, *(len(each.prompt) for each in draws))
        rest = max(batch.draws[place].room - len(batch.drawn[place].ids) for place in places)
        return len(draws) * (columns + rest) <= CACHE_SHARE * self.batch_tokens

    def _prefill(self, prompts: Sequence[tuple[int, ...]], piece: int | None) -> Filled:
        """Read prompts, `piece` columns at a time."""
        device, width = self.model.device, max(map(len, prompts))
        ids = torch.tensor([[0] * (width - len(each)) + list(each) for each in prompts], device=device)
        mask = torch.tensor([[0] * (width - len(each)) + [1] * len(each) for each in prompts], device=device)
        positions = (mask.cumsum(1) - 1).clamp(min=0)
        cache = new_cache(self.model.config)
        piece = piece or width
        rows = torch.arange(len(prompts), device=device)
        for start in range(0, width, piece):
            end = min(width, start + piece)
            read = rows if end == width else rows[:0]
            with head_at(self.model, read, torch.full_like(read, end - start - 1)):
                out = with_cache(
                    self.model,
                    cache,
                    input_ids=ids[:, start:end],
                    attention_mask=mask[:, :end],
                    position_ids=positions[:, start:end],
                )
        return Filled(cache, mask, out.logits[0])

    def _step(self, batch: _Batch, tokens: torch.Tensor) -> None:
        batch.mask = torch.cat([batch.mask, batch.mask.new_ones(len(batch.mask), 1)], dim=1)
        out = with_cache(
            self.model,
            batch.cache,
            input_ids=tokens[:, None],
            attention_mask=batch.mask,
            position_ids=batch.mask.sum(1, keepdim=True) - 1,
        )
        batch.logits = out.logits[:, -1]

    def _trial_gaps(self) -> dict[bool, float]:
        """How far off draws are in mixed batches, and in batches of one length; the former only where they may be."""
        ways = (True, False) if only_attends(self.model.config) else (False,)
        return {mixed: self._trial_gap(mixed) for mixed in ways}

    @torch.inference_mode()
    def _trial_gap(self, mixed: bool) -> float:
        """How far what follows two texts is from what follows each alone: read in pieces, joined late, and moved."""
        top = int(text_config(self.model.config).vocab_size)
        texts = [[37 * n % top for n in range(1, 10)], [53 * n % top for n in range(2, 8 if mixed else 11)]]
        batch = _Batch([Draw(tuple(each), Sampling(), 0, 9) for each in texts], self.model.device, str)
        try:
            if mixed:
                batch.add([0], self._prefill([batch.draws[0].prompt], 4))
                self._trial_step(batch, texts)
                batch.add([1], self._prefill([batch.draws[1].prompt], 4))
            else:
                batch.add([0, 1], self._prefill([each.prompt for each in batch.draws], None))
            self._trial_step(batch, texts)
            both = batch.logits
            batch.live = {1}
            batch.pack()
            self._trial_step(batch, texts)
        except MISFITS:
            return float("inf")
        found = [both[0], both[1], batch.logits[0]]
        return max(map(self._gap, found, [texts[0], texts[1][:-1], texts[1]]))

    def _trial_step(self, batch: _Batch, texts: list[list[int]]) -> None:
        for place in batch.rows:
            texts[place].append(texts[place][len(texts[place]) % 5])
        self._step(batch, torch.tensor([texts[place][-1] for place in batch.rows], device=self.model.device))

    def _gap(self, logits: torch.Tensor, text: Sequence[int]) -> float:
        alone = self.model(input_ids=torch.tensor([text], device=self.model.device), use_cache=False).logits[
            0, -1
        ]
        apart = (logits.float().log_softmax(-1) - alone.float().log_softmax(-1)).abs()
        # what is no number is found when a text is drawn; what is impossible both ways is the same
        return float(apart.nan_to_num(0.0).mean())

    @cached_property
    def rewinds(self) -> bool:
        """Whether tokens that a row has read can be hidden from it again: no layer counts columns instead."""
        config = text_config(self.model.config)
        return self.mixes and getattr(config, "sliding_window", None) is None

    def ends(self, draw: Draw, ids: Sequence[int]) -> bool:
        """Whether the last token ends the text."""
        if ids[-1] in self.end_ids:
            return True
        stops = draw.sampling.stop
        if not stops:
            return False
        # a token is a byte at least: a stop that has just been completed begins no further back
        tail = self.decode(ids[-max(len(stop.encode()) for stop in stops) - 8 :])
        return any(stop in tail for stop in stops)


class _Batch:
    """The rows that are still written, and what each draw has got so far."""

    cache: Any = None
    mask: torch.Tensor
    logits: torch.Tensor

    def __init__(
        self, draws: Sequence[Draw], device: torch.device, decode: Callable[[Sequence[int]], str]
    ) -> None:
        self.draws = draws
        self.drawn = [Drawn() for _ in draws]
        self.device = device
        self.rows: list[int] = []
        """Row of the tensors to place in `draws`; finished rows stay until the next packing."""
        self.live: set[int] = set()
        self._uniform = {place: uniforms(each.seed, each.room) for place, each in enumerate(draws)}
        self._followed = {
            place: ThoughtFollower(each.thought, decode) for place, each in enumerate(draws) if each.thought
        }

    def add(self, places: Sequence[int], filled: Filled) -> None:
        """Put rows below those that are there."""
        if not self.rows:
            self.cache, self.mask, self.logits = filled
        else:
            join_rows(self.cache, filled.cache)
            width = max(self.mask.shape[1], filled.mask.shape[1])
            self.mask = torch.cat([_padded(self.mask, width), _padded(filled.mask, width)])
            self.logits = torch.cat([self.logits, filled.logits])
        self.rows = [*self.rows, *places]
        self.live |= set(places)
        self.knobs = knobs_of([self.draws[place].sampling for place in self.rows], self.device)

    def uniform(self) -> torch.Tensor:
        """The next random number of each row; of a finished one, any."""
        drawn = [self._uniform[place] for place in self.rows]
        steps = [min(len(self.drawn[place].ids), len(self._uniform[place]) - 1) for place in self.rows]
        numbers = [own[step] for own, step in zip(drawn, steps, strict=True)]
        return torch.tensor(numbers, dtype=torch.float64, device=self.device)

    def take(
        self, tokens: torch.Tensor, logprobs: torch.Tensor, warm: torch.Tensor, decoder: Decoder
    ) -> torch.Tensor:
        """Hand each live row its token, and find out which are done; gives what every row goes on with."""
        both = zip(logprobs.tolist(), warm.tolist(), strict=True)
        found = zip(self.rows, tokens.tolist(), both, strict=True)
        others: dict[int, int] = {}
        for row, (place, token, said) in enumerate(found):
            if place in self.live and (goes_on := self._hand(row, place, token, said, decoder)) != token:
                others[row] = goes_on
        if others:
            tokens[list(others)] = torch.tensor(list(others.values()), device=tokens.device)
        return tokens

    def _hand(self, row: int, place: int, token: int, said: tuple[float, float], decoder: Decoder) -> int:
        draw, drawn, followed = self.draws[place], self.drawn[place], self._followed.get(place)
        if followed is not None and followed.forced:
            token = self._force(drawn, followed)
        else:
            drawn.ids.append(token)
            drawn.logprob += said[0]
            drawn.warm_logprobs.append(said[1])
            if said[0] != said[0]:
                drawn.error = NOT_A_NUMBER
            elif followed is not None and followed.plan.label_prefix is not None:
                return self._thought(row, place, followed, decoder)
            elif decoder.ends(draw, drawn.ids):
                drawn.finish = "stop"
            elif followed is not None:
                followed.saw(drawn.ids)
        full = len(drawn.ids) >= draw.room and not (followed is not None and followed.reads)
        answered = followed is not None and followed.answered(drawn.ids, draw.sampling.max_tokens)
        if drawn.error or drawn.finish == "stop" or full or answered:
            self.live.discard(place)
        return token

    @staticmethod
    def _force(drawn: Drawn, followed: ThoughtFollower) -> int:
        token = followed.forced.popleft()
        drawn.ids.append(token)
        followed.wrote(drawn.ids)
        return token

    def _thought(self, row: int, place: int, followed: ThoughtFollower, decoder: Decoder) -> int:
        """Find out whether the thought that labels stand behind is over; gives what the row goes on with."""
        draw, drawn = self.draws[place], self.drawn[place]
        token = drawn.ids[-1]
        kept = followed.kept(drawn.ids, decoder.end_ids, draw.sampling.stop)
        if kept is None:
            return token
        # the row has read all but the last of what is cut off
        read = len(drawn.ids) - kept - 1
        del drawn.ids[kept:]
        drawn.thought = kept
        hidden = read <= 0 or (decoder.rewinds and bool(followed.forced))
        if not (followed.plan.labels and hidden):
            drawn.ids += followed.forced
            self.live.discard(place)
            return token
        if read > 0:
            self.mask[row, -read:] = 0
        if read < 0:
            return token
        if followed.forced:
            return self._force(drawn, followed)
        self._read([row])
        return token

    def read_labels(self) -> None:
        """Read the labels of rows that have come to them; these are done."""
        if self._followed:
            live = (
                (row, self._followed.get(place)) for row, place in enumerate(self.rows) if place in self.live
            )
            rows = [row for row, each in live if each is not None and each.reads and not each.forced]
            if rows:
                self._read(rows)

    def _read(self, rows: Sequence[int]) -> None:
        logprobs = self.logits[list(rows)].float().log_softmax(-1)
        for row, found in zip(rows, logprobs, strict=True):
            place = self.rows[row]
            labels = tuple(found[list(self._followed[place].plan.labels)].double().tolist())
            if any(each != each for each in labels):
                self.drawn[place].error = NOT_A_NUMBER
            self.drawn[place].labels = labels
            self.live.discard(place)

    @property
    def columns(self) -> int:
        """How wide the rows are."""
        return self.mask.shape[1] if self.rows else 0

    @property
    def is_thin(self) -> bool:
        """Whether enough rows are done to pay for the copying, were they dropped."""
        return len(self.live) <= KEEP_SHARE * len(self.rows)

    def pack(self) -> torch.Tensor:
        """Drop finished rows and the columns that only they used; gives the rows that stay."""
        kept = [row for row, place in enumerate(self.rows) if place in self.live]
        index = torch.tensor(kept, dtype=torch.long, device=self.device)
        self.rows = [self.rows[row] for row in kept]
        if not kept:
            self.cache = None
            return index
        mask = self.mask[index]
        skip = int(mask.any(0).int().argmax())
        self.mask = mask[:, skip:]
        select_rows(self.cache, index, skip)
        self.knobs = knobs_of([self.draws[place].sampling for place in self.rows], self.device)
        return index


def _draws(model: Any) -> bool:
    tried = Decoder(model, frozenset({2}), str)
    return any(gap < slack(model) for gap in tried._trial_gaps().values())


def _padded(mask: torch.Tensor, width: int) -> torch.Tensor:
    return torch.nn.functional.pad(mask, (width - mask.shape[1], 0))
