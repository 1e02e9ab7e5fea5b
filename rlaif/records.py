"""The nouns: frozen values that every floor shares. No behaviour beyond identity; no heavy imports."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

from rlaif.hashing import digest

Role = Literal["system", "developer", "user", "assistant", "tool"]
Finish = Literal["stop", "length", "given"]
KEPT_IDS = 4096
"""Ids that are remembered: a record is asked for its own again and again, by neighbours in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """A call of a function that an assistant's turn asks for."""

    name: str
    arguments: str
    """JSON text, as it was written: a model's own may be broken, and is kept so."""
    id: str | None = None
    as_text: bool = field(default=False, compare=False)
    """Whether the row that it came from holds the arguments as text, as OpenAI's logs do, and not as an object."""


def repeated_call(calls: Sequence[ToolCall]) -> str | None:
    """The id that two calls of one turn share, so that no result can say which one it answers; None: none do."""
    ids = [each.id for each in calls if each.id is not None]
    return next((each for place, each in enumerate(ids) if each in ids[:place]), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One turn of a conversation."""

    role: Role
    content: str
    thought: str = ""
    """Reasoning that the assistant wrote before `content`, without the marks around it."""
    tool_calls: tuple[ToolCall, ...] = ()
    name: str | None = None
    """Of who speaks, or of the tool whose result this is."""
    tool_call_id: str | None = None
    """The call that a tool's turn answers."""
    extra: Mapping[str, Any] = field(default_factory=dict, compare=False)
    """Further keys of the row, kept for whoever wrote them; never shown to a model, and no part of any id."""

    @property
    def identity(self) -> list[Any]:
        """What a model sees of the turn, for digests: role and text, and the further fields only where they are set."""
        if not (self.thought or self.tool_calls or self.name or self.tool_call_id):
            return [self.role, self.content]  # as nearly all turns are, of millions of calls
        calls = [[each.name, each.arguments, each.id] for each in self.tool_calls]
        further = {
            "thought": self.thought,
            "tool_calls": calls,
            "name": self.name,
            "tool_call_id": self.tool_call_id,
        }
        return [self.role, self.content, {name: value for name, value in further.items() if value}]


Tools = tuple[Mapping[str, Any], ...]
"""JSON Schemas of the functions that a model may call, as servers and chat templates take them."""


_FUNCTION = {"name", "description", "parameters", "strict", "type"}


def wrapped_tool(tool: Mapping[str, Any]) -> Mapping[str, Any]:
    """A schema as servers and chat templates take it: a function that stands alone is wrapped, others stay."""
    inner = tool.get("function")
    if isinstance(inner, Mapping):
        return tool if "type" in tool else {"type": "function", **tool}
    name, alone = tool.get("name"), inner is None and tool.get("type") in (None, "function")
    if (
        isinstance(name, str)
        and name.strip()
        and alone
        and ("parameters" in tool or tool.keys() <= _FUNCTION)
    ):
        return {"type": "function", "function": {key: value for key, value in tool.items() if key != "type"}}
    return tool


def _wrap_tools(record: Prompt | Pair | Example) -> None:
    """One set of tools has one form, and so one id, whether its row or its maker wrapped it or not."""
    if record.tools:
        object.__setattr__(record, "tools", tuple(map(wrapped_tool, record.tools)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """Turns with what a chat template reads beside them."""

    messages: tuple[Message, ...]
    tools: Tools = ()
    chat_template_kwargs: Mapping[str, Any] = field(default_factory=dict)
    """Arguments of this request, before those of its engine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What a policy is asked: turns that end with the user's, or with the result of a tool."""

    messages: tuple[Message, ...]
    tools: Tools = ()
    tags: tuple[str, ...] = ()
    gold: str | None = None
    """Name of an entry point in group `rlaif.gold`, or None."""
    meta: Mapping[str, Any] = field(default_factory=dict)
    """Further columns of the row, kept for the reader; never shown to a model."""

    def __post_init__(self) -> None:
        """Wrap the functions among the tools."""
        _wrap_tools(self)

    @property
    def id(self) -> str:
        """Content id of the prompt: a digest of its turns, and of its tools where it has some."""
        if self.tools:
            return digest("prompt", [each.identity for each in self.messages], list(self.tools))
        return _prompt_id(tuple(self.messages))

    @property
    def text(self) -> str:
        """Text of the last turn, which is what the completion answers."""
        return self.messages[-1].content


@lru_cache(maxsize=KEPT_IDS)
def _prompt_id(messages: tuple[Message, ...]) -> str:
    return digest("prompt", [each.identity for each in messages])


def prompt_name(messages: Sequence[Message]) -> str:
    """Names a prompt where data are split: prompts that differ in case and blanks only have one name."""
    return digest("split", [[each.role, " ".join(each.content.casefold().split())] for each in messages])


TOGETHER = "together"
"""In the columns of prompts: those with an equal value are drawn for in one step of a reinforcement learning."""
ASKED_OF = "asked_of"
"""In the provenance of a pair that is a question about another pair: the name of that one's prompt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a completion comes from that is no plain draw from its prompt: what it was made of, and how."""

    kind: str
    """How: `revision`, `contrast`, `system`, `modified`, `canned` ..."""
    parent: str = ""
    """Id of the completion that it was made of; empty where there is none."""
    stage: int = 0
    """How many steps after the first draw: the first revision is stage 1."""
    critique: str = ""
    """What was said against the parent before it was written anew."""
    principle: str = ""
    """Id of the principle that it was made by."""
    side: str = ""
    """Where it was made to be good or bad: `good` or `bad`."""
    note: str = ""
    """Whatever else a reader must know: the affix, the other instruction, the template."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """What a policy answered to one prompt: a thought, then the answer. Equal ones to one prompt have one id.

    Of a conversation that went on before the last turn, as where tools were called, `lead` holds the earlier turns.
    """

    prompt_id: str
    text: str
    """The answer: the content of the last turn."""
    policy: str
    """Fingerprint of the model that wrote it."""
    draw: int = 0
    finish: Finish = "stop"
    token_ids: tuple[int, ...] | None = None
    """All that was sampled, the marks of a thought included, without the end token."""
    thought: str = ""
    """Reasoning before the answer, without the marks around it."""
    open_thought: bool = False
    """Whether the thought never ended, though the model ended its turn or ran out of room: there is no answer."""
    tool_calls: tuple[ToolCall, ...] = ()
    """Of the last turn."""
    lead: tuple[Message, ...] = ()
    """The turns before the last one."""
    name: str | None = None
    """Of who speaks in the last turn, where it came from a row that says it."""
    extra: Mapping[str, Any] = field(default_factory=dict, compare=False)
    """Further keys of the last turn, where it came from a row."""
    origin: Origin | None = field(default=None, compare=False)
    """What it was made of, where it is no plain draw: provenance, and no part of what it is."""

    @property
    def turns(self) -> tuple[Message, ...]:
        """The turns that it adds to its prompt, the last one the assistant's."""
        last = Message(
            role="assistant",
            content=self.text,
            thought=self.thought,
            tool_calls=self.tool_calls,
            name=self.name,
            extra=self.extra,
        )
        return (*self.lead, last)

    @property
    def id(self) -> str:
        """Digest of prompt and turns."""
        if self.thought or self.tool_calls or self.lead or self.name:
            return side_id(self.prompt_id, self.turns)
        return completion_id(self.prompt_id, self.text)


def completion_of(
    prompt_id: str, turns: Sequence[Message], *, policy: str, draw: int = 0, finish: Finish = "given"
) -> Completion:
    """The completion that adds these turns to its prompt, the last one the assistant's: its id is their `side_id`."""
    *lead, last = turns
    return Completion(
        prompt_id=prompt_id,
        text=last.content,
        policy=policy,
        draw=draw,
        finish=finish,
        thought=last.thought,
        tool_calls=last.tool_calls,
        lead=tuple(lead),
        name=last.name,
        extra=last.extra,
    )


@lru_cache(maxsize=KEPT_IDS)
def completion_id(prompt_id: str, text: str) -> str:
    """The id of a completion, by the id of its prompt and its text: whoever wrote it, in whatever draw."""
    return digest("completion", prompt_id, text)


def is_plain(turns: Sequence[Message]) -> bool:
    """Whether turns are one text of an assistant, and nothing beside it."""
    return len(turns) == 1 and turns[0].role == "assistant" and len(turns[0].identity) == 2


def side_id(prompt_id: str, turns: Sequence[Message]) -> str:
    """The id of the completion that has these turns: of one plain text that of `completion_id`."""
    if is_plain(turns):
        return completion_id(prompt_id, turns[0].content)
    return digest("completion", prompt_id, [each.identity for each in turns])


@dataclass(frozen=True, slots=True, kw_only=True)
class PrincipleTest:
    """A principle's unit test: to `prompt`, `better` follows the principle better than `worse`."""

    prompt: str
    better: str
    worse: str
    near_miss: bool = False
    """Whether `worse` looks at a glance as if it followed the principle."""
    before: tuple[Message, ...] = ()
    """Of a conversation: the turns before `prompt`, which is the user's last one."""

    @property
    def turns(self) -> tuple[Message, ...]:
        """All turns of the prompt."""
        return (*self.before, Message(role="user", content=self.prompt))


@dataclass(frozen=True, slots=True, kw_only=True)
class Principle:
    """One rule of a constitution."""

    id: str
    text: str
    critique: str | None = None
    revise: str | None = None
    weight: float = 1.0
    hard: bool = False
    applies_to: tuple[str, ...] = ()
    group: str | None = None
    """Of a lexicographic decision: principles of one group are heard together. None: heard alone."""
    tests: tuple[PrincipleTest, ...] = ()
    line: int | None = None
    """Line in the file it was read from; not part of any digest."""
    source: str = field(default="", compare=False)
    """That file, which may be one that the constitution extends."""

    @property
    def text_digest(self) -> str:
        """Digest of what a model sees; absent optional keys are not hashed."""
        seen = {"text": self.text, "critique": self.critique, "revise": self.revise}
        return digest("principle-text", {key: value for key, value in seen.items() if value is not None})

    @property
    def rule_digest(self) -> str:
        """Digest of what only the decision uses: changing it needs no judging."""
        ruled = [self.weight, self.hard, sorted(self.applies_to)]
        # a principle without a group keeps the digest that it had before there were groups
        return digest("principle-rule", ruled if self.group is None else [*ruled, self.group])


@dataclass(frozen=True, slots=True, kw_only=True)
class RubricCriterion:
    """One statement of a rubric that is true or false of a completion."""

    id: str
    text: str
    weight: float = 1.0
    """What it is worth where it is true; below 0 it names a fault."""
    hard: bool = False
    """Whether failing it outweighs every score: a fault that is there, or a merit that is missing."""
    source: str = field(default="", compare=False)
    """Where it comes from: who wrote it, of what. No part of any digest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rubric:
    """The criteria of one prompt. What changes a word, a weight or the order is another rubric, with its own digest."""

    prompt: tuple[Message, ...]
    criteria: tuple[RubricCriterion, ...]
    tools: Tools = ()
    parent: str = ""
    """Digest of the rubric that it was made of: refined, merged, pruned."""
    made: Mapping[str, Any] = field(default_factory=dict, compare=False)
    """How it came about: the writer, the templates, what it was derived from."""

    @property
    def prompt_id(self) -> str:
        """Id of the prompt that it is for."""
        return Prompt(messages=self.prompt, tools=self.tools).id

    @property
    def digest(self) -> str:
        """Digest of its criteria, in their order; of equal criteria for two prompts it is the same."""
        return rubric_digest((each.id, each.text, each.weight, each.hard) for each in self.criteria)


def rubric_digest(criteria: Iterable[tuple[str, str, float, bool]]) -> str:
    """Digest of criteria by id, text, weight and whether they are hard: the version of a rubric."""
    return digest("rubric", [[name, text, float(weight), hard] for name, text, weight, hard in criteria])


DecisionRule = Literal["log-odds", "majority", "min", "lexicographic"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decide:
    """How per-principle probabilities become one `label_prob`."""

    rule: DecisionRule = "log-odds"
    temperature: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Constitution:
    """A versioned list of principles, inheritance resolved."""

    name: str
    version: str
    title: str
    principles: tuple[Principle, ...]
    decide: Decide = field(default_factory=Decide)
    propositions: tuple[Mapping[str, Any], ...] = ()
    behaviors: Mapping[str, Any] = field(default_factory=dict)
    source: str = ""
    """The file it came from; not part of the digest."""
    decides: bool = field(default=False, compare=False)
    """Whether `decide` was said, by its file or by one that it extends; not part of the digest."""
    origin: Mapping[str, Any] = field(default_factory=dict)
    """What an import keeps so that a foreign file can be written back whole; not part of the digest."""

    @property
    def digest(self) -> str:
        """Digest of the canonical form: comments and key order do not count, one changed word does."""
        return digest(
            "constitution",
            [self.name, self.version, self.title, self.decide.rule, self.decide.temperature],
            [[p.id, p.text_digest, p.rule_digest] for p in self.principles],
            [dict(each) for each in self.propositions],
            dict(self.behaviors),
        )


class State(StrEnum):
    """What a call was read as. Only the first four carry information about the completions."""

    PREFERENCE = "preference"
    SCORE = "score"
    TIE = "tie"
    ABSTAIN = "abstain"
    UNREADABLE = "unreadable"
    JUDGE_REFUSED = "judge_refused"
    TRUNCATED = "truncated"
    TRANSPORT = "transport"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgment:
    """One reading of one question put to a judge.

    `value` is P(first listed completion is better) for PREFERENCE; for SCORE P(yes), an expected rating or a reward;
    and None for every other state: a failure is never a number.
    """

    protocol: str
    judge: str
    prompt_id: str
    completion_ids: tuple[str, ...]
    """In the order in which the judge saw them."""
    principle_id: str | None
    state: State
    value: float | None
    label_mass: float | None = None
    calls: tuple[str, ...] = ()
    """Store keys of the calls it was read from."""
    detail: str = ""
    votes: tuple[Mapping[str, Any], ...] = ()
    """Of a panel: what each judge said, `{judge, group, weight, state, p}`."""
    steps: tuple[Mapping[str, Any], ...] = ()
    """Of a process: how right each step is, `{step, turn, state, p}`, steps and turns of the completion from 1 on."""
    criteria: tuple[Mapping[str, Any], ...] = ()
    """Of a rubric: how each criterion was read, `{id, weight, state, p}`, and `hard` of those that are."""
    rubric: str = ""
    """Digest of that rubric."""

    def __post_init__(self) -> None:
        """A number belongs to exactly the states that carry one."""
        carries = self.state in (State.PREFERENCE, State.SCORE)
        if carries != (self.value is not None):
            raise ValueError(f"a judgment in state {self.state} with value {self.value}")


class NoPair(StrEnum):
    """Why a prompt gave no pair (beside the states of `State`)."""

    TIE = "tie"
    INCONSISTENT = "inconsistent"
    UNDECIDED = "undecided"
    BOTH_VIOLATE = "both_violate"
    DUPLICATE = "duplicate"
    UNREADABLE = "unreadable"
    JUDGE_REFUSED = "judge_refused"
    TRUNCATED = "truncated"
    TRANSPORT = "transport"
    ABSTAIN = "abstain"
    DRAW_FAILED = "draw_failed"


CutSide = Literal["", "chosen", "rejected"]
"""Of a pair the side that was cut off; empty: both are whole."""
_OTHER_SIDE: Mapping[CutSide, CutSide] = {"": "", "chosen": "rejected", "rejected": "chosen"}
EVEN = 0.5
"""The label probability that prefers neither side."""
_DIGITS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A preference with all that made it. `chosen` and `rejected` hold one or more turns, the last the assistant's.

    The chosen side is the better one: `label_prob` is at least one half. What is made with less, as rows of other
    people may be, says the same the other way round, and is turned as it is made. So nobody who reads `chosen` needs
    to ask which side is meant.
    """

    prompt: tuple[Message, ...]
    chosen: tuple[Message, ...]
    rejected: tuple[Message, ...]
    label_prob: float
    """P(chosen is better), from .5 to 1."""
    weight: float = 1.0
    score_gap: float | None = None
    chosen_score: float | None = None
    rejected_score: float | None = None
    principles: tuple[Mapping[str, Any], ...] = ()
    order_consistent: bool = True
    critique: str | None = None
    revision_of: str | None = None
    round: int = 0
    provenance: Mapping[str, Any] = field(default_factory=dict)
    tools: Tools = ()
    """That both sides could call."""
    truncated: CutSide = ""
    """The side that was cut off at a limit of tokens, where one was and the pair was made all the same: it may be
    rejected, but by `swapped` it can come to be chosen. Its end is nobody's, and no training learns one of it."""

    def __post_init__(self) -> None:
        """Set the better side first, and wrap the functions among the tools. Raises ValueError for no probability."""
        _wrap_tools(self)
        if not 0 <= self.label_prob <= 1:
            raise ValueError(f"a pair with label_prob {self.label_prob}; it is a probability, from 0 to 1")
        if self.label_prob < EVEN:
            turned = {**self._exchanged(), "label_prob": _complement(self.label_prob)}
            for name, value in turned.items():
                object.__setattr__(self, name, value)

    def swapped(self) -> Pair:
        """The opposite preference with the same `label_prob`: the other side is chosen.

        Everything that is said of a side, or of the order of the sides, changes places: scores and their gap, each
        principle's p, the order of the models in `provenance["policy"]`. A critique (of the rejected side) and
        `revision_of` (of the chosen one) are true of one side in its place, and are dropped. This is the only place
        where the sides of a pair change places.
        """
        return replace(self, **self._exchanged())

    def _exchanged(self) -> dict[str, Any]:
        """Everything that is said of one side or of their order, with the sides exchanged."""
        models = self.provenance.get("policy")
        both = isinstance(models, list | tuple) and len(models) == 2
        return {
            "chosen": self.rejected,
            "rejected": self.chosen,
            "score_gap": None if self.score_gap is None else -self.score_gap,
            "chosen_score": self.rejected_score,
            "rejected_score": self.chosen_score,
            "principles": tuple(
                {**each, "p": _complement(each["p"])} if each.get("p") is not None else each
                for each in self.principles
            ),
            # both are of a side in its place: what the rejected one does wrong, what the chosen one is a revision of
            "critique": None,
            "revision_of": None,
            "truncated": _OTHER_SIDE[self.truncated],
            "provenance": {**self.provenance, "policy": models[::-1]} if both and models else self.provenance,
        }

    @property
    def id(self) -> str:
        """Digest of the prompt and all turns of the two completions in sorted order: the label is not part of it."""
        turns = [each.identity for each in self.prompt]
        if is_plain(self.chosen) and is_plain(self.rejected):
            sides: list[Any] = sorted([self.chosen[0].content, self.rejected[0].content])
        else:
            sides = sorted(
                ([each.identity for each in side] for side in (self.chosen, self.rejected)), key=digest
            )
        return digest("pair", turns, sides, list(self.tools)) if self.tools else digest("pair", turns, sides)

    @property
    def completion_ids(self) -> tuple[str, str]:
        """Ids of the chosen completion and of the rejected one, by which judgments and decisions name them."""
        prompt = Prompt(messages=self.prompt, tools=self.tools).id
        return side_id(prompt, self.chosen), side_id(prompt, self.rejected)


def _complement(p: float) -> float:
    """1 - p, without the noise of the last digits, so that a row that is turned and written reads as it was made."""
    return round(1 - float(p), _DIGITS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of one call."""

    prompt_tokens: int = 0
    completion_tokens: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How text is drawn. `top_p` = 1, `top_k` = 0 and `min_p` = 0 keep the model's own distribution."""

    temperature: float = 1.0
    top_p: float = 1.0
    max_tokens: int = 256
    """Of the answer; of thought and answer together where `max_thought_tokens` is None."""
    stop: tuple[str, ...] = ()
    top_k: int = 0
    """Only so many of the likeliest tokens; 0: any."""
    min_p: float = 0.0
    """Only tokens at least this share as likely as the likeliest."""
    max_thought_tokens: int | None = None
    """Of the thought before the answer: it is ended when they are used up. None: thought and answer share one room."""

    @property
    def identity(self) -> dict[str, Any]:
        """All fields, those that came later only where they are set: digests of what was asked before stay."""
        late = {} if self.max_thought_tokens is None else {"max_thought_tokens": self.max_thought_tokens}
        names = ("temperature", "top_p", "max_tokens", "stop", "top_k", "min_p")
        return {name: getattr(self, name) for name in names} | late


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerateRequest:
    """Ask a model for text. All randomness derives from `seed` (itself derived from ids), not from the batch."""

    id: str
    messages: tuple[Message, ...]
    sampling: Sampling
    seed: int = 0
    """Of this request and draw; see `rlaif.hashing.derived_seed`."""
    draw: int = 0
    schema: Mapping[str, Any] | None = None
    """JSON Schema of the reply: an engine that guides decoding follows it, any other leaves it to the reader."""
    protocol: str = ""
    """Of a judge's request, the protocol that asks: a dry run takes its sample reply. No part of what is sent."""
    tools: Tools = ()
    chat_template_kwargs: Mapping[str, Any] = field(default_factory=dict)
    """Arguments of the chat template for the role that asks, before those of the engine."""
    body: Mapping[str, Any] = field(default_factory=dict)
    """Further fields of the request to a server, of the role that asks; other engines refuse them."""
    assistant_prefix: str = ""
    """Text with which the assistant's turn begins: the model goes on behind it, and the reply holds what it wrote."""
    begins_thought: bool = False
    """Whether that text is the beginning of its thought, behind the mark that opens one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """A model's answer to a `GenerateRequest`; `error` set means the call failed and nothing else counts."""

    request_id: str
    text: str
    """The answer, without its thought."""
    finish: Finish
    """`length` also where the room ended inside of the thought: then `text` is empty."""
    token_ids: tuple[int, ...] | None = None
    """All that was sampled, thought and marks included."""
    logprob: float | None = None
    """Sum of log-probabilities of the sampled tokens at temperature 1, end token included."""
    usage: Usage = field(default_factory=Usage)
    error: str | None = None
    thought: str = ""
    """What the model wrote between the marks of its thought, or a server gave as its reasoning."""
    open_thought: bool = False
    """Whether the thought never ended."""
    tool_calls: tuple[ToolCall, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreRequest:
    """Ask for log P(continuation | messages, start of the assistant's turn) of each continuation."""

    id: str
    messages: tuple[Message, ...]
    continuations: tuple[str, ...]
    assistant_prefix: str = ""
    """Text the assistant's turn already has; with `thinking` it stands between thought and continuation."""
    thinking: Sampling | None = None
    """How the thought is drawn that the model writes first (think, then label). It ends at the model's own mark, at a
    string of `thinking.stop`, where the model ends its turn, or after `thinking.max_tokens`; it is then closed, and
    the continuations are scored behind it and `assistant_prefix`."""
    seed: int = 0
    """Of the thought."""
    tools: Tools = ()
    chat_template_kwargs: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Answer to a `ScoreRequest`: one summed log-probability a continuation, without an end token."""

    request_id: str
    logprobs: tuple[float, ...]
    usage: Usage = field(default_factory=Usage)
    error: str | None = None
    alike: tuple[int, ...] = ()
    """For each continuation the place of the first one that is the same tokens to this model; empty: all differ.
    Equal log-probabilities say nothing of that: two spellings may be just as likely."""
    votes: int = 0
    """Sampled texts of which these are the shares; 0: they are the model's own."""
    thought: str = ""
    """What was written before the label, where that was asked for."""


class Engine(Protocol):
    """The one door to models. Both verbs take a stream and yield results as they finish, in any order."""

    @property
    def name(self) -> str:
        """The model name a user gave, e.g. `hf:models/r1`."""

    @property
    def fingerprint(self) -> str:
        """Digest of weights, adapter, dtype and template; equal means interchangeable."""

    def generate(self, requests: Iterable[GenerateRequest]) -> Iterator[Generation]:
        """Draw one text a request."""

    def score(self, requests: Iterable[ScoreRequest]) -> Iterator[Score]:
        """Score given continuations; a common token prefix of neighbouring requests is computed once."""


class Gold(Protocol):
    """A programmatic truth that no judge sees (entry-point group `rlaif.gold`)."""

    def grade(
        self, prompt: Prompt, completion: str, principles: Sequence[Principle]
    ) -> Mapping[str, bool | None]:
        """For each principle id: satisfied, violated, or None where it does not apply or cannot be graded."""


class Reward(Protocol):
    """A number for a completion: a judge, a reward model, a rule. Injected by workflows."""

    def rewards(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> Sequence[float | None]:
        """One reward a completion; None where there is none (a failure is never a number)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One column of a step's rewards: what one judge, model, rule or function said of every rollout."""

    name: str
    weight: float
    hard: bool
    """A condition, and no addend of the sum."""
    values: tuple[float | None, ...]
    """One a rollout; None where there is none (a failure is never a number)."""
    silent: tuple[bool, ...] = ()
    """Of which rollouts it has nothing to say, as a program that finds nothing to check: None, and no failure.
    Empty: of none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredGroups:
    """The rewards of a step's rollouts, flattened in the order of their groups."""

    totals: tuple[float | None, ...]
    """One a rollout; None where there is none."""
    components: tuple[Component, ...] = ()
    """What the totals were made of."""
    additive: bool = False
    """Whether a total is the weighted sum of its components, conditions apart: then one that failed is missing in
    itself alone, and the others are compared as if it never failed."""


class GroupReward(Protocol):
    """Rewards of whole groups: the completions of one prompt are seen together. Injected by workflows."""

    @property
    def fingerprint(self) -> str:
        """Digest of all that decides what it gives; part of a training's identity."""

    def score(
        self, prompts: Sequence[Prompt], groups: Sequence[Sequence[Completion]], *, step: int, seed: int
    ) -> ScoredGroups:
        """The rewards of the completions of each prompt; `step` and `seed` decide what is left out at random."""


@runtime_checkable
class ReachedReward(Protocol):
    """A `GroupReward` that can find out, before the first rollout, that it will be answered."""

    def reach(self) -> None:
        """Raise EngineError, InputError where somebody whom it asks cannot be asked."""


class Evaluator(Protocol):
    """How good a policy is now (a win rate, gold); injected into training for early stop."""

    def evaluate(self, step: int) -> Mapping[str, float]:
        """Named figures at this step."""


AlarmAction = Literal["warn", "stop", "back"]
"""What a training does when its alarm rings: go on and say so, stop, or end with the weights of before."""


class AlarmReading(NamedTuple):
    """What an alarm read of a policy."""

    figures: Mapping[str, float] = {}
    rings: str = ""
    """Why it rings, in a sentence; empty where all is well."""
    best: bool = False
    """Whether these are the best weights so far, those to go back to."""
    best_step: int = 0
    """After which the best weights so far were those of the training; 0: before its first step."""


class Alarm(Protocol):
    """Says when a policy exploits its reward, without gold; injected into training."""

    @property
    def do(self) -> AlarmAction:
        """What follows when it rings."""

    @property
    def every(self) -> int:
        """Steps between two looks."""

    @property
    def fingerprint(self) -> str:
        """Digest of all that decides when it rings: where it takes weights back, part of a training's identity."""

    def begin(self, done: int) -> AlarmReading:
        """What stands after so many steps; what was read of later ones is forgotten."""

    def look(self, step: int, policy: Path) -> AlarmReading:
        """Read the policy in a model directory, as it is after `step` steps."""


RIGHT_STEP, WRONG_STEP = "right-step", "wrong-step"
"""Kinds of examples that end where a step of an answer does; its label is the share of their weight that is right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A conversation whose last turn, the assistant's, is to be learned (SFT, replay of judge examples)."""

    messages: tuple[Message, ...]
    tools: Tools = ()
    kind: str = ""
    """Where it belongs, for counts: `judge`, `revision` ..."""
    weight: float = 1.0
    """How much it counts beside others."""
    learned: int = 1
    """How many of the last turns make up what is learned: the assistant's among them are."""
    teacher: tuple[Message, ...] = ()
    """What a teacher is shown in the place of the turns before the learned ones (distillation); empty: the same."""

    def __post_init__(self) -> None:
        """Wrap the functions among the tools."""
        _wrap_tools(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Featured:
    """An answer of a known class as rule-based rewards are fitted to it: `base` + sum of weight x feature."""

    prompt_id: str
    completion_id: str
    kind: str
    """Of answer that the prompt wants; each kind has its own weights."""
    label: str
    """The class that the answer is in."""
    features: Mapping[str, float]
    """By proposition or class: how probably it is true."""
    base: float = 0.0
    """What the reward model gives that the rules are added to."""
