"""Models that run in this process: any causal model that transformers can load."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rlaif.engines.beginnings import begun_prompts
from rlaif.engines.chat_engine import ChatEngine
from rlaif.engines.chat_template import Chat
from rlaif.engines.chat_turns import Turns
from rlaif.engines.fingerprint import model_fingerprint
from rlaif.engines.kinds import EngineOptions
from rlaif.engines.local.dtype_advice import advise_dtype
from rlaif.engines.local.generate import Decoder, Draw, Drawn
from rlaif.engines.local.load import check_vocabulary, free_accelerator, load_placed, load_tokenizer
from rlaif.engines.local.score import PromptScorer
from rlaif.engines.local.shared_prefix import ScoredPrompt
from rlaif.engines.local.thinking import budget_plan, label_plan
from rlaif.engines.unheeded import say_unbounded
from rlaif.engines.written import NO_BODY, answer_of, asked_of, thought_of
from rlaif.errors import ModelError, UnrenderedError
from rlaif.libraries.transformers import cache_argument, context_of, end_ids_of, library_changed
from rlaif.records import GenerateRequest, Generation, Sampling, Score, ScoreRequest, Usage

WINDOW = 256
"""Requests that are planned together when an endless stream comes in; also the rows of a batch at most."""


_log = logging.getLogger(__name__)


class Traced(NamedTuple):
    """A text that some engine drew: its token ids, and whether an end token came behind them."""

    messages: Turns
    ids: Sequence[int]
    ended: bool
    forced: tuple[int, int] = (0, 0)
    """From and to where `ids` were not sampled: a bounded thought was closed by them."""

    @property
    def sampled(self) -> int:
        """Tokens that the engine drew, the end token included."""
        start, stop = self.forced
        return len(self.ids) - (stop - start) + self.ended


class _Thought(NamedTuple):
    """What was written before labels."""

    drawn: Drawn
    text: str
    question: ScoredPrompt
    """The labels behind it, to be read anew where the draw has not read them."""

    @property
    def settled(self) -> bool:
        """Whether there is nothing left to read."""
        return self.drawn.labels is not None or self.drawn.error is not None


class HfEngine(ChatEngine):
    """One causal model behind the two verbs. A stream is worked off in windows, whose replies come in its order."""

    window = WINDOW
    guides_decoding = False
    """A request's schema is not used: whoever sends one checks the reply by it."""

    def __init__(
        self, name: str, model: Any, chat: Chat, *, fingerprint: str, batch_tokens: int = 16384
    ) -> None:
        self.name = name
        self.fingerprint = fingerprint
        self.chat = chat
        self.batch_tokens = batch_tokens
        self.context = context_of(model.config)
        self._scorer = PromptScorer(model, batch_tokens)
        self._decoder = Decoder(model, chat.end_ids(end_ids_of(model)), chat.decode, batch_tokens)

    def close(self) -> None:
        """Let go of the weights and of what is computed with them; a further request is an error."""
        del self._scorer, self._decoder
        free_accelerator()

    def retrace(self, drawn: Sequence[Traced]) -> list[float]:
        """log P of what was sampled, each by a pass over the whole text, as a trainer computes it.

        Tokens that were forced are read and not counted. Where several tokens may end a turn, that which this model
        thinks likeliest is taken for the one that did.
        """
        prompts = self.chat.prompt_ids([each.messages for each in drawn])
        ends = sorted(self._decoder.end_ids)
        questions: list[ScoredPrompt] = []
        whose: list[int] = []
        for place, (prompt, each) in enumerate(zip(prompts, drawn, strict=True)):
            ids, (start, stop) = list(each.ids), each.forced
            if start:
                questions.append(ScoredPrompt(prompt, [ids[:start]]))
            rest = ids[stop:]
            questions.append(
                ScoredPrompt([*prompt, *ids[:stop]], [[*rest, end] for end in ends] if each.ended else [rest])
            )
            whose += [place] * (len(questions) - len(whose))
        sums = [0.0] * len(drawn)
        for place, found in zip(whose, self._scorer.score(questions), strict=True):
            sums[place] += max(found)
        return sums

    def _generate(self, window: Sequence[GenerateRequest]) -> list[Generation]:
        if self.chat.thought_marks is None:
            say_unbounded(self.name, window)
        prompts = begun_prompts(self.chat, window, self.chat.each_prompt([asked_of(each) for each in window]))
        replies: dict[int, Generation] = {}
        draws: dict[int, Draw] = {}
        for place, (request, ids) in enumerate(zip(window, prompts, strict=True)):
            if not isinstance(ids, list) or len(ids) >= self.context or request.body:
                why = NO_BODY if request.body else self._why_no_prompt(ids)
                replies[place] = Generation(request_id=request.id, text="", finish="length", error=why)
            else:
                draws[place] = self._draw(ids, request)
        for place, drawn in zip(draws, self._decoder.draw(list(draws.values())), strict=True):
            replies[place] = self._generation(window[place], draws[place].prompt, drawn)
        return [replies[place] for place in range(len(window))]

    def _draw(self, ids: Sequence[int], request: GenerateRequest) -> Draw:
        how, seed, left = request.sampling, request.seed, self.context - len(ids)
        plan = budget_plan(self.chat, ids, how, inside=request.begins_thought)
        if plan is None:
            return Draw(tuple(ids), how, seed, min(how.max_tokens, left))
        return Draw(tuple(ids), how, seed, min(plan.room + len(plan.closing) + how.max_tokens, left), plan)

    def _generation(self, request: GenerateRequest, prompt: Sequence[int], drawn: Drawn) -> Generation:
        text = self.chat.decode(drawn.ids)
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
            finish=drawn.finish,
            token_ids=tuple(drawn.ids),
            logprob=None if drawn.error else drawn.logprob,
            usage=Usage(prompt_tokens=len(prompt), completion_tokens=len(drawn.ids)),
            error=drawn.error,
        )

    def _score(self, window: Sequence[ScoreRequest]) -> list[Score]:
        questions = self._questions(window)
        thoughts = self._thoughts(window, questions)
        fitting = {
            place: thoughts[place].question if place in thoughts else each
            for place, each in enumerate(questions)
            if isinstance(each, ScoredPrompt)
            and _longest(each) <= self.context
            and not window[place].body
            and not (place in thoughts and thoughts[place].settled)
            and not (window[place].thinking is not None and place not in thoughts)
        }
        found = dict(zip(fitting, self._scorer.score(list(fitting.values())), strict=True))
        replies = []
        for place, (request, asked) in enumerate(zip(window, questions, strict=True)):
            thought = thoughts.get(place)
            read = thought.drawn.labels if thought is not None and thought.settled else found.get(place)
            error = thought.drawn.error if thought is not None else None
            replies.append(
                Score(
                    request_id=request.id,
                    logprobs=() if error else tuple(read or ()),
                    alike=self.alike(request.continuations),
                    usage=Usage(
                        prompt_tokens=len(asked.prompt) if isinstance(asked, ScoredPrompt) else 0,
                        completion_tokens=thought.drawn.thought if thought is not None else 0,
                    ),
                    error=error or (self._why_not(request, asked) if read is None else None),
                    thought=thought.text if thought is not None else "",
                )
            )
        return replies

    def _thoughts(
        self, window: Sequence[ScoreRequest], questions: Sequence[ScoredPrompt | UnrenderedError]
    ) -> dict[int, _Thought]:
        """The thoughts of the requests that want one, with the labels behind them where the draw has read them."""
        draws: dict[int, Draw] = {}
        for place, (request, asked) in enumerate(zip(window, questions, strict=True)):
            if request.thinking is not None and isinstance(asked, ScoredPrompt) and not request.body:
                draw = self._thinking(request, request.thinking, asked)
                if draw is not None:
                    draws[place] = draw
        found: dict[int, _Thought] = {}
        if not draws:
            # a model that is only asked for scores need not be able to draw
            return found
        for place, drawn in zip(draws, self._decoder.draw(list(draws.values())), strict=True):
            asked = questions[place]
            assert isinstance(asked, ScoredPrompt)
            prompt = draws[place].prompt
            text = thought_of(self.chat, prompt, self.chat.decode(drawn.ids[: drawn.thought]))
            found[place] = _Thought(drawn, text, ScoredPrompt([*prompt, *drawn.ids], asked.answers))
        return found

    def _thinking(self, request: ScoreRequest, how: Sampling, asked: ScoredPrompt) -> Draw | None:
        """The draw of a thought; None where no room is left for one."""
        prefix = self.chat.text_ids([request.assistant_prefix])[0]
        prompt = tuple(asked.prompt[: len(asked.prompt) - len(prefix)])
        plan = label_plan(self.chat, prompt, how, request.assistant_prefix, asked.answers, self.context)
        if plan is None:
            return None
        return Draw(prompt, how, request.seed, plan.room + len(plan.closing) + len(prefix), plan)

    def _questions(self, window: Sequence[ScoreRequest]) -> list[ScoredPrompt | UnrenderedError]:
        prompts = self.chat.each_prompt([asked_of(each) for each in window])
        # the few texts that are scored (labels) come again and again
        texts = list(
            dict.fromkeys(t for each in window for t in (each.assistant_prefix, *each.continuations))
        )
        ids = dict(zip(texts, self.chat.text_ids(texts), strict=True))
        return [
            prompt
            if isinstance(prompt, UnrenderedError)
            else ScoredPrompt(prompt + ids[each.assistant_prefix], [ids[text] for text in each.continuations])
            for prompt, each in zip(prompts, window, strict=True)
        ]

    def _why_not(self, request: ScoreRequest, asked: ScoredPrompt | UnrenderedError) -> str:
        if request.body:
            return NO_BODY
        return str(asked) if isinstance(asked, UnrenderedError) else self._too_long(_longest(asked))

    def _why_no_prompt(self, ids: list[int] | str) -> str:
        return ids if isinstance(ids, str) else self._too_long(len(ids))

    def _too_long(self, tokens: int) -> str:
        return f"{tokens} tokens do not fit into the model's context of {self.context}"


def _longest(question: ScoredPrompt) -> int:
    return len(question.prompt) + max(map(len, question.answers), default=0)


def open_hf(name: str, directory: Path, options: EngineOptions) -> HfEngine:
    """The model of a checked directory."""
    tokenizer = load_tokenizer(directory, trust_remote_code=options.trust_remote_code)
    model = load_placed(
        directory,
        device=options.device,
        device_map=options.device_map,
        dtype=options.dtype,
        trust_remote_code=options.trust_remote_code,
    )
    if cache_argument(model) is None:
        # it would take the cache we hand it for nothing, and draw from the last token alone
        if broken := library_changed(cache_argument, f"{directory}: no text can be drawn"):
            raise broken
        raise ModelError(
            f"{directory}: {type(model).__name__} keeps no key-value cache, so this engine cannot draw from it; "
            "serve it and name the server: openai:<base url>#<model>@<revision>"
        )
    chat = Chat(tokenizer, dict(options.chat_template_kwargs or {}), options.thought_marks)
    check_vocabulary(directory, chat, model)
    if not tokenizer.chat_template:
        _log.warning(
            "%s: has no chat template, as base models have none: turns are written as `Human: ...`, `Assistant: ...`, "
            "and it may write on until --max-tokens cuts it; name its chat or instruct model, or save a chat_template "
            "with its tokenizer",
            directory,
        )
    advise_dtype(model)
    fingerprint = model_fingerprint(
        directory,
        options.dtype,
        options.chat_template_kwargs,
        own_code=options.trust_remote_code,
        thought_marks=options.thought_marks,
    )
    return HfEngine(name, model, chat, fingerprint=fingerprint, batch_tokens=options.batch_tokens)
