"""An expression is read once: clients send few of them, over and over, and moto reads each three times a write.

Replaces in `moto.dynamodb` (moto 5.2):

- `comparisons.ConditionExpressionParser.parse` (0.15 ms), by a look at what it made of the same expression, names and
  values before; what it makes is a tree that nobody changes;
- `parsing.expressions.UpdateExpressionParser.make` (0.2 ms) likewise: who changes the tree copies it first, and the
  copy of a `Node` is one of what is below it, attribute by attribute (0.1 ms less);
- `parsing.ast_nodes.Node.find_clauses` and `DepthFirstTraverser.traverse_node_recursively`, which ask of each node ten
  times a write what abstract class it is of (0.4 ms), by an answer for each class.
"""

import copy
from collections.abc import Callable, Iterable
from functools import cache, lru_cache
from typing import Any

from moto.dynamodb.comparisons import ConditionExpressionParser
from moto.dynamodb.parsing.ast_nodes import DepthFirstTraverser, Expression, Node, UpdateExpressionFunction
from moto.dynamodb.parsing.expressions import UpdateExpressionParser

KEPT = 1_000
"""Expressions that are remembered of each kind; the oldest goes first."""
Named = tuple[str, tuple[tuple[str, str], ...]]
"""An expression and what its names stand for."""
Read = tuple[Any, tuple[str, ...], tuple[str, ...]]
"""What was made of it, and the names and values that were found in it."""

_parse = ConditionExpressionParser.parse
_make = UpdateExpressionParser.make.__func__
_values_in: dict[Named, tuple[str, ...]] = {}
"""The values that an expression mentions: all others that come with it say nothing."""
_read: dict[tuple[Named, str], Read] = {}


def _parse_once(self: Any) -> Any:
    if not self.condition_expression:
        return _parse(self)
    named = (self.condition_expression, tuple((self.expression_attribute_names or {}).items()))
    given = self.expression_attribute_values or {}
    used = _values_in.get(named)
    if used is not None:
        known = _read.get((named, _told(given, used)))
        if known is not None:
            made, names, values = known
            self.expr_attr_names_found.extend(names)
            self.expr_attr_values_found.extend(values)
            return made
    made = _parse(self)
    values = tuple(self.expr_attr_values_found)
    _keep(_values_in, named, values)
    _keep(_read, (named, _told(given, values)), (made, tuple(self.expr_attr_names_found), values))
    return made


def _told(given: dict[str, Any], used: Iterable[str]) -> str:
    """The values in words that tell any two of them apart, text and bytes too."""
    return repr([given.get(name) for name in used])


def _keep(held: dict[Any, Any], key: Any, value: Any) -> None:
    held[key] = value
    if len(held) > KEPT:
        del held[next(iter(held))]


@lru_cache(KEPT)
def _made(parser: Any, expression: str) -> Any:
    return _make(parser, expression)


def _make_once(parser: Any, expression: str) -> Any:
    return _made(parser, expression)


def _copied(self: Any, memo: dict[int, Any]) -> Any:
    made = self.__class__.__new__(self.__class__)
    vars(made).update(vars(self))
    if self.children is not None:
        made.children = [copy.deepcopy(child, memo) for child in self.children]
        for child in made.children:
            if _is_node(child.__class__):
                child.parent = made
    return made


def _find_clauses(self: Any, wanted: Any) -> list[Any]:
    found = []
    for child in self.children or ():
        kind = child.__class__
        if kind in wanted:
            found.append(child)
        elif _is_searched(kind):
            found.extend(child.find_clauses(wanted))
    return found


def _traverse(self: Any, node: Any, child_id: int = -1) -> Any:
    if not _is_node(node.__class__):
        return node
    parent = node.parent
    for index, child in enumerate(node.children or ()):
        self.pre_processing_of_child(node, index)
        self.traverse_node_recursively(child, index)
    if not _is_processed(type(self), type(node), self.nodes_to_be_processed):
        return node
    made = self.process(node)
    made.parent = parent
    if parent:
        parent.children[child_id] = made
    return made


@cache
def _is_node(kind: Any) -> bool:
    return issubclass(kind, Node)


@cache
def _is_searched(kind: Any) -> bool:
    return issubclass(kind, (Expression, UpdateExpressionFunction))


_processed: dict[tuple[type, type], bool] = {}


def _is_processed(traverser: type, kind: type, processed: Callable[[], tuple[type, ...]]) -> bool:
    """Whether traversers of a class process nodes of another: which ones they do is the same for all of them."""
    known = _processed.get((traverser, kind))
    if known is None:
        known = _processed[traverser, kind] = issubclass(kind, processed())
    return known


def install() -> None:
    """Replace them on moto's classes."""
    UpdateExpressionParser.make = classmethod(_make_once)
    ConditionExpressionParser.parse = _parse_once
    Node.__deepcopy__ = _copied
    Node.find_clauses = _find_clauses
    DepthFirstTraverser.traverse_node_recursively = _traverse
