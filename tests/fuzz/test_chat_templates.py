"""Chat templates with a part changed, and such as are put together at random: written or refused, soon and as ours."""

from __future__ import annotations

import random
import time
from typing import Any

import pytest

from rlaif.engines.chat_template import Chat
from rlaif.errors import RlaifError
from rlaif.records import Message
from tests.engines.tiny import TEMPLATES, make_tokenizer

from .fuzzing import cases, mutated

pytestmark = pytest.mark.heavy
SOON = 60.0
"""Seconds: the limits of a template are some ten."""
VALUES = (
    "messages", "messages[0]", "messages[0]['content']", "messages[-1].role", "1", "0", "99999", "-1", "10**9", "1e300",
    "''", "'a'", "'a' * 99999", "'%s'", "'{:>9}'", "'\t'", "range(99999)", "[]", "[1, 'a']", "{'a': 1}", "none", "true",
    "undefined", "bos_token", "namespace(x=1)", "cycler('a', 'b')", "loop", "joiner(',')", "dict", "self",
)  # fmt: skip
FILTERS = (
    "join", "center(99999)", "indent(9999)", "replace('a', 'b' * 9999)", "tojson", "tojson(indent=4)", "list", "length",
    "string", "trim", "upper", "title", "wordwrap(1)", "urlize", "striptags", "format(1)", "batch(3)", "slice(3)",
    "sort", "unique", "groupby('role')", "map('string')", "map(attribute='content')", "selectattr('role')", "sum",
    "first", "last", "reverse", "random", "xmlattr", "pprint", "int", "round(9)", "abs", "attr('format')", "items",
    "dictsort", "min", "max", "filesizeformat", "truncate(9)", "wordcount", "default('x')", "escape", "safe",
)  # fmt: skip
CALLS = (
    ".format({0})", ".join({0})", ".replace('a', {0})", ".split({0})", ".center({0})", ".ljust({0})", ".zfill({0})",
    ".expandtabs({0})", ".translate({0})", ".strip({0})", ".format_map({0})", ".encode()", ".__class__", ".items()",
    "[{0}]", "[::-1]", "[1:]", "({0})", ".to_bytes({0}, 'big')", ".next()", ".x", " * {0}", " + {0}", " ~ {0}",
    " ** {0}", " % {0}", " // {0}", " in {0}", " == {0}", " is defined", " is string", " and {0}", " if {0} else 1",
)  # fmt: skip


def value(rng: random.Random, depth: int = 0) -> str:
    found = rng.choice(VALUES)
    for _ in range(rng.randrange(4)):
        if rng.random() < 0.4:
            found = f"({found} | {rng.choice(FILTERS)})"
        elif depth < 3:
            found = f"({found}{rng.choice(CALLS).format(value(rng, depth + 1))})"
    return found


def block(rng: random.Random, depth: int = 0) -> str:
    inner = block(rng, depth + 1) if depth < 4 and rng.random() < 0.7 else ""
    match rng.randrange(9):
        case 0:
            return f"{{% for x in {value(rng)} %}}{inner}{{{{ x }}}}{{% endfor %}}"
        case 1:
            return f"{{% for x in {value(rng)} if {value(rng)} recursive %}}{inner}{{{{ loop(x) }}}}{{% endfor %}}"
        case 2:
            return f"{{% if {value(rng)} %}}{inner}{{% else %}}{value(rng)}{{% endif %}}"
        case 3:
            return (
                f"{{% set ns = namespace(x={value(rng)}) %}}{{% for i in range(99) %}}{{% set ns.x = {value(rng)} %}}"
                f"{inner}{{% endfor %}}{{{{ ns.x }}}}"
            )
        case 4:
            body = f"{inner}{{{{ a }}}}{{{{ m(a) }}}}"
            return f"{{% macro m(a={value(rng)}) %}}{body}{{% endmacro %}}{{{{ m({value(rng)}) }}}}"
        case 5:
            return f"{{% set y %}}{inner}{{{{ {value(rng)} }}}}{{% endset %}}{{{{ y * 9 }}}}"
        case 6:
            return f"{{% filter {rng.choice(FILTERS)} %}}{inner}{{{{ {value(rng)} }}}}{{% endfilter %}}"
        case 7:
            return f"{{% generation %}}{inner}{{{{ {value(rng)} }}}}{{% endgeneration %}}{{% break %}}"
        case _:
            return f"{{{{ {value(rng)} }}}}{inner}"


OWN = [each for each in TEMPLATES.values() if each]
TURNS = [
    Message(role="user", content="hi"),
    Message(role="assistant", content="a"),
    Message(role="user", content="b"),
]


def finding(number: int, rng: random.Random, tokenizer: Any) -> str:
    """What came out that is not ours, or came too late; empty where all is well."""
    base = rng.choice(OWN)
    made = rng.random() < 0.7
    source = block(rng) + base if made else mutated(base.encode(), rng).decode(errors="replace")
    tokenizer.chat_template = source
    start, chat = time.monotonic(), Chat(tokenizer)
    for task in (chat.prompt_ids, chat.each_prompt, chat.each_conversation):
        try:
            task([TURNS[:1], TURNS])
            chat.end_ids([])
        except RlaifError:
            continue
        except BaseException as problem:
            if isinstance(problem, KeyboardInterrupt):
                raise
            return f"case {number}: {source!r}: {type(problem).__name__}: {str(problem)[:300]}"
    took = time.monotonic() - start
    return f"case {number}: {source!r}: took {took:.0f} s" if took > SOON else ""


def test_a_template_is_written_or_refused_soon_and_as_ours() -> None:
    tokenizer = make_tokenizer()
    Chat(tokenizer).prompt_ids([TURNS])  # libraries are loaded
    for number, rng in cases():
        assert not finding(number, rng, tokenizer)
