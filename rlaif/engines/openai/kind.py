"""The model kind `openai:`: a model behind one or more OpenAI-compatible servers."""

from __future__ import annotations

from rlaif.engines.kinds import EngineOptions, ModelKind
from rlaif.engines.openai.meant import meant_server
from rlaif.records import Engine


def _open(name: str, rest: str, options: EngineOptions) -> Engine:
    from rlaif.engines.openai.engine import open_openai

    return open_openai(
        name, rest, chat_template_kwargs=options.chat_template_kwargs, thought_marks=options.thought_marks
    )


def _writes_thoughts(name: str, rest: str, options: EngineOptions) -> bool:
    from rlaif.engines.openai.engine import writes_thoughts
    from rlaif.engines.openai.name import parse_name, shown, with_marks

    settings = with_marks(shown(name), parse_name(name, rest).settings, options.thought_marks)
    return writes_thoughts(settings, options.chat_template_kwargs or {})


def _declares_revision(rest: str) -> bool:
    from rlaif.engines.openai.name import model_and_revision

    return bool(model_and_revision(rest)[1])


def _served_model(rest: str) -> str:
    from rlaif.engines.openai.name import model_and_revision

    return model_and_revision(rest)[0]


def _writes_verdicts(name: str, rest: str, wanted: bool) -> bool:
    """Where that is wanted, or the server tells no log-probabilities; sampled votes (`?votes=`) read labels too."""
    from rlaif.engines.openai.name import parse_name

    settings = parse_name(name, rest).settings
    return not settings.votes and (wanted or not settings.logprobs)


def _scores_texts(name: str, rest: str) -> bool:
    """Where the name does not say that the server tells no log-probabilities."""
    from rlaif.engines.openai.name import parse_name

    return bool(parse_name(name, rest).settings.logprobs)


def _begins_answers(name: str, rest: str) -> bool:
    """Where the name says that the server goes on with an assistant's turn."""
    from rlaif.engines.openai.name import parse_name

    return bool(parse_name(name, rest).settings.continues)


def _check(name: str, rest: str) -> None:
    from rlaif.engines.openai.key import key_of
    from rlaif.engines.openai.name import parse_name

    key_of(parse_name(name, rest).settings.key)


KINDS = (
    ModelKind(
        name="openai",
        help="a model behind servers: openai:<base url>[,<base url>][?setting=value]#<model>[@<revision>]",
        open=_open,
        server=True,
        declares_revision=_declares_revision,
        served_model=_served_model,
        writes_verdicts=_writes_verdicts,
        scores_texts=_scores_texts,
        begins_answers=_begins_answers,
        writes_thoughts=_writes_thoughts,
        check=_check,
        meant=meant_server,
    ),
)
