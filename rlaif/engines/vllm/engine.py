"""Models that vLLM runs in this process. Owns what vLLM is asked, and in which order, so that its prefix cache hits.

Prompts are written and texts are read by the same `Chat` as for `hf`: token ids go in, token ids come out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

from rlaif.engines.base import BaseEngine
from rlaif.engines.chat_template import Chat
from rlaif.engines.local.load import free_accelerator
from rlaif.errors import EngineError
from rlaif.libraries import vllm
from rlaif.records import GenerateRequest, Generation, Score, ScoreRequest, Usage

WINDOW = 1024
"""Requests that are handed over together; within them vLLM schedules as it likes."""
Ids = tuple[int, ...]


class ScoredPlace(NamedTuple):
    """A place in a text, and the tokens whose log-probabilities are wanted there."""

    ids: Ids
    wanted: Ids


class VllmEngine(BaseEngine):
    """One causal model, with or without a LoRA adapter on it, behind the two verbs."""

    def __init__(
        self,
        name: str,
        model: Any,
        chat: Chat,
        *,
        fingerprint: str,
        eos_ids: Sequence[int],
        adapter: Any = None,
        scratch: Any = None,
    ) -> None:
        """`adapter` is vLLM's LoRARequest; `scratch` is kept as long as the engine, for files that vLLM reads late."""
        self.name = name
        self.fingerprint = fingerprint
        self.chat = chat
        self.context = vllm.context_of(model)
        self.model = model
        self._adapter = adapter
        self._scratch = scratch
        self._end_ids = chat.end_ids(eos_ids)

    def generate(self, requests: Iterable[GenerateRequest]) -> Iterator[Generation]:
        """Draw one text a request."""
        stream = iter(requests)
        while window := list(islice(stream, WINDOW)):
            yield from self._generate(window)

    def score(self, requests: Iterable[ScoreRequest]) -> Iterator[Score]:
        """Log-probabilities of the continuations, read off one token at a time behind what they have in common."""
        stream = iter(requests)
        while window := list(islice(stream, WINDOW)):
            yield from self._score(window)

    def alike(self, continuations: Sequence[str]) -> tuple[int, ...]:
        """For each continuation the place of the first that is the same tokens; empty where all differ."""
        return self.chat.alike(continuations)

    def reads(self, text: str) -> bool:
        """Whether the tokenizer knows every word of a text."""
        return self.chat.reads(text)

    def close(self) -> None:
        """End vLLM's engine and free what it holds; a further request is an error."""
        vllm.stop(self.model)
        del self.model
        if self._scratch is not None:
            self._scratch.cleanup()
        free_accelerator()

    @property
    def cache_counts(self) -> dict[str, int]:
        """vLLM's own counters of its prefix cache: tokens that were looked up (`queries`), and found (`hits`)."""
        return vllm.cache_counts(self.model)

    def _generate(self, window: Sequence[GenerateRequest]) -> list[Generation]:
        prompts = self.chat.each_prompt([each.messages for each in window])
        taken = [(each, ids) for each, ids in zip(window, prompts, strict=True) if isinstance(ids, list)]
        drawn = iter(self._draw([each for each, _ in taken], [ids for _, ids in taken]))
        return [
            next(drawn)
            if isinstance(ids, list)
            else Generation(request_id=each.id, text="", finish="length", error=str(ids))
            for each, ids in zip(window, prompts, strict=True)
        ]

    def _draw(self, window: Sequence[GenerateRequest], prompts: Sequence[list[int]]) -> list[Generation]:
        fits = [place for place, ids in enumerate(prompts) if len(ids) < self.context]
        # draws from one prompt are neighbours: the first fills the cache for the others
        order = sorted(fits, key=lambda place: prompts[place])
        outputs = self._run(
            [tuple(prompts[place]) for place in order], [self._drawing(window[place]) for place in order]
        )
        drawn = dict(zip(order, outputs, strict=True))
        return [
            self._generation(request, len(prompts[place]), drawn.get(place))
            for place, request in enumerate(window)
        ]

    def _drawing(self, request: GenerateRequest) -> Any:
        how = request.sampling
        return vllm.drawing(
            request.schema,
            temperature=how.temperature,
            top_p=how.top_p,
            top_k=how.top_k,
            min_p=how.min_p,
            max_tokens=how.max_tokens,
            stop=list(how.stop),
            stop_token_ids=sorted(self._end_ids),
            seed=request.seed & ((1 << 63) - 1),
            detokenize=bool(how.stop),
        )

    def _generation(self, request: GenerateRequest, prompt_tokens: int, output: Any) -> Generation:
        if output is None:
            return Generation(
                request_id=request.id, text="", finish="length", error=self._too_long(prompt_tokens)
            )
        one = output.outputs[0]
        ids = tuple(one.token_ids)
        kept = ids[:-1] if ids and ids[-1] in self._end_ids else ids
        text = self.chat.decode(kept)
        cuts = [found for stop in request.sampling.stop if (found := text.find(stop)) >= 0]
        return Generation(
            request_id=request.id,
            text=text[: min(cuts)] if cuts else text,
            finish="length" if one.finish_reason == "length" else "stop",
            token_ids=kept,
            logprob=float(one.cumulative_logprob),
            usage=Usage(prompt_tokens=prompt_tokens, completion_tokens=len(ids)),
            error=None if one.finish_reason in ("stop", "length") else f"vLLM ended with {one.finish_reason}",
        )

    def _score(self, window: Sequence[ScoreRequest]) -> list[Score]:
        prompts = self.chat.each_prompt([each.messages for each in window])
        taken = [(each, ids) for each, ids in zip(window, prompts, strict=True) if isinstance(ids, list)]
        scored = iter(self._scored([each for each, _ in taken], [ids for _, ids in taken]))
        return [
            next(scored) if isinstance(ids, list) else Score(request_id=each.id, logprobs=(), error=str(ids))
            for each, ids in zip(window, prompts, strict=True)
        ]

    def _scored(self, window: Sequence[ScoreRequest], prompts: Sequence[list[int]]) -> list[Score]:
        texts = list(
            dict.fromkeys(t for each in window for t in (each.assistant_prefix, *each.continuations))
        )
        ids = dict(zip(texts, map(tuple, self.chat.text_ids(texts)), strict=True))
        starts = [
            (*prompt, *ids[each.assistant_prefix]) for prompt, each in zip(prompts, window, strict=True)
        ]
        answers = [[ids[text] for text in each.continuations] for each in window]
        longest = [
            len(start) + max(map(len, own), default=0) for start, own in zip(starts, answers, strict=True)
        ]
        fits = [place for place, length in enumerate(longest) if length <= self.context]
        table = self._read(steps((starts[place], answers[place]) for place in fits))
        return [
            Score(request_id=each.id, logprobs=(), error=self._too_long(longest[place]))
            if longest[place] > self.context
            else Score(
                request_id=each.id,
                logprobs=tuple(summed(table, starts[place], answer) for answer in answers[place]),
                usage=Usage(prompt_tokens=len(starts[place])),
                alike=self.alike(each.continuations),
            )
            for place, each in enumerate(window)
        ]

    def _read(self, wanted: Sequence[ScoredPlace]) -> dict[tuple[Ids, int], float]:
        outputs = self._run([each.ids for each in wanted], [vllm.reading(each.wanted) for each in wanted])
        table = {}
        for step, output in zip(wanted, outputs, strict=True):
            for token in step.wanted:
                table[step.ids, token] = vllm.read_at(output, token)
        return table

    def _run(self, prompts: Sequence[Ids], sampling: Sequence[Any]) -> list[Any]:
        if not prompts:
            return []
        try:
            return vllm.run(self.model, prompts, sampling, self._adapter)
        except (RuntimeError, ValueError) as problem:
            reason = (str(problem).strip() or type(problem).__name__).splitlines()[0]
            raise EngineError(f"{self.name}: vLLM stopped: {reason}; what is finished is kept") from problem

    def _too_long(self, tokens: int) -> str:
        return f"{tokens} tokens do not fit into the model's context of {self.context}"


def steps(questions: Iterable[tuple[Ids, Sequence[Ids]]]) -> list[ScoredPlace]:
    """Every place at which some answer's next token is read, once, in the order that shares most.

    Answers that begin alike are read at the same places. Sorted by their tokens, texts with a common beginning are
    neighbours, and each finds the longest beginning that any before it has left in the cache.
    """
    wanted: dict[Ids, dict[int, None]] = {}
    for start, answers in questions:
        for answer in answers:
            for count, token in enumerate(answer):
                wanted.setdefault((*start, *answer[:count]), {})[token] = None
    return [ScoredPlace(ids, tuple(wanted[ids])) for ids in sorted(wanted)]


def summed(table: Mapping[tuple[Ids, int], float], start: Ids, answer: Ids) -> float:
    """log P(answer | start) from the log-probability of each of its tokens."""
    return sum(table[(*start, *answer[:count]), token] for count, token in enumerate(answer))
