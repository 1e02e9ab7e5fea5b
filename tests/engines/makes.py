"""Chat templates in the shapes of known makes: what they write around thoughts, calls and results, in short."""

from __future__ import annotations

from typing import Any

from tokenizers import AddedToken

from rlaif.engines.chat_template import Chat
from tests.engines.tiny import make_tokenizer

QWEN3 = """
{%- if tools %}{{ '<|im_start|>system\\n' }}
    {%- if messages[0].role == 'system' %}{{ messages[0].content + '\\n\\n' }}{% endif %}
    {{- '# Tools\\n<tools>' }}{% for tool in tools %}{{ '\\n' }}{{ tool | tojson }}{% endfor %}
    {{- '\\n</tools><|im_end|>\\n' }}
{%- elif messages[0].role == 'system' %}{{ '<|im_start|>system\\n' + messages[0].content + '<|im_end|>\\n' }}{% endif %}
{%- set ns = namespace(last=messages | length - 1, found=false) %}
{%- for m in messages[::-1] %}{% if not ns.found and m.role == 'user' %}
    {%- set ns.last = messages | length - 1 - loop.index0 %}{% set ns.found = true %}{% endif %}{% endfor %}
{%- for m in messages %}
    {%- if m.role == 'user' or (m.role == 'system' and not loop.first) %}
        {{- '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' }}
    {%- elif m.role == 'assistant' %}
        {%- set thought = '' %}{% set said = m.content %}
        {%- if m.reasoning_content is string %}{% set thought = m.reasoning_content %}
        {%- elif '</think>' in m.content %}
            {%- set said = m.content.split('</think>')[-1].lstrip('\\n') %}
            {%- set thought = m.content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') %}
        {%- endif %}
        {{- '<|im_start|>assistant\\n' }}
        {%- if loop.index0 > ns.last and (loop.last or thought) %}
            {{- '<think>\\n' + thought.strip('\\n') + '\\n</think>\\n\\n' + said.lstrip('\\n') }}
        {%- else %}{{- said }}{% endif %}
        {%- for call in m.tool_calls or [] %}{% set f = call.function or call %}
            {{- ('\\n' if not loop.first or said else '') + '<tool_call>\\n{"name": "' + f.name + '", "arguments": ' }}
            {{- f.arguments if f.arguments is string else f.arguments | tojson }}{{ '}\\n</tool_call>' }}
        {%- endfor %}{{ '<|im_end|>\\n' }}
    {%- elif m.role == 'tool' %}
        {%- if loop.first or messages[loop.index0 - 1].role != 'tool' %}{{ '<|im_start|>user' }}{% endif %}
        {{- '\\n<tool_response>\\n' + m.content + '\\n</tool_response>' }}
        {%- if loop.last or messages[loop.index0 + 1].role != 'tool' %}{{ '<|im_end|>\\n' }}{% endif %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}
    {%- if enable_thinking is defined and enable_thinking is false %}{{ '<think>\\n\\n</think>\\n\\n' }}{% endif %}
{%- endif %}"""

DEEPSEEK_R1 = """
{{- bos_token }}{% for m in messages if m['role'] == 'system' %}{{ m['content'] }}{% endfor %}
{%- for m in messages %}
    {%- if m['role'] == 'user' %}{{ '<｜User｜>' + m['content'] }}
    {%- elif m['role'] == 'assistant' and m['tool_calls'] %}{{ '<｜Assistant｜>' }}
        {%- for call in m['tool_calls'] %}
            {{- '<｜tool▁call▁begin｜>' + call['function']['name'] + '\\n```json\\n' }}
            {{- call['function']['arguments'] + '\\n```<｜tool▁call▁end｜>' }}
        {%- endfor %}{{ '<｜end▁of▁sentence｜>' }}
    {%- elif m['role'] == 'assistant' %}
        {%- set said = m['content'].split('</think>')[-1] %}
        {{- '<｜Assistant｜>' + said + '<｜end▁of▁sentence｜>' }}
    {%- elif m['role'] == 'tool' %}{{ '<｜tool▁output▁begin｜>' + m['content'] + '<｜tool▁output▁end｜>' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<｜Assistant｜><think>\\n' }}{% endif %}"""

GPT_OSS = """
{%- set ns = namespace(name=none) %}
{%- if messages[0].role in ['developer', 'system'] %}
    {%- set told = messages[0].content %}{% set rest = messages[1:] %}
{%- else %}{% set told = '' %}{% set rest = messages %}{% endif %}
{{- '<|start|>system<|message|>Reasoning: ' + (reasoning_effort | default('medium')) + '<|end|>' }}
{%- if told or tools %}{{ '<|start|>developer<|message|>' + told }}
    {%- for tool in tools or [] %}
        {{- '\\n// ' + tool.function.description + '\\ntype ' + tool.function.name + ' = (_: {' }}
        {%- for name, spec in tool.function.parameters.properties.items() %}{{ name + ': ' + spec.type }}{% endfor %}
        {{- '}) => any;' }}
    {%- endfor %}{{ '<|end|>' }}
{%- endif %}
{%- for m in rest %}
    {%- if m.role == 'assistant' %}
        {%- if '<|channel|>analysis<|message|>' in m.content %}{{ raise_exception('marks in content') }}{% endif %}
        {%- if m.tool_calls %}
            {%- if m.content and m.thinking %}{{ raise_exception('both content and thinking') }}{% endif %}
            {%- if m.content or m.thinking %}
                {{- '<|start|>assistant<|channel|>analysis<|message|>' + (m.content or m.thinking) + '<|end|>' }}
            {%- endif %}
            {%- set call = m.tool_calls[0].function %}{% set ns.name = call.name %}
            {{- '<|start|>assistant to=functions.' + call.name + '<|channel|>commentary json<|message|>' }}
            {{- call.arguments | tojson }}{{ '<|call|>' }}
        {%- else %}
            {%- if loop.last and not add_generation_prompt and m.thinking %}
                {{- '<|start|>assistant<|channel|>analysis<|message|>' + m.thinking + '<|end|>' }}
            {%- endif %}
            {{- '<|start|>assistant<|channel|>final<|message|>' + m.content }}
            {{- '<|return|>' if loop.last and not add_generation_prompt else '<|end|>' }}
        {%- endif %}
    {%- elif m.role == 'tool' %}
        {{- '<|start|>functions.' + ns.name + ' to=assistant<|channel|>commentary<|message|>' }}
        {{- m.content | tojson }}{{ '<|end|>' }}
    {%- else %}{{ '<|start|>user<|message|>' + m.content + '<|end|>' }}{% endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|start|>assistant' }}{% endif %}"""

MISTRAL = """
{{- bos_token }}{% if messages[0].role == 'system' %}
    {{- '[SYSTEM_PROMPT]' + messages[0].content + '[/SYSTEM_PROMPT]' }}{% set rest = messages[1:] %}
{%- else %}{% set rest = messages %}{% endif %}
{%- if tools %}{{ '[AVAILABLE_TOOLS]' + (tools | tojson) + '[/AVAILABLE_TOOLS]' }}{% endif %}
{%- for m in rest %}
    {%- if m.role == 'user' %}{{ '[INST]' + m.content + '[/INST]' }}
    {%- elif m.role == 'assistant' %}
        {%- if m.content is string %}{{ m.content }}
        {%- else %}{% for part in m.content %}
            {%- if part.type == 'thinking' %}{{ '[THINK]' + part.thinking + '[/THINK]' }}
            {%- else %}{{ part.text }}{% endif %}
        {%- endfor %}{% endif %}
        {%- for call in m.tool_calls or [] %}
            {%- if call.id is not defined or call.id | length != 9 %}
                {{- raise_exception('ids have 9 letters') }}{% endif %}
            {{- '[TOOL_CALLS]' + call.function.name + '[ARGS]' }}{{ call.function.arguments | tojson }}
        {%- endfor %}{{ '</s>' }}
    {%- elif m.role == 'tool' %}{{ '[TOOL_RESULTS]' + m.content + '[/TOOL_RESULTS]' }}
    {%- else %}{{ raise_exception('unknown role ' + m.role) }}{% endif %}
{%- endfor %}"""

GEMMA4 = """
{{- bos_token }}{% for m in messages %}
    {%- if m.role != 'tool' %}
        {{- '<|turn>' + ('model' if m.role == 'assistant' else m.role) + '\\n' }}
        {%- if loop.first and enable_thinking %}{{ '<|think|>' }}{% endif %}
        {%- if m.reasoning and loop.last %}{{ '<|channel>thought\\n' + m.reasoning + '\\n<channel|>' }}{% endif %}
        {{- m.content | trim }}
        {%- for call in m.tool_calls or [] %}{{ '<|tool_call>call:' + call.function.name + '{' }}
            {%- for key, value in call.function.arguments.items() %}{{ key }}:<|"|>{{ value }}<|"|>{% endfor %}
            {{- '}<tool_call|>' }}
        {%- endfor %}
        {%- if loop.first and tools %}{% for tool in tools %}
            {{- '<|tool>' + tool.function.name + ': ' + tool.function.description + '<tool|>' }}
        {%- endfor %}{% endif %}{{ '<turn|>\\n' }}
    {%- else %}{{ '<|tool_response>' + m.content + '<tool_response|>' }}{% endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|turn>model\\n' }}
    {%- if not enable_thinking | default(false) %}{{ '<|channel>thought\\n<channel|>' }}{% endif %}{% endif %}"""

LLAMA3 = """
{{- bos_token }}{% for m in messages %}
    {%- if m.tool_calls %}
        {{- '<|head|>assistant<|/head|>{"name": "' + m.tool_calls[0].function.name + '", "parameters": ' }}
        {{- m.tool_calls[0].function.arguments | tojson }}{{ '}<|eot|>' }}
    {%- else %}{{ '<|head|>' + ('ipython' if m.role == 'tool' else m.role) + '<|/head|>' }}
        {%- if loop.first and tools %}{% for tool in tools %}{{ tool | tojson }}{% endfor %}{% endif %}
        {{- m.content + '<|eot|>' }}{% endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|head|>assistant<|/head|>' }}{% endif %}"""

MAKES: dict[str, tuple[str, str, str]] = {
    "qwen3": (
        QWEN3,
        "<|im_end|>",
        "<|im_start|> <think> </think> <tool_call> </tool_call> <tool_response> </tool_response>",
    ),
    "deepseek-r1": (
        DEEPSEEK_R1,
        "<｜end▁of▁sentence｜>",
        "<｜User｜> <｜Assistant｜> <think> </think> <｜tool▁call▁begin｜> <｜tool▁call▁end｜> <｜tool▁output▁begin｜> "
        "<｜tool▁output▁end｜>",
    ),
    "gpt-oss": (GPT_OSS, "<|return|>", "<|channel|> <|message|> <|call|>"),
    "mistral": (
        MISTRAL,
        "</s>",
        "[SYSTEM_PROMPT] [/SYSTEM_PROMPT] [AVAILABLE_TOOLS] [/AVAILABLE_TOOLS] [INST] [/INST] [THINK] [/THINK] "
        "[TOOL_CALLS] [ARGS] [TOOL_RESULTS] [/TOOL_RESULTS]",
    ),
    "gemma4": (
        GEMMA4,
        "<turn|>",
        "<|turn> <|think|> <|channel> <channel|> <|tool_call> <tool_call|> <|tool> <tool|> <|tool_response> "
        '<tool_response|> <|"|>',
    ),
    "llama3": (LLAMA3, "<|eot|>", "<|head|> <|/head|>"),
}  # fmt: skip


def make_of(name: str) -> Any:
    """A tokenizer with the template of a make and its added tokens."""
    template, end, tokens = MAKES[name]
    tokenizer = make_tokenizer()
    tokenizer.chat_template = template
    tokenizer.add_tokens([AddedToken(each, special=False, normalized=False) for each in tokens.split()])
    tokenizer.add_special_tokens({"eos_token": end})
    return tokenizer


def chat_of(name: str, **kwargs: Any) -> Chat:
    return Chat(make_of(name), kwargs)
