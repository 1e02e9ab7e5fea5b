"""Names of servers: several addresses, settings, model and revision; what is wrong is said."""

from __future__ import annotations

import pytest

from rlaif.costs.prices import Price, Prices
from rlaif.engines.kinds import price_of, split_name
from rlaif.engines.open import open_engine
from rlaif.engines.openai.engine import open_openai
from rlaif.engines.openai.name import Settings, parse_name, shown
from rlaif.errors import ModelError
from rlaif.secrets import cleaned


def test_a_name_has_addresses_settings_model_and_revision() -> None:
    urls, model, revision, settings = parse_name(
        "n", "http://a:1/v1,https://b/v1/?at_once=8&rpm=60&key=MY_KEY#org/model@2507"
    )
    assert urls == ("http://a:1/v1/", "https://b/v1/")
    assert (model, revision) == ("org/model", "2507")
    assert settings == Settings(at_once=8, rpm=60, key="MY_KEY")


def test_addresses_and_settings_are_no_part_of_what_a_model_is() -> None:
    def fingerprint(rest: str) -> str:
        return open_openai("n", rest, chat_template_kwargs=None).fingerprint

    one = fingerprint("http://a/v1#m@1")
    assert fingerprint("http://b/v1,http://c/v1?at_once=3&rpm=5#m@1") == one
    assert fingerprint("http://a/v1#m@2") != one
    assert fingerprint("http://a/v1#m") != one
    # votes in the place of log-probabilities that the server has are another judge than votes where it has none
    assert len({fingerprint(f"http://a/v1{how}#m@1") for how in ("", "?votes=4", "?votes=4&logprobs=0")}) == 3
    assert fingerprint("http://a/v1?logprobs=0#m@1") == one


@pytest.mark.parametrize(
    ("rest", "said"),
    [
        ("host#m@1", "a server is named as"),
        ("http://a/v1,host#m@1", "a server is named as"),
        ("http://a/v1", "a server is named as"),
        ("http://user:secret@a/v1#m@1", "a server is named as"),
        ("http://a/v1,http://a/v1/#m@1", "twice"),
        ("http://a/v1?at_onec=3#m@1", "unknown setting 'at_onec'; known settings: at_once"),
        ("http://a/v1?at_once=0#m@1", "at_once=0"),
        ("http://a/v1?rpm=many#m@1", "rpm=many"),
        ("http://a/v1?total=nan#m@1", "total=nan"),
        ("http://a/v1#@", "a server is named as"),
        ("http://a/v1#m?votes=4", "the setting votes stands behind the model"),
        ("http://a/v1#m@1?at_once=2&n=3", "settings stand before the #"),
    ],
)
def test_a_wrong_name_is_refused_with_the_reason(rest: str, said: str) -> None:
    with pytest.raises(ModelError, match=said):
        parse_name(f"openai:{rest}", rest)


@pytest.mark.parametrize(
    ("told", "model", "revision"),
    [
        ("org/model@2507", "org/model", "2507"),
        ("org/model", "org/model", ""),
        ("claude-opus-4@20250514", "claude-opus-4", "20250514"),
        ("claude-opus-4%4020250514", "claude-opus-4@20250514", ""),
        ("claude-opus-4%4020250514@r1", "claude-opus-4@20250514", "r1"),
        ("claude-opus-4@20250514@r1", "claude-opus-4@20250514", "r1"),
        ("claude-opus-4@20250514@", "claude-opus-4@20250514", ""),
        ("@cf/meta/llama-3.1-8b-instruct", "@cf/meta/llama-3.1-8b-instruct", ""),
        ("@cf/meta/llama-3.1-8b-instruct@r1", "@cf/meta/llama-3.1-8b-instruct", "r1"),
        ("@hf/thebloke/mistral-7b", "@hf/thebloke/mistral-7b", ""),
        ("a/b:free", "a/b:free", ""),
        ("ft:gpt-4o-mini:org::ab12@r1", "ft:gpt-4o-mini:org::ab12", "r1"),
        ("m#4", "m#4", ""),
        ("m%234@r1", "m#4", "r1"),
        ("what?", "what?", ""),
        ("90%", "90%", ""),
        ("a%20b", "a%20b", ""),
        ("a%2540b", "a%40b", ""),
    ],
)
def test_which_at_sign_is_the_revisions(told: str, model: str, revision: str) -> None:
    found = parse_name(f"openai:http://a/v1#{told}", f"http://a/v1#{told}")
    assert (found.model, found.revision) == (model, revision)


def test_a_revision_said_apart_leaves_the_name_whole() -> None:
    rest = "http://a/v1?revision=r1&n=2#google/gemini@20250101"
    found = parse_name(f"openai:{rest}", rest)
    assert (found.model, found.revision, found.settings.n) == ("google/gemini@20250101", "r1", 2)
    assert shown(f"openai:{rest}") == f"openai:{rest}"
    # said either way it is the same model
    other = open_openai("n", "http://a/v1#google/gemini%4020250101@r1", chat_template_kwargs=None)
    assert open_openai("n", rest, chat_template_kwargs=None).fingerprint == other.fingerprint


@pytest.mark.parametrize(
    ("rest", "asks"),
    [
        ("http://a/v1#vertex_ai/claude-3-5-sonnet@20240620", True),
        ("http://a/v1#text-bison@002", True),
        ("http://a/v1#claude-3-5-sonnet%4020240620", False),
        ("http://a/v1?revision=20240620#claude-3-5-sonnet", False),
        ("http://a/v1#m@2026-11", False),
        ("http://a/v1#m@1", False),
        ("http://a/v1#m", False),
    ],
)
def test_a_revision_that_may_be_the_names_is_asked_about(
    rest: str, asks: bool, caplog: pytest.LogCaptureFixture
) -> None:
    open_openai(f"openai:{rest}", rest, chat_template_kwargs=None)
    assert ("?revision=" in caplog.text) is asks


def test_a_price_is_found_by_the_models_own_name() -> None:
    price = Price(prompt=1.0, completion=2.0)
    prices = Prices(currency="USD", entries=(("@cf/meta/*", price),), source="test")
    assert price_of(prices, "openai:https://a/v1#@cf/meta/llama-3@r1") == price


def test_only_a_declared_revision_lets_other_runs_use_the_calls() -> None:
    kind, rest = split_name("openai:https://a/v1#@cf/meta/llama-3")
    assert not kind.declares_revision(rest)
    assert kind.declares_revision(f"{rest}@r1")


def test_what_answers_and_what_is_left_out_is_named_and_shown() -> None:
    rest = "http://h/v1?answers_as=gpt-4o-2024-08-06&omit=top_p,%20seed#m@1"
    settings = parse_name("openai:x", rest).settings
    assert settings.answers_as == "gpt-4o-2024-08-06"
    assert settings.left_out == {"top_p", "seed"}
    assert settings.identity == ("answers_as=gpt-4o-2024-08-06", "omit=top_p")
    assert Settings().identity == ()
    assert shown(f"openai:{rest}") == f"openai:{rest}"
    assert cleaned("answers as gpt-4o-2024-08-06") == "answers as gpt-4o-2024-08-06"


@pytest.mark.parametrize("named", ["messages", "top_p,max_tokens", "Temperature", "temperature;top_p"])
def test_what_cannot_be_left_out_is_refused_with_what_can(named: str) -> None:
    with pytest.raises(ModelError, match="what can be left out: temperature, top_p, top_k, min_p, seed"):
        parse_name("openai:x", f"http://h/v1?omit={named}#m")


def test_how_thoughts_are_read_and_limited_is_said_in_the_name() -> None:
    rest = "http://a/v1?thought_marks=[THINK],[/THINK]&thought_begun=1&budget_as=vllm&thought_tokens=64#m"
    settings = parse_name("openai:x", rest).settings
    assert settings.marks is not None
    assert (settings.marks.start, settings.marks.end) == ("[THINK]", "[/THINK]")
    assert settings.splits_thoughts
    assert settings.identity == (
        "budget_as=vllm",
        "thought_marks=[THINK],[/THINK]",
        "thought_begun=1",
        "thought_tokens=64",
    )
    none = parse_name("openai:x", "http://a/v1?thought_marks=none#m").settings
    assert (none.marks, none.splits_thoughts) == (None, False)


@pytest.mark.parametrize("setting", ["thought_marks=<think>", "thought_marks=,</think>", "thought_begun=2"])
def test_marks_that_are_none_are_refused(setting: str) -> None:
    with pytest.raises(ModelError, match=setting.partition("=")[0]):
        parse_name("openai:x", f"http://a/v1?{setting}#m")


def test_marks_that_are_said_beside_the_name_are_those_of_the_name() -> None:
    def opened(name: str, marks: tuple[str, str] | None = None) -> str:
        return open_engine(name, thought_marks=marks).fingerprint

    assert opened("openai:http://a/v1#m@1", ("(hm)", "(so)")) == opened(
        "openai:http://a/v1?thought_marks=(hm),(so)#m@1"
    )
    assert opened("openai:http://a/v1#m@1", ("(hm)", "(so)")) != opened("openai:http://a/v1#m@1")
    with pytest.raises(ModelError, match="say it once"):
        opened("openai:http://a/v1?thought_marks=none#m@1", ("(hm)", "(so)"))
    with pytest.raises(ModelError, match="no comma"):
        opened("openai:http://a/v1#m@1", ("(a,b)", "(so)"))
