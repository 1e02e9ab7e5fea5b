"""Models that vLLM runs in this process. Owns what vLLM is asked, and in which order, so that its prefix cache hits.

Prompts are written and texts are read by the same `Chat` as for `hf`: token ids go in, token ids come out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any, NamedTuple

from rlaif.engines.base import BaseEngine
from rlaif.engines.beginnings import begun_prompts
from rlaif.engines.chat_template import Chat
from rlaif.engines.local.load import free_accelerator
from rlaif.engines.local.thinking import ThoughtFollower, ThoughtPlan, budget_plan, label_plan
from rlaif.engines.unheeded import say_unbounded
from rlaif.engines.written import NO_BODY, answer_of, asked_of, thought_of
from rlaif.errors import EngineError
from rlaif.hashing import derived_seed
from rlaif.libraries import vllm
from rlaif.records import GenerateRequest, Generation, Sampling, Score, ScoreRequest, Usage

WINDOW = 1024
"""Requests that are handed over together; within them vLLM schedules as it likes."""
Ids = tuple[int, ...]


class ScoredPlace(NamedTuple):
    """A place in a text, and the tokens whose log-probabilities are wanted there."""

    ids: Ids
    wanted: Ids


class _Text(NamedTuple):
    """What one call drew."""

    ids: Ids
    """Without an end token."""
    logprob: float
    why: str
    """It ended, in vLLM's word."""
    ended: bool
    """Whether by an end token."""


class _Before(NamedTuple):
    """A thought that was drawn for itself, and what closes it."""

    ids: Ids
    text: _Text
    goes_on: bool
    """Whether an answer is to be drawn behind it."""


class _BeforeLabels(NamedTuple):
    """A prompt with the thought behind it, up to where a label stands."""

    start: Ids
    text: str
    sampled: int


_NOTHING = _Before((), _Text((), 0.0, "length", False), True)


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

    def marks_thoughts(self) -> bool:
        """Whether the template or the tokenizer tells of marks."""
        return self.chat.thought_marks is not None

    def reads(self, text: str) -> bool:
        """Whether the tokenizer knows every word of a text."""
        return self.chat.reads(text)

    def spell(self, token_ids: Sequence[int]) -> str:
        """The text of what was sampled, marks of a thought included."""
        return self.chat.decode(token_ids)

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
        if self.chat.thought_marks is None:
            say_unbounded(self.name, window)
        prompts = self._prompts(window)
        prompts = [
            ids if isinstance(ids, str) else self._begun(each, ids)
            for each, ids in zip(window, prompts, strict=True)
        ]
        taken = [(each, ids) for each, ids in zip(window, prompts, strict=True) if isinstance(ids, list)]
        drawn = iter(self._draw([each for each, _ in taken], [ids for _, ids in taken]))
        return [
            next(drawn)
            if isinstance(ids, list)
            else Generation(request_id=each.id, text="", finish="length", error=str(ids))
            for each, ids in zip(window, prompts, strict=True)
        ]

    def _prompts(self, window: Sequence[GenerateRequest | ScoreRequest]) -> list[list[int] | str]:
        """The ids of each prompt, or why there are none."""
        found = self.chat.each_prompt([asked_of(each) for each in window])
        return [
            NO_BODY if each.body else ids if isinstance(ids, list) else str(ids)
            for each, ids in zip(window, found, strict=True)
        ]

    def _begun(self, request: GenerateRequest, ids: list[int]) -> list[int] | str:
        return begun_prompts(self.chat, [request], [ids])[0]

    def _draw(self, window: Sequence[GenerateRequest], prompts: Sequence[list[int]]) -> list[Generation]:
        fits = [place for place, ids in enumerate(prompts) if len(ids) < self.context]
        # draws from one prompt are neighbours: the first fills the cache for the others
        order = sorted(fits, key=lambda place: prompts[place])
        thoughts = self._first_thoughts(window, prompts, order)
        fresh = [place for place in order if place not in thoughts or thoughts[place].goes_on]
        asked: dict[int, tuple[Ids, Any]] = {}
        for place in fresh:
            before, request = thoughts.get(place, _NOTHING), window[place]
            ids = (*prompts[place], *before.ids)
            if (room := min(request.sampling.max_tokens, self.context - len(ids))) > 0:
                seed = derived_seed(request.seed, "answer") if before.ids else request.seed
                most = room if before.ids else request.sampling.max_tokens
                asked[place] = (ids, self._drawing(request, most, seed))
        outputs = self._run([ids for ids, _ in asked.values()], [how for _, how in asked.values()])
        drawn = {place: self._read_text(output) for place, output in zip(asked, outputs, strict=True)}
        return [
            self._generation(request, prompts[place], thoughts.get(place, _NOTHING), drawn.get(place))
            if place in fits
            else Generation(
                request_id=request.id, text="", finish="length", error=self._too_long(len(prompts[place]))
            )
            for place, request in enumerate(window)
        ]

    def _first_thoughts(
        self, window: Sequence[GenerateRequest], prompts: Sequence[list[int]], order: Sequence[int]
    ) -> dict[int, _Before]:
        """The thoughts of requests that bound them, closed where they had to be. Who does not think is left out."""
        plans = {
            place: budget_plan(
                self.chat, prompts[place], window[place].sampling, inside=window[place].begins_thought
            )
            for place in order
        }
        bounded = {place: plan for place, plan in plans.items() if plan is not None}
        outputs = self._think(
            [(tuple(prompts[place]), window[place].sampling, window[place].seed) for place in bounded],
            list(bounded.values()),
        )
        found = {}
        for (place, plan), output in zip(bounded.items(), outputs, strict=True):
            text = self._read_text(output)
            follower = ThoughtFollower(plan, self.chat.decode)
            for count in range(1, len(text.ids) + 1):
                follower.saw(text.ids[:count])
            said = self.chat.decode(text.ids)
            # it ended of itself, by its end token or a string of the request
            done = text.ended or any(each in said for each in window[place].sampling.stop)
            if done or follower.ended:
                found[place] = _Before((*text.ids, *follower.forced), text, goes_on=not done)
        return found

    def _think(self, asked: Sequence[tuple[Ids, Sampling, int]], plans: Sequence[ThoughtPlan]) -> list[Any]:
        """Draw thoughts up to their end marks; those of no room are none, and have no output."""
        wanted = [
            (ids, self._drawn_by(None, how, seed, plan))
            for (ids, how, seed), plan in zip(asked, plans, strict=True)
            if plan.room > 0
        ]
        outputs = iter(self._run([ids for ids, _ in wanted], [how for _, how in wanted]))
        return [next(outputs) if plan.room > 0 else None for plan in plans]

    def _drawing(self, request: GenerateRequest, most: int, seed: int) -> Any:
        return self._drawn_by(request.schema, replace(request.sampling, max_tokens=most), seed, None)

    def _drawn_by(
        self, schema: Mapping[str, Any] | None, how: Sampling, seed: int, plan: ThoughtPlan | None
    ) -> Any:
        marks = plan.marks if plan is not None else None
        stop = [*how.stop, *([marks.end] if marks is not None else [])]
        return vllm.drawing(
            schema,
            temperature=how.temperature,
            top_p=how.top_p,
            top_k=how.top_k,
            min_p=how.min_p,
            max_tokens=how.max_tokens if plan is None else plan.room,
            stop=stop,
            stop_token_ids=sorted(self._end_ids),
            seed=seed & ((1 << 63) - 1),
            detokenize=bool(stop),
        )

    def _read_text(self, output: Any) -> _Text:
        if output is None:
            return _Text((), 0.0, "length", False)
        one = output.outputs[0]
        ids = tuple(one.token_ids)
        ended = bool(ids) and ids[-1] in self._end_ids
        kept = ids[:-1] if ended else ids
        return _Text(kept, float(one.cumulative_logprob), str(one.finish_reason), ended)

    def _generation(
        self, request: GenerateRequest, prompt: Sequence[int], before: _Before, last: _Text | None
    ) -> Generation:
        if last is None:
            # nothing was drawn behind the thought: it ended the turn, or filled the context
            last, ids = before.text, before.ids
        else:
            ids = (*before.ids, *last.ids)
        text = self.chat.decode(ids)
        cuts = [found for stop in request.sampling.stop if (found := text.find(stop)) >= 0]
        return Generation(
            request_id=request.id,
            **answer_of(
                self.chat,
                prompt,
                text[: min(cuts)] if cuts else text,
                request.tools,
                begun=request.begins_thought,
            ),
            finish="length" if last.why == "length" or (last is before.text and before.goes_on) else "stop",
            token_ids=ids,
            logprob=last.logprob if last is before.text else before.text.logprob + last.logprob,
            usage=Usage(prompt_tokens=len(prompt), completion_tokens=len(ids) + last.ended),
            error=None if last.why in ("stop", "length") else f"vLLM ended with {last.why}",
        )

    def _score(self, window: Sequence[ScoreRequest]) -> list[Score]:
        prompts = self._prompts(window)
        taken = [(each, ids) for each, ids in zip(window, prompts, strict=True) if isinstance(ids, list)]
        scored = iter(self._scored([each for each, _ in taken], [ids for _, ids in taken]))
        return [
            next(scored) if isinstance(ids, list) else Score(request_id=each.id, logprobs=(), error=ids)
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
        thoughts = self._thoughts(window, prompts, answers)
        asked = [len(start) for start in starts]
        starts = [thoughts[place].start if place in thoughts else start for place, start in enumerate(starts)]
        longest = [
            len(start) + max(map(len, own), default=0) for start, own in zip(starts, answers, strict=True)
        ]
        thinks = [each.thinking is not None for each in window]
        fits = [
            place
            for place, length in enumerate(longest)
            if length <= self.context and (place in thoughts or not thinks[place])
        ]
        table = self._read(steps((starts[place], answers[place]) for place in fits))
        return [
            Score(
                request_id=each.id,
                logprobs=tuple(summed(table, starts[place], answer) for answer in answers[place]),
                usage=Usage(
                    prompt_tokens=asked[place],
                    completion_tokens=thoughts[place].sampled if place in thoughts else 0,
                ),
                alike=self.alike(each.continuations),
                thought=thoughts[place].text if place in thoughts else "",
            )
            if place in fits
            else Score(request_id=each.id, logprobs=(), error=self._too_long(longest[place]))
            for place, each in enumerate(window)
        ]

    def _thoughts(
        self, window: Sequence[ScoreRequest], prompts: Sequence[list[int]], answers: Sequence[Sequence[Ids]]
    ) -> dict[int, _BeforeLabels]:
        """The thoughts of the requests that want one, closed, with what stands before the label."""
        plans: dict[int, tuple[Sampling, ThoughtPlan]] = {}
        for place, each in enumerate(window):
            if each.thinking is not None:
                plan = label_plan(
                    self.chat,
                    prompts[place],
                    each.thinking,
                    each.assistant_prefix,
                    answers[place],
                    self.context,
                )
                if plan is not None:
                    plans[place] = (each.thinking, plan)
        outputs = self._think(
            [(tuple(prompts[place]), how, window[place].seed) for place, (how, _) in plans.items()],
            [plan for _, plan in plans.values()],
        )
        found = {}
        for (place, (how, plan)), output in zip(plans.items(), outputs, strict=True):
            follower, ids = ThoughtFollower(plan, self.chat.decode), tuple(output.outputs[0].token_ids)
            kept = next(
                (
                    kept
                    for count in range(1, len(ids) + 1)
                    if (kept := follower.kept(ids[:count], self._end_ids, how.stop)) is not None
                ),
                None,
            )
            if kept is None:
                why = output.outputs[0].finish_reason
                raise EngineError(f"{self.name}: vLLM ended a thought with {why}; what is finished is kept")
            text = thought_of(self.chat, prompts[place], self.chat.decode(ids[:kept]))
            start = (*prompts[place], *ids[:kept], *follower.forced)
            found[place] = _BeforeLabels(start, text, len(ids))
        return found

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
