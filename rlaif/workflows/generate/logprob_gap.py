"""The gap between the sampler's and the trainer's log-probabilities of the same completions (`--drift`).

One model in two runtimes, or in two number formats, is two distributions. A trainer that takes the sampler's
log-probabilities for its own starts from importance ratios other than 1, so the gap is measured where the completions
are drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from rlaif.engines.kinds import EngineOptions, split_name
from rlaif.engines.local.kind import open_causal
from rlaif.errors import ModelError
from rlaif.feedback.sample import drawing
from rlaif.feedback.system_turn import SystemTurn
from rlaif.hashing import derived_seed
from rlaif.records import (
    Completion,
    Conversation,
    GenerateRequest,
    Generation,
    Prompt,
    Sampling,
    ScoreRequest,
)
from rlaif.workflows.configs import GenerateConfig
from rlaif.workflows.models.pool import ModelPool

if TYPE_CHECKING:
    from rlaif.engines.local.engine import HfEngine, Traced

UNLIKE = (
    "its bounded thoughts were closed by other tokens than its chat template writes, so that nobody knows "
    "which tokens it sampled; draw without --max-thought-tokens"
)
NO_TOKENS = (0, 0)
Drawn = Sequence[tuple[Prompt, Completion]]
Asked = Callable[[Prompt, Completion], GenerateRequest]
"""The request by which a completion was drawn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogprobGap:
    """|log P by the sampler - log P by the trainer| of whole completions, in nats; None where `why` says why not."""

    policy: str
    trainer: str | None
    completions: int = 0
    tokens: int = 0
    mean_abs: float | None = None
    max_abs: float | None = None
    per_token: float | None = None
    """The sum of the gaps over the tokens of all completions, end tokens included."""
    why: str | None = None

    @property
    def line(self) -> str:
        """The gap in one line for people."""
        if self.mean_abs is None:
            return f"sampler-trainer drift of {self.policy}: not measured: {self.why}"
        return (
            f"sampler-trainer drift of {self.policy} against {self.trainer}: |delta log-prob| {self.mean_abs:.2g} a "
            f"completion ({self.per_token:.2g} a token), at most {self.max_abs:.2g}, over {self.completions}"
        )

    def as_dict(self) -> dict[str, object]:
        """Return the gap as run.json and `--json` hold it."""
        return asdict(self)


def trainer_of(policy: str, trainer: str | None) -> str | None:
    """The model whose log-probabilities a policy's are compared with; None where nobody knows its weights.

    Raises ModelError for a named trainer that no trainer could load.
    """
    kind, rest = split_name(trainer or policy)
    if kind.causal:
        return rest
    if trainer is not None:
        raise ModelError(
            f"--trainer {trainer}: has no weights here to train; name a model directory (hf:DIR)"
        )
    return None


def logprob_gaps(
    models: ModelPool,
    config: GenerateConfig,
    drawn: Drawn,
    sampling: Sampling,
    system: SystemTurn | None = None,
) -> list[LogprobGap]:
    """The gap of each policy on `config.drift` of its completions, whose sampled log-probabilities the store holds.

    `models` are those in the policy's role, `system` the turn under which was drawn.
    """
    if config.drift == 0:
        return []

    def request(prompt: Prompt, each: Completion) -> GenerateRequest:
        return drawing(prompt, each.draw, sampling, config.seed, system)

    return [_of_policy(models, config, policy, drawn, request) for policy in config.policy]


def _of_policy(
    models: ModelPool, config: GenerateConfig, policy: str, drawn: Drawn, request: Asked
) -> LogprobGap:
    trainer = trainer_of(policy, config.trainer)
    if trainer is None:
        why = "its weights are not here; name the model that will be trained with --trainer"
        return LogprobGap(policy=policy, trainer=None, why=why)
    engine = _trainer(models, policy, trainer)
    told, traced, unlike = [], [], 0
    for asked, each in _recorded(models, config, policy, drawn, request):
        logprob, ended = each.logprob, each.finish == "stop"
        if logprob is None:
            logprob, ended = _asked(models, policy, asked, each), False
        turns = _turns(asked, models.requests(policy).chat_template_kwargs)
        if logprob is None or not engine.takes(turns):
            continue
        if (forced := _forced(models, policy, turns, asked, each)) is None:
            unlike += 1
            continue
        told.append(logprob)
        traced.append(_traced(engine, turns, each, ended, forced))
    if not told:
        why = UNLIKE if unlike else "it tells no log-probabilities of what it writes"
        return LogprobGap(policy=policy, trainer=trainer, why=why)
    gaps = [abs(theirs - own) for theirs, own in zip(told, engine.retrace(traced), strict=True)]
    tokens = sum(each.sampled for each in traced)
    return LogprobGap(
        policy=policy,
        trainer=trainer,
        completions=len(gaps),
        tokens=tokens,
        mean_abs=sum(gaps) / len(gaps),
        max_abs=max(gaps),
        per_token=sum(gaps) / max(1, tokens),
    )


def _recorded(
    models: ModelPool, config: GenerateConfig, policy: str, drawn: Drawn, request: Asked
) -> list[tuple[GenerateRequest, Generation]]:
    """The policy's recorded answers, for a sample of its completions that is drawn by their ids."""
    engine = models.writer(policy)
    own = [(prompt, each) for prompt, each in drawn if each.policy == engine.fingerprint]
    own.sort(key=lambda each: derived_seed(config.seed, "drift", each[1].id, each[1].draw))
    some = own[: config.drift]
    requests = [request(prompt, each) for prompt, each in some]
    keys = [engine.key(each) for each in requests]
    replies = engine.store.get_many(keys, [each.id for each in requests])
    pairs = [(asked, replies.get(key)) for asked, key in zip(requests, keys, strict=True)]
    return [(asked, each) for asked, each in pairs if isinstance(each, Generation)]


def _turns(asked: GenerateRequest, kwargs: Mapping[str, Any]) -> Any:
    """What was asked, as a chat takes it: turns, with tools and the role's template arguments where there are some."""
    if not asked.tools and not kwargs:
        return asked.messages
    return Conversation(messages=asked.messages, tools=asked.tools, chat_template_kwargs=kwargs)


def _asked(models: ModelPool, policy: str, asked: GenerateRequest, drawn: Generation) -> float | None:
    """The log-probability by which a server scores a text that it drew without giving one; None where it gives none."""
    if not split_name(policy)[0].server or len(drawn.text.split()) < 2:
        return None  # one word is read as a label, among the likeliest of which it may not be
    if drawn.thought:
        return None  # how the server writes a thought around its text is not known
    request = ScoreRequest(
        id=f"drift|{drawn.request_id}",
        messages=asked.messages,
        continuations=(drawn.text,),
        tools=asked.tools,
    )
    # one at a time: it is the log-probabilities of a prompt that are asked for, which servers stand badly
    (score,) = models.writer(policy).score([request])
    return score.logprobs[0] if score.error is None else None


def _trainer(models: ModelPool, policy: str, trainer: str) -> HfEngine:
    """The trainer's model in float32, as it is trained; the policy's own where it is that already."""
    from rlaif.engines.local.engine import HfEngine

    opened = models.opened(policy)
    same = trainer_of(policy, None) == trainer and (models.role.dtype or models.options.dtype) == "float32"
    if same and isinstance(opened, HfEngine):
        return opened
    elsewhere = split_name(policy)[0].fills_accelerator
    options = EngineOptions(
        device="cpu" if elsewhere else models.options.device,
        device_map=None if elsewhere else models.options.device_map,
        chat_template_kwargs=models.options.chat_template_kwargs or None,
        trust_remote_code=models.options.trust_remote_code,
        batch_tokens=models.options.batch_tokens,
    )
    return open_causal(trainer, trainer, options)


def _traced(engine: HfEngine, turns: Any, drawn: Generation, ended: bool, forced: tuple[int, int]) -> Traced:
    from rlaif.engines.local.engine import Traced

    # a server that gives no token ids: the text's own tokens stand for them
    ids = drawn.token_ids if drawn.token_ids is not None else engine.chat.text_ids([drawn.text])[0]
    return Traced(turns, ids, ended, forced)


def _forced(
    models: ModelPool, policy: str, turns: Any, asked: GenerateRequest, drawn: Generation
) -> tuple[int, int] | None:
    """Which tokens of a completion closed its bounded thought, from and to; None where nobody can tell."""
    from rlaif.engines.chat_template import Chat
    from rlaif.engines.local.load import load_counting_tokenizer
    from rlaif.engines.local.thinking import budget_plan, forced_stretch

    how = models.requests(policy).sampling(asked.sampling)
    kind, rest = split_name(policy)
    if how.max_thought_tokens is None or drawn.token_ids is None or kind.directory is None:
        return NO_TOKENS
    # the policy's own, as the trainer's may close thoughts otherwise
    tokenizer = load_counting_tokenizer(
        kind.directory(rest), trust_remote_code=models.options.trust_remote_code
    )
    chat = Chat(tokenizer, models.options.chat_template_kwargs, models.role.marks)
    plan = budget_plan(chat, chat.prompt_ids([turns])[0], how)
    return NO_TOKENS if plan is None else forced_stretch(plan, drawn.token_ids, chat.decode)
