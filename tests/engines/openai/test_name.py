"""Names of servers: several addresses, settings, model and revision; what is wrong is said."""

from __future__ import annotations

import pytest

from rlaif.engines.openai.engine import open_openai
from rlaif.engines.openai.name import Settings, parse_name
from rlaif.errors import ModelError


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
    ],
)
def test_a_wrong_name_is_refused_with_the_reason(rest: str, said: str) -> None:
    with pytest.raises(ModelError, match=said):
        parse_name(f"openai:{rest}", rest)
