"""Every small defect that a file can be given: one place of its text replaced. Pure.

    comparison  a < b -> a <= b, a >= b        statement  f(), self.x = 1, x += 1, raise, continue -> pass
    arithmetic  a + b -> a - b                 returned   return x -> return None
    boolean     a and b -> a or b, a, b; not a -> a; if a -> if not a
    constant    3 -> 4, 2, 0; True -> False; "s3" -> ""
    default     the same, of a parameter or a field

What only people or type checkers read is left alone: annotations, docstrings, decorators, what is logged, what an
exception says.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import unified_diff
from typing import Any, Final

KINDS: Final = ("comparison", "arithmetic", "boolean", "constant", "default", "returned", "statement")

_COMPARED: Final = {
    ast.Lt: ("<=", ">="), ast.LtE: ("<", ">"), ast.Gt: (">=", "<="), ast.GtE: (">", "<"), ast.Eq: ("!=",),
    ast.NotEq: ("==",), ast.Is: ("is not",), ast.IsNot: ("is",), ast.In: ("not in",), ast.NotIn: ("in",),
}  # fmt: skip
_COMPUTED: Final = {
    ast.Add: "-", ast.Sub: "+", ast.Mult: "/", ast.Div: "*", ast.FloorDiv: "*", ast.Mod: "*", ast.Pow: "*",
}  # fmt: skip
_CONDITIONS: Final = (ast.If, ast.While, ast.IfExp)
_STATEMENTS: Final = (ast.Expr, ast.AugAssign, ast.Raise, ast.Continue, ast.Break, ast.Delete)
_FOR_READERS: Final = frozenset({"TypeVar", "cast", "getLogger", "Literal", "_log", "_report", "_talk"})
_NOT_RUN: Final = frozenset({"annotation", "returns", "decorator_list", "exc", "cause", "msg"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One defect in the file `path`; `before` is the file without it, `text` with it."""

    path: str
    line: int
    kind: str
    before: str
    text: str

    @property
    def diff(self) -> str:
        lines = unified_diff(self.before.splitlines(), self.text.splitlines(), self.path, self.path, lineterm="", n=2)
        return "\n".join(lines)


def mutants_of(path: str, source: str) -> Iterator[Mutant]:
    """All of them; a node's own before those of its parts."""
    lines = [line.encode() for line in source.splitlines(keepends=True)]
    starts = [sum(map(len, lines[:number])) for number in range(len(lines))]
    raw = b"".join(lines)
    for node, kind, text in _below(ast.parse(source), "constant"):
        begin = starts[node.lineno - 1] + node.col_offset  # in bytes, as ast counts
        end = starts[node.end_lineno - 1] + node.end_col_offset
        changed = (raw[:begin] + text.encode() + raw[end:]).decode()
        yield Mutant(path=path, line=node.lineno, kind=kind, before=source, text=changed)


Change = tuple[Any, str, str]
"""A node (whose place in the text not every class of `ast` declares), the kind of change, and its new text."""


def _below(node: ast.AST, constants: str) -> Iterator[Change]:
    """The changes of a node and its parts; `constants` is the kind of those of a constant."""
    if _is_for_readers(node):
        return
    yield from _own(node)
    if isinstance(node, ast.Constant):
        yield from ((node, constants, text) for text in _instead_of(node.value))
    for name, value in ast.iter_fields(node):
        for part in value if isinstance(value, list) else [value]:
            is_field = isinstance(node, ast.ClassDef) and isinstance(part, ast.AnnAssign)
            kind = "default" if is_field or name in ("defaults", "kw_defaults") else constants
            if isinstance(part, ast.AST) and name not in _NOT_RUN:
                yield from _below(part, kind)


def _is_for_readers(node: ast.AST) -> bool:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return True
    if isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "__name__ == '__main__'"):
        return True
    named = getattr(node, "func", None) or (node.value if isinstance(node, ast.Subscript | ast.Expr) else None)
    named = named.func if isinstance(named, ast.Call) else named
    words = ast.unparse(named).split(".") if isinstance(named, ast.Name | ast.Attribute) else ()
    return isinstance(node, ast.JoinedStr) or not _FOR_READERS.isdisjoint(words)


def _own(node: ast.AST) -> Iterator[Change]:
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        left, right = _text(node.left), _text(node.comparators[0])
        yield from ((node, "comparison", f"{left} {other} {right}") for other in _COMPARED[type(node.ops[0])])
    elif isinstance(node, ast.BinOp) and type(node.op) in _COMPUTED:
        yield node, "arithmetic", f"({_text(node.left)} {_COMPUTED[type(node.op)]} {_text(node.right)})"
    elif isinstance(node, ast.BoolOp):
        parts = [_text(part) for part in node.values]
        yield node, "boolean", f"({(' or ' if isinstance(node.op, ast.And) else ' and ').join(parts)})"
        yield from ((node, "boolean", part) for part in parts)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield node, "boolean", _text(node.operand)
    elif isinstance(node, _CONDITIONS) and not isinstance(node.test, ast.Constant):
        yield node.test, "boolean", f"(not {_text(node.test)})"
    elif isinstance(node, ast.Return) and not isinstance(node.value, ast.Constant | None):
        yield node, "returned", "return None"
    elif _can_go(node):
        yield node, "statement", "pass"


def _can_go(node: ast.AST) -> bool:
    if isinstance(node, ast.Assign):
        return not isinstance(node.targets[0], ast.Name | ast.Tuple)
    is_generator = any(isinstance(part, ast.Yield | ast.YieldFrom) for part in ast.walk(node))
    return isinstance(node, _STATEMENTS) and not is_generator


def _instead_of(value: object) -> tuple[str, ...]:
    if isinstance(value, bool):
        return (str(not value),)
    if isinstance(value, int | float):
        return tuple(repr(each) for each in sorted({value + 1, value - 1, value * 0} - {value}))
    return ('""',) if isinstance(value, str) and value else ()


def _text(node: ast.expr) -> str:
    text = ast.unparse(node)
    return text if isinstance(node, ast.Name | ast.Attribute | ast.Call | ast.Constant) else f"({text})"
