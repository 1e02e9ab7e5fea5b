"""The one place that knows jinja: templates of strangers, rendered within limits of steps, memory and time.

Jinja's sandbox keeps a template from reaching Python; it does not keep it from working or writing without end. Here
every loop, call and text is counted, so that a template which is none ends in a sentence, and not with the memory.
"""

from __future__ import annotations

import re
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from functools import wraps
from typing import Any

from rlaif.libraries.versions import importing

with importing("jinja2"):
    from jinja2 import Environment, meta, nodes, pass_context
    from jinja2.exceptions import TemplateError
    from jinja2.sandbox import ImmutableSandboxedEnvironment
    from jinja2.visitor import NodeTransformer, NodeVisitor

MOST_SOURCE = 300_000
"""Characters of a template; real ones have some ten thousand."""
MOST_TEXT = 250_000
"""Characters of a text that a template may make, beside those it is given many times over."""
TIMES_GIVEN = 20
STEPS, STEPS_A_VALUE = 500_000, 1_000
"""Turns of loops and calls that a rendering may take: in all, and for each value that it is given."""
SECONDS = 10.0
"""Of this thread's own work. A rendering takes some milliseconds: what is still at work then is never done."""
_CHARACTERS_A_STEP = 16
_MOST_BITS = 100_000
"""Of a whole number."""
_MOST_NESTED = 100
_WRITES = frozenset(
    {
        "center",
        "escape",
        "e",
        "format",
        "forceescape",
        "indent",
        "join",
        "pprint",
        "replace",
        "safe",
        "string",
    }
    | {
        "tojson",
        "truncate",
        "upper",
        "lower",
        "title",
        "capitalize",
        "urlencode",
        "urlize",
        "wordwrap",
        "xmlattr",
    }
)
"""Filters that make a text of whatever they are given."""
_CHANCE = ("random", "lipsum")
_WIDTH = re.compile(r"%[^a-zA-Z%]*\d{5}|\{[^{}]*\d{5}")
"""A width that is spelled out in a format."""


class TemplateLimit(TemplateError):
    """A template works or writes more than any real one does."""


class _Meter:
    """What one rendering has left."""

    __slots__ = ("counted", "end", "longest", "steps")

    def __init__(self, characters: int = 0, values: int = 0) -> None:
        self.steps = STEPS + STEPS_A_VALUE * values + 4 * characters // _CHARACTERS_A_STEP
        self.longest = MOST_TEXT + TIMES_GIVEN * characters
        self.end = time.thread_time() + SECONDS
        self.counted = 0

    def spend(self, steps: int = 1) -> bool:
        """Count steps; always true."""
        self.steps -= steps
        self.counted += 1
        if self.steps < 0:
            raise TemplateLimit("it works without end")
        if not self.counted % 256 and time.thread_time() > self.end:
            raise TemplateLimit(f"it is not done after {SECONDS:.0f} s")
        return True

    def text(self, characters: int) -> None:
        """Count a text before it is made."""
        if characters > self.longest:
            raise TemplateLimit(f"it makes a text of more than {self.longest} characters")
        self.spend(1 + characters // _CHARACTERS_A_STEP)


_METER: ContextVar[_Meter] = ContextVar("meter of the rendering")


def undeclared(source: str, like: Environment) -> frozenset[str] | None:
    """The variables that a template reads before it sets them itself; None for one that does not compile.

    A name that it gives a default where it is not defined counts: whoever renders the template may set it.
    """
    if len(source) > MOST_SOURCE:
        return None
    try:
        tree = like.parse(source)
        # jinja's own answer also names what is set in one branch and read behind it
        return frozenset(meta.find_undeclared_variables(tree)) & _Reads().of(tree)
    except (TemplateError, RecursionError):
        return None


class _Reads(NodeVisitor):
    """Finds names that are read before they are set, in the order in which a rendering comes by."""

    def __init__(self) -> None:
        self.read: set[str] = set()
        self.own: set[str] = set()
        self.later: list[nodes.Macro | nodes.CallBlock] = []

    def of(self, tree: nodes.Template) -> set[str]:
        """The names. What a macro reads may be set behind it, before it is called: macros come last."""
        self.visit(tree)
        top = self.own
        for macro in self.later:
            self.own = {*top, *(each.name for each in macro.args)}
            for each in macro.body:
                self.visit(each)
        return self.read

    def visit_Name(self, node: nodes.Name) -> None:
        if node.ctx != "load":
            self.own.add(node.name)
        elif node.name not in self.own:
            self.read.add(node.name)

    def visit_If(self, node: nodes.If) -> None:
        # a default for what is not defined is a switch, also where another branch sets it before
        asked = [
            each for each in (node.test, *node.test.find_all(nodes.Test)) if isinstance(each, nodes.Test)
        ]
        tested = {
            each.node.name for each in asked if isinstance(each.node, nodes.Name) and "defined" in each.name
        }
        targets = [each.target for each in node.find_all(nodes.Assign)]
        self.read |= tested & {each.name for each in targets if isinstance(each, nodes.Name)}
        self.generic_visit(node)

    def visit_Assign(self, node: nodes.Assign) -> None:
        self._in_turn(node.node, node.target)

    def visit_AssignBlock(self, node: nodes.AssignBlock) -> None:
        self._in_turn(*node.body, node.filter, node.target)

    def visit_For(self, node: nodes.For) -> None:
        self._in_turn(node.iter, node.target, node.test, *node.body, *node.else_)

    def visit_With(self, node: nodes.With) -> None:
        self._in_turn(*node.values, *node.targets, *node.body)

    def visit_Macro(self, node: nodes.Macro) -> None:
        self._in_turn(*node.defaults)
        self.own.add(node.name)
        self.later.append(node)

    def visit_CallBlock(self, node: nodes.CallBlock) -> None:
        self._in_turn(node.call, *node.defaults)
        self.later.append(node)

    def _in_turn(self, *parts: nodes.Node | None) -> None:
        for each in parts:
            if each is not None:
                self.visit(each)


class Bounded:
    """A template that is rendered within limits."""

    def __init__(self, source: str, like: Environment, now: Callable[[str], str]) -> None:
        """`like` has the filters, tags and globals that templates of this kind know; `now` is their clock.

        Raises TemplateError, and whatever else the source brings the compiler to.
        """
        if len(source) > MOST_SOURCE:
            raise TemplateLimit(f"it has {len(source)} characters, where {MOST_SOURCE} are allowed")
        _METER.set(_Meter(len(source)))
        self._environment = _Bounds(like, now)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python's about the code that jinja makes of it
            self._template = self._environment.from_string(source)

    def render(self, variables: Mapping[str, Any], *, characters: int, values: int) -> str:
        """The text. What it may take grows with the characters and values that it is given to write.

        Raises TemplateError, and whatever else the template's code comes to.
        """
        _METER.set(meter := _Meter(characters, values))
        context = self._template.new_context(dict(variables))
        parts: list[str] = []
        written = 0
        for part in self._template.root_render_func(context):
            parts.append(part)
            written += len(part)
            if written > meter.longest:
                raise TemplateLimit(f"it writes more than {meter.longest} characters")
        return "".join(parts)


class _Bounds(ImmutableSandboxedEnvironment):
    """A sandbox that counts."""

    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(self, like: Environment, now: Callable[[str], str]) -> None:
        super().__init__(
            trim_blocks=like.trim_blocks,
            lstrip_blocks=like.lstrip_blocks,
            extensions=[type(each) for each in like.extensions.values()],
            # in a rendering alone is counted: nothing is worked out while the template is compiled
            optimized=False,
            finalize=_written,
        )
        own = self.globals["range"]
        self.globals.update(like.globals)
        self.globals |= {"range": own, "strftime_now": now}
        self.filters = {name: _metered(name, each) for name, each in like.filters.items()}
        self.globals["lipsum"] = self.filters["random"] = _by_chance
        self.step = _step
        self.joined = _joined
        self.built = _built

    def _generate(self, source: nodes.Template, *args: Any, **kwargs: Any) -> str:
        return super()._generate(_Counted().visit(source), *args, **kwargs)

    def call(__self, __context: Any, __obj: Any, *args: Any, **kwargs: Any) -> Any:
        """Call what a template calls."""
        meter = _METER.get()
        meter.spend()
        # the sandbox wraps what formats a text
        __method = getattr(__obj, "__wrapped__", __obj)
        if isinstance(__owner := getattr(__method, "__self__", None), str | bytes | int | float):
            _check_method(meter, __owner, __method.__name__, args, kwargs)
        return _taken(meter, super().call(__context, __obj, *args, **kwargs))

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Work out one of the operators whose results may be large."""
        meter = _METER.get()
        match operator:
            case "**":
                _check_power(left, right)
            case "*":
                _check_product(meter, left, right)
            case "%" if isinstance(left, str | bytes):
                _check_format(meter, str(left), right)
            case "+" if isinstance(left, str | bytes) and isinstance(right, str | bytes):
                meter.text(len(left) + len(right))
        return _taken(meter, super().call_binop(context, operator, left, right))


class _Counted(NodeTransformer):
    """Puts a step into every loop, and a measure around every text and container that is put together."""

    def visit_For(self, node: nodes.For) -> nodes.For:
        self.generic_visit(node)
        constant = sum(len(each.data) for each in _own_data(node.body))
        node.body.insert(0, nodes.ExprStmt(_asking("step", [nodes.Const(constant)])))
        if node.test is not None:
            node.test = nodes.And(_asking("step", [nodes.Const(0)]), node.test)
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Call:
        self.generic_visit(node)
        return _asking("joined", node.nodes)

    def visit_List(self, node: nodes.List) -> nodes.Expr:
        return self._built(node)

    def visit_Dict(self, node: nodes.Dict) -> nodes.Expr:
        return self._built(node)

    def visit_Tuple(self, node: nodes.Tuple) -> nodes.Expr:
        return node if node.ctx != "load" else self._built(node)

    def _built(self, node: Any) -> nodes.Expr:
        constant: nodes.Expr = node
        self.generic_visit(node)
        if all(isinstance(each, nodes.Const | nodes.Pair) for each in node.items) and not any(
            node.find_all((nodes.Name, nodes.Call))
        ):
            return constant
        return _asking("built", [node])


def _own_data(body: Iterable[nodes.Node]) -> Iterator[nodes.TemplateData]:
    for node in body:
        if isinstance(node, nodes.TemplateData):
            yield node
        elif not isinstance(node, nodes.For):
            yield from _own_data(node.iter_child_nodes())


def _asking(name: str, given: list[Any]) -> nodes.Call:
    """A call of one of the environment's own functions."""
    return nodes.Call(nodes.EnvironmentAttribute(name), given, [], None, None)


def _step(characters: int) -> bool:
    return _METER.get().spend(1 + characters // _CHARACTERS_A_STEP)


def _joined(*parts: Any) -> str:
    meter = _METER.get()
    meter.text(sum(_size(each, meter, letters=True) for each in parts))
    return "".join(map(str, parts))


def _built(made: Any) -> Any:
    meter = _METER.get()
    meter.spend(1 + _size(made, meter))
    return made


@pass_context
def _written(_context: Any, value: Any) -> Any:
    """What is put out: texts as they are, all else as the text that it becomes."""
    meter = _METER.get()
    meter.text(len(value) if isinstance(value, str) else _size(value, meter, letters=True))
    return value


def _by_chance(*_: Any, **__: Any) -> Any:
    raise TemplateError("it writes what chance says, and a prompt must be the same each time")


def _metered(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """A filter that counts what it is given and what it makes."""
    skipped = int(getattr(function, "jinja_pass_arg", None) is not None)

    @wraps(function)
    def metered(*given: Any, **named: Any) -> Any:
        meter = _METER.get()
        front, given = given[:skipped], given[skipped:]
        if name in _WRITES and given:
            # what can be read once only is measured and read
            first = list(given[0]) if isinstance(given[0], Iterator) else given[0]
            given = (first, *given[1:])
            _check_text(meter, name, first, given[1:], named)
        elif given:
            if name == "sum":
                meter.spend(sum(len(each) for each in given[0] if hasattr(each, "__len__")))
            _check_widths(meter, (*given[1:], *named.values()))
            meter.spend(1 + (len(given[0]) if hasattr(given[0], "__len__") else 0))
        return _taken(meter, function(*front, *given, **named))

    return metered


def _check_text(
    meter: _Meter, name: str, first: Any, given: tuple[Any, ...], named: Mapping[str, Any]
) -> None:
    others = (*given, *named.values())
    size = _size(first, meter, letters=True)
    widths = _check_widths(meter, others)
    match name:
        case "replace" if others:
            size += _count(first, others[0]) * max(
                (_size(each, meter, letters=True) for each in others[1:]), default=0
            )
        case "join" if others:
            size += _size(first, meter) * _size(others[0], meter, letters=True)
        case "indent":
            lines = str(first).count("\n") + 1 if isinstance(first, str) else size
            size += lines * max(
                widths, max(map(len, (each for each in others if isinstance(each, str))), default=0)
            )
        case "tojson" | "pprint":
            size += _size(first, meter) * (widths + 8) * (_MOST_NESTED if widths else 1)
        case "format":
            _check_format(meter, str(first), given + tuple(named.values()))
        case _:
            size += widths + sum(_size(each, meter, letters=True) for each in others)
    meter.text(size)


def _check_method(
    meter: _Meter, owner: Any, name: str, given: tuple[Any, ...], named: Mapping[str, Any]
) -> None:
    """Before a method of a text or number is called."""
    others = (*given, *named.values())
    if name in ("format", "format_map"):
        return _check_format(meter, str(owner), others)
    widths = _check_widths(meter, others)
    size = len(owner) if isinstance(owner, str | bytes) else 0
    match name:
        case "replace" if len(others) > 1:
            size += _count(owner, others[0]) * _size(others[1], meter, letters=True)
        case "join" if others:
            if isinstance(others[0], Iterator):
                return  # what it gives is counted where it is made, and the result when it is there
            size = _size(others[0], meter, letters=True) + size * _size(others[0], meter)
        case "expandtabs":
            size += owner.count("\t" if isinstance(owner, str) else b"\t") * max(widths, 8)
        case "translate" if others:
            size *= 1 + _size(others[0], meter, letters=True)
        case "center" | "ljust" | "rjust" | "zfill" | "to_bytes":
            size += widths
    meter.text(size)
    return None


def _check_widths(meter: _Meter, given: Iterable[Any]) -> int:
    """The largest whole number among arguments, which may be a width."""
    widest = max((each for each in given if isinstance(each, int)), default=0)
    if widest > meter.longest:
        raise TemplateLimit(f"it asks for {widest} characters")
    return max(0, int(widest))


def _check_format(meter: _Meter, pattern: str, given: Any) -> None:
    if _WIDTH.search(pattern):
        raise TemplateLimit("it asks for a text of many thousand characters")
    fields = pattern.count("%") + pattern.count("{")
    if "*" in pattern or "{:{" in pattern or "}}" in pattern:
        _check_widths(meter, given if isinstance(given, tuple) else (given,))
    meter.text(len(pattern) + fields * _size(given, meter, letters=True))


def _check_power(left: Any, right: Any) -> None:
    if isinstance(left, int) and isinstance(right, int) and left.bit_length() * right > _MOST_BITS:
        raise TemplateLimit("it asks for a number without end")


def _check_product(meter: _Meter, left: Any, right: Any) -> None:
    for one, other in ((left, right), (right, left)):
        if isinstance(one, int) and isinstance(other, str | bytes):
            meter.text(max(0, one) * len(other))
        elif isinstance(one, int) and isinstance(other, list | tuple):
            meter.spend(max(0, one) * len(other))
    if (
        isinstance(left, int)
        and isinstance(right, int)
        and left.bit_length() + right.bit_length() > _MOST_BITS
    ):
        raise TemplateLimit("it asks for a number without end")


def _taken(meter: _Meter, made: Any) -> Any:
    """What a call made, counted."""
    if isinstance(made, str | bytes):
        meter.text(len(made))
    elif hasattr(made, "__len__") and not isinstance(made, range):
        meter.spend(len(made))
    return made


def _count(text: Any, part: Any) -> int:
    if not isinstance(text, str) or not isinstance(part, str):
        return 0
    return text.count(part)


def _size(value: Any, meter: _Meter, *, letters: bool = False) -> int:
    """How many values something is made of, or with `letters` how many characters its text has at most.

    What is inside twice counts twice, as it is written twice. Raises TemplateLimit above what there is left.
    """
    if isinstance(value, str | bytes):
        return len(value) if letters else 1
    limit = meter.longest if letters else max(meter.steps, 0)
    total, waiting = 0, [(value, 0)]
    while waiting:
        each, depth = waiting.pop()
        if isinstance(each, str | bytes):
            total += len(each) + 4 if letters else 1
        elif isinstance(each, int) and letters:
            total += 24 + each.bit_length() // 3
        else:
            total += 24 if letters else 1
            waiting += [(inner, depth + 1) for inner in _inside(each)]
        if total + len(waiting) > limit or depth > _MOST_NESTED:
            raise TemplateLimit("it puts together more than there is room for")
    return total


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, Mapping):
        return [*value.keys(), *value.values()]
    if isinstance(value, list | tuple | set | frozenset) or type(value).__name__ in (
        "dict_keys",
        "dict_values",
        "dict_items",
    ):
        return list(value)
    return (getattr(value, "_Namespace__attrs", None) and _inside(value._Namespace__attrs)) or ()
