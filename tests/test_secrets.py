"""What may not be told is found in whatever form a message has it, and nothing else is touched."""

from __future__ import annotations

import base64
import html
import json
import re
import subprocess
import sys
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlaif.errors import EngineError, InputError
from rlaif.secrets import HIDDEN, PLACEHOLDERS, cleaned, cleaned_text, hide, hide_environment

KEY = "sk-pl4nted/Key+w1th~odd=Signs_0123456789"
FORMS = {
    "as it is": KEY,
    "upper case": KEY.upper(),
    "in a header": f"Illegal header value b'Bearer {KEY}'",
    "url": quote(KEY, safe=""),
    "url, slashes kept": quote(KEY),
    "base64": base64.b64encode(KEY.encode()).decode(),
    "base64 behind Bearer": base64.b64encode(f"Bearer {KEY}".encode()).decode(),
    "base64 as user and password": base64.b64encode(f"user:{KEY}".encode()).decode(),
    "base64 for addresses": base64.urlsafe_b64encode(f"a{KEY}b".encode()).decode(),
    "hex": KEY.encode().hex(),
    "html": html.escape(f"<b>{KEY}</b>"),
    "html by number": "".join(f"&#{ord(each)};" for each in KEY),
    "json by number": json.dumps(KEY).replace("-", "\\u002d").replace("/", "\\/").replace("4", "\\u0034"),
    "python bytes": repr(KEY.encode()),
    "cut off": KEY[:20],
    "cut in front": KEY[-20:],
    "broken in two": f"{KEY[:15]}\n{KEY[15:]}",
    "twice": KEY + KEY,
}


def pieces(text: str, long: int) -> set[str]:
    return {text[place : place + long] for place in range(len(text) - long + 1)}


@pytest.mark.parametrize("said", FORMS.values(), ids=FORMS)
def test_a_secret_is_taken_out_in_whatever_form(said: str) -> None:
    hide(KEY)
    found = cleaned(f"status 400: before {said} behind")
    assert found.startswith("status 400: before ")
    assert found.endswith(" behind")
    assert HIDDEN in found
    whole = said if said in FORMS["base64"] or "base64" in said else KEY
    assert not pieces(KEY.lower(), 8) & pieces(found.lower(), 8)
    assert not pieces(whole, 16) & pieces(found, 16)


@given(st.text(max_size=60), st.integers(0, 30), st.integers(8, 40), st.text(max_size=60))
def test_eight_characters_in_a_row_are_taken_out_wherever_they_stand(
    before: str, start: int, long: int, after: str
) -> None:
    hide(KEY)
    part = KEY[start : start + long]
    found = cleaned(before + part + after)
    assert len(part) < 8 or part not in found


@given(st.text(alphabet=st.characters(exclude_categories=()), max_size=300))
def test_what_holds_no_secret_is_not_changed(text: str) -> None:
    hide("Zq7-Xv9!Kp3#Wm5&")
    assert cleaned_text(text) == text


def test_the_last_letters_may_be_shown() -> None:
    hide(KEY)
    assert cleaned(f"wrong key: sk-...{KEY[-4:]}") == f"wrong key: sk-...{KEY[-4:]}"


@pytest.mark.parametrize("word", [*PLACEHOLDERS, "EMPTY", "ollama", "none", ""])
def test_what_stands_for_no_key_is_no_secret(word: str) -> None:
    hide(word)
    assert cleaned_text(f"say {word} twice") == f"say {word} twice"


def test_what_a_model_wrote_keeps_chance_likenesses_and_loses_whole_secrets() -> None:
    hide(KEY)
    assert cleaned_text(f"{KEY[:10]} is a beginning") == f"{KEY[:10]} is a beginning"
    assert cleaned_text(f"the key is {KEY}.") == f"the key is {HIDDEN}."


def test_variables_are_hidden_by_their_names_and_addresses_by_their_passwords() -> None:
    hide_environment(
        {
            "HF_TOKEN": "hf_token_of_somebody",
            "WANDB_API_KEY": "wandb-key-of-somebody",
            "AWS_SECRET_ACCESS_KEY": "aws+secret/of+somebody",
            "HTTPS_PROXY": "http://somebody:pass/word#1@proxy:3128",
            "DATABASE_URL": "postgres://somebody:open%20sesame@db/x",
            "SSH_KEY": "/home/me/.ssh/id",
            "RLAIF_TRAIN_END_TOKEN": "<|end_of_turn|>",
            "PWD": "/home/me/project",
            "EDITOR": "something-else",
        }
    )
    told = (
        "hf_token_of_somebody wandb-key-of-somebody aws+secret/of+somebody pass/word#1 open sesame open%20sesame "
        + base64.b64encode(b"abcd:open sesame").decode()
    )
    # at the ends of base64 a letter belongs to two neighbours
    assert set(re.sub(r"YWJjZD.|\b[a-zA-Z]=+$", "", cleaned_text(told)).split()) == {HIDDEN}
    kept = "/home/me/.ssh/id <|end_of_turn|> /home/me/project something-else"
    assert cleaned(kept) == kept


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("proxy http://me:geheim@proxy:1 refused", f"proxy http://{HIDDEN}@proxy:1 refused"),
        ("got Basic bWU6Z2VoZWltMTIz", f"got Basic {HIDDEN}"),
        ("key sk-proj-abcdefgh12345678 is wrong", f"key sk-{HIDDEN} is wrong"),
        ("Basic authentication is needed", "Basic authentication is needed"),
        ("Bearer tokens are missing", "Bearer tokens are missing"),
        (
            "openai:http://host:8000/v1?n=2#org/model@2026-11",
            "openai:http://host:8000/v1?n=2#org/model@2026-11",
        ),
    ],
)
def test_a_message_loses_what_looks_like_a_secret(said: str, kept: str) -> None:
    assert cleaned(said) == kept


@pytest.mark.parametrize("error", [InputError, EngineError])
def test_an_error_of_ours_repeats_no_secret(error: type[Exception]) -> None:
    hide(KEY)
    assert KEY not in str(error(f"a library says: {KEY}"))


def test_an_unforeseen_end_is_reported_without_secrets() -> None:
    code = (
        "import threading; from rlaif.secrets import *; hide('planted-secret-1'); hide_in_tracebacks()\n"
        "def fail(): raise KeyError('it was ' + 'planted-sec' + 'ret-1')\n"
        "one = threading.Thread(target=fail); one.start(); one.join(); fail()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.count(f"KeyError: 'it was {HIDDEN}'") == 2
    assert "planted-secret-1" not in done.stderr.replace("hide('planted-secret-1')", "")
