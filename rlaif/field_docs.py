"""What `help()` shows of a class that a plug-in fills in: the text of each of its fields beside its own."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator
from typing import Any, TypeVar

Class = TypeVar("Class", bound=type)


class FieldDocs:
    """The `__doc__` of a class, made when somebody asks: its docstring, and a line for each field with a text."""

    def __init__(self, own: str) -> None:
        self.own = own

    def __get__(self, thing: object, owner: type[Any]) -> str:
        """The docstring with the fields, those of base classes first; without them where there is no source."""
        try:
            lines = [line for each in reversed(owner.__mro__[:-1]) for line in _lines(each)]
        except (OSError, TypeError):
            lines = []
        return "\n".join([self.own, "", "Fields:", *lines]) if lines else self.own


def documented(kind: Class) -> Class:
    """Have `help()` show the texts that stand below the fields of a dataclass; it reads the source only then."""
    kind.__doc__ = FieldDocs(kind.__doc__ or "")  # type: ignore[assignment]
    return kind


def _lines(kind: type[Any]) -> Iterator[str]:
    tree = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0]
    assert isinstance(tree, ast.ClassDef)
    for field, text in zip(tree.body, tree.body[1:], strict=False):
        match field, text:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(said))):
                yield f"    {name}: {' '.join(said.split())}"
