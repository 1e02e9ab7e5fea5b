"""A template of a stranger's ends: what works or writes without end is a TemplateLimit, whatever it does it by."""

from __future__ import annotations

from typing import Any

import pytest
from jinja2.exceptions import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from rlaif.libraries import jinja
from rlaif.libraries.jinja import MOST_SOURCE, Bounded, TemplateLimit, undeclared

LIKE = ImmutableSandboxedEnvironment(
    trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
)
LONG = "('a' * 900000)"
DOUBLING = "{{% set ns = namespace(x={start}) %}}{{% for i in range(60) %}}{{% set ns.x = {step} %}}{{% endfor %}}{end}"
ENDLESS = {
    "product": "{{ 'a' * 3000000000 }}",
    "list product": "{{ ([0] * 10000000000) | length }}",
    "loops": "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
    "conditions": "{% for i in range(99999) %}{% for j in range(99999) if j < 0 %}{% endfor %}{% endfor %}",
    "constants": "{% for i in range(99999) %}" + "x" * 50_000 + "{% endfor %}",
    "calls": "{% macro f(n) %}{% if n > 0 %}{{ f(n-1) }}{{ f(n-1) }}{% endif %}{% endmacro %}{{ f(60) }}",
    "power": "{{ 10 ** 100000000 }}",
    "squares": DOUBLING.format(start="10", step="ns.x * ns.x", end="{{ ns.x }}"),
    "sums": DOUBLING.format(start="'ab'", step="ns.x + ns.x", end=""),
    "joins": DOUBLING.format(start="'ab'", step="ns.x ~ ns.x", end=""),
    "nested lists": DOUBLING.format(start="[1]", step="[ns.x, ns.x]", end="{{ ns.x == ns.x }}"),
    "nested objects": DOUBLING.format(start="{'a': 1}", step="{'a': ns.x, 'b': ns.x}", end="{{ ns.x | tojson }}"),
    "added lists": DOUBLING.format(start="[1]", step="ns.x + ns.x", end=""),
    "captured": "{% set x %}{% for i in range(99999) %}{{ 'a' * 10000 }}{% endfor %}{% endset %}",
    "width by filter": "{{ 'a' | center(3000000000) }}",
    "width by method": "{{ 'a'.ljust(3000000000) }}",
    "indent": "{{ 'a\nb' | indent(3000000000) }}",
    "tabs": "{{ ('\t' * 100000).expandtabs(100000) }}",
    "bytes": "{{ (1).to_bytes(3000000000, 'big') }}",
    "percent": "{{ '%3000000000d' % 1 }}",
    "percent star": "{{ '%*d' % (3000000000, 1) }}",
    "percent filter": "{{ '%3000000000d' | format(1) }}",
    "format": "{{ '{:>3000000000}'.format(1) }}",
    "format of a width": "{{ '{:{}}'.format(1, 3000000000) }}",
    "format map": "{{ '{a:>3000000000}'.format_map({'a': 1}) }}",
    "replace": f"{{{{ {LONG}.replace('a', {LONG}) }}}}",
    "replace filter": f"{{{{ {LONG} | replace('a', {LONG}) }}}}",
    "translate": f"{{{{ {LONG}.translate({{97: {LONG}}}) }}}}",
    "join": f"{{{{ ([{LONG}] * 90000) | join }}}}",
    "join by method": f"{{{{ ','.join([{LONG}] * 90000) }}}}",
    "join of a map": "{{ range(99999) | map('string') | map('replace', '9', 'b' * 90000) | join }}",
    "text of a list": f"{{{{ ([{LONG}] * 90000) | string }}}}",
    "list put out": f"{{{{ [{LONG}] * 90000 }}}}",
    "json": "{{ ([1] * 1000) | tojson(indent=100000) }}",
    "sum of lists": "{{ ([[1] * 1000] * 90000) | sum(start=[]) | length }}",
    "dict of a range": "{% for i in range(9999) %}{% set x = dict.fromkeys(range(99999)) %}{% endfor %}",
    "cycler": f"{{% set c = cycler({LONG}) %}}{{% for i in range(9999) %}}{{{{ c.next() }}}}{{% endfor %}}",
}  # fmt: skip


def rendered(source: str, **variables: Any) -> str:
    like = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    like.globals["dict"] = dict
    return Bounded(source, like, lambda form: form).render(variables, characters=100, values=1)


@pytest.mark.parametrize("name", ENDLESS)
def test_a_template_without_end_is_stopped(name: str) -> None:
    with pytest.raises(TemplateLimit):
        rendered(ENDLESS[name])


@pytest.mark.parametrize("source", ["{{ [1, 2] | random }}", "{{ lipsum() }}"])
def test_what_chance_says_is_no_part_of_a_prompt(source: str) -> None:
    with pytest.raises(TemplateError, match="chance"):
        rendered(source)


def test_a_template_that_is_larger_than_any_is_not_compiled() -> None:
    with pytest.raises(TemplateLimit, match="characters, where"):
        rendered("x" * (jinja.MOST_SOURCE + 1))


def test_a_template_that_takes_too_long_is_stopped_by_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jinja, "SECONDS", -1.0)
    with pytest.raises(TemplateLimit, match="not done after"):
        rendered("{% for i in range(9999) %}{% endfor %}")


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{ 'a' * 3 }}{{ 2 ** 5 }}{{ 7 % 3 }}", "aaa321"),
        ("{{ 'a' ~ 1 ~ none }}{{ [1, 'b'] + [2] }}", "a1None[1, 'b', 2]"),
        ("{{ '%s-%03d' % ('x', 7) }}{{ '{:>4}|{}'.format(1, 1234567890) }}", "x-007   1|1234567890"),
        ("{{ rows | map(attribute='a') | join(', ') }}", "1, 2"),
        ("{{ rows | selectattr('a', 'gt', 1) | list | length }}{{ rows[::-1] | first }}", "1{'a': 2}"),
        ("{{ (text | trim).split('b') | last }}{{ text.strip() }}{{ text | replace('b', 'cc') }}", "accd"),
        ("{% for k, v in {'x': 1, 'y': 2}.items() if v > 1 %}{{ loop.index0 }}{{ k }}{% endfor %}", "0y"),
        ("{% set ns = namespace(x=0) %}{% for r in rows %}{% set ns.x = r.a %}{% endfor %}{{ ns.x }}", "2"),
        ("{% macro m(x, y='q') %}[{{ x }}{{ y }}]{% endmacro %}{{ m(1) }}{{ m(2, y=3) }}", "[1q][23]"),
        ("{% for x in (1, 2) %}{{ x }}{% else %}none{% endfor %}{% if 'a' in ['a', 'b'] %}in{% endif %}", "12in"),
        ("{{ [] is iterable }}{{ dict(a=1) }}{{ '9' | int + 1 }}{{ strftime_now('%Y') }}", "True{'a': 1}10%Y"),
    ],
)  # fmt: skip
def test_what_real_templates_do_comes_out_as_ever(source: str, text: str) -> None:
    variables: dict[str, Any] = {"rows": [{"a": 1}, {"a": 2}], "text": " abd "}
    like = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    like.globals |= {"dict": dict, "strftime_now": lambda form: form}
    plain = like.from_string(source).render(**variables)
    assert rendered(source, **variables) == plain
    assert plain.strip().endswith(text)


def test_the_variables_of_a_template_are_those_that_it_reads_and_does_not_set() -> None:
    loop = "{% for m in messages %}{{ m.content ~ x }}{% endfor %}"
    source = "{% set x = think %}" + loop + "{% if effort is defined %}e{% endif %}"
    assert undeclared(source, LIKE) == {"think", "messages", "effort"}


QWEN = """{%- for m in messages %}
  {%- if m.content is string %}{%- set content = m.content %}{%- else %}{%- set content = '' %}{%- endif %}
  {%- if m.reasoning_content is string %}{%- set told = m.reasoning_content %}
  {%- elif '</think>' in content %}{%- set told = content.split('</think>')[0] %}
    {%- set rest = content.split('</think>')[-1] %}{%- endif %}
  {{- told ~ rest }}
  {%- for call in m.tool_calls %}{%- if call.function %}{%- set call = call.function %}{%- endif %}{{- call.name }}
  {%- endfor %}
{%- endfor %}
{%- if add_generation_prompt and enable_thinking is defined and enable_thinking is false %}<think>{%- endif %}"""
R1 = """{% if not add_generation_prompt is defined %}{% set add_generation_prompt = false %}{% endif %}
{% if not thinking is defined %}{% set thinking = false %}{% endif %}{% set ns = namespace(system='') %}
{%- for message in messages %}{%- if message['role'] == 'system' %}{%- set ns.system = message['content'] %}{% endif %}
{%- if thinking %}<think>{% endif %}{%- endfor %}{{ bos_token ~ ns.system }}"""
GPT_OSS = """{%- macro kind(spec, required_params, is_nullable=false) -%}
  {%- if spec.type == 'array' %}{%- set inner = spec['items'] %}{%- endif %}{{- inner ~ is_nullable }}
{%- endmacro -%}
{%- macro system_message() -%}
  {%- if model_identity is not defined %}{%- set model_identity = 'You are.' %}{%- endif %}{{- model_identity }}
  {%- if reasoning_effort is not defined %}{%- set reasoning_effort = 'medium' %}{%- endif %}{{- reasoning_effort }}
  {%- if builtin_tools %}{{- builtin_tools[0] ~ kind(builtin_tools[0], []) }}{%- endif %}
{%- endmacro -%}
{{ system_message() }}{% for message in messages %}{{ message.content }}{% endfor %}"""
GRANITE = """{%- if messages[0].role == 'system' %}{%- set system_message = messages[0].content %}
{%- set loop_messages = messages[1:] %}{%- else %}{%- set loop_messages = messages %}{%- endif %}
{%- if system_message is defined %}{{- system_message }}{%- elif thinking %}Think.{%- endif %}
{%- if available_tools is not defined %}{%- set available_tools = tools %}{%- endif %}
{%- macro turn(message, thinking) %}{{ message.role ~ thinking ~ separator }}{% endmacro %}
{%- if controls and 'length' in controls %}{%- set separator = controls['length'] %}{%- endif %}
{%- for message in loop_messages %}{{ turn(message, thinking) }}{%- endfor %}"""
FORCED = """{%- if '/no_think' in messages[0].content %}{%- set enable_thinking = false %}{%- endif %}
{%- if enable_thinking is not defined %}{%- set enable_thinking = true %}{%- endif %}{{ enable_thinking }}"""
DEFAULT = "{% set think = think | default(false) %}{{ think }}{% with x = y %}{{ x }}{% endwith %}"


@pytest.mark.parametrize(
    ("source", "settable"),
    [
        (QWEN, {"messages", "add_generation_prompt", "enable_thinking"}),
        (R1, {"messages", "add_generation_prompt", "thinking", "bos_token"}),
        (GPT_OSS, {"messages", "model_identity", "reasoning_effort", "builtin_tools"}),
        (GRANITE, {"messages", "tools", "available_tools", "thinking", "controls"}),
        (FORCED, {"messages", "enable_thinking"}),
        (DEFAULT, {"think", "y"}),
    ],
    ids=["Qwen", "R1", "gpt-oss", "Granite", "forced", "default"],
)
def test_variables_that_a_template_sets_before_it_reads_them_are_its_own(
    source: str, settable: set[str]
) -> None:
    assert undeclared(source, LIKE) == settable


@pytest.mark.parametrize(
    "source", ["{% if %}", "x" * (MOST_SOURCE + 1), "{{" + "(" * 5000 + ")" * 5000 + "}}"]
)
def test_a_template_that_does_not_compile_tells_no_variables(source: str) -> None:
    assert undeclared(source, LIKE) is None
