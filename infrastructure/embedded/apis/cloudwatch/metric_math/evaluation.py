"""What a list of queries gives: the metrics' series, and expressions over these and over each other."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from infrastructure.embedded.apis.cloudwatch.metric_math.functions import ELSEWHERE, FUNCTIONS, Window
from infrastructure.embedded.apis.cloudwatch.metric_math.grammar import (
    DEEPEST,
    Array,
    Binary,
    ExpressionError,
    Function,
    Name,
    Negative,
    Node,
    Number,
    Text,
    parse,
)
from infrastructure.embedded.apis.cloudwatch.metric_math.series import Series, Value, combined, mapped
from infrastructure.embedded.gateway.refused import Refused, unsupported

_FILLERS = ("REPEAT", "LINEAR")


@dataclass(slots=True, kw_only=True)
class Evaluation:
    """`metrics` are the series by the id of their query, `expressions` the texts by theirs."""

    metrics: Mapping[str, Series]
    expressions: Mapping[str, str]
    window: Window
    _found: dict[str, Value] = field(default_factory=dict)
    _open: list[str] = field(default_factory=list)

    def series(self, identity: str) -> tuple[Series, ...]:
        """What the query gives; `Refused`, in CloudWatch's words, when it means nothing or gives a number."""
        try:
            found = self._value(identity)
            if not isinstance(found, (Series, tuple)):
                raise ExpressionError("The expression does not give a time series")  # noqa: TRY301  said as all others
        except ExpressionError as problem:
            raise Refused("ValidationError", f"Error in expression '{identity}': {problem}") from problem
        return found if isinstance(found, tuple) else (found,)

    def _value(self, identity: str) -> Value:
        if identity in self.metrics:
            return self.metrics[identity]
        if identity not in self.expressions:
            raise ExpressionError(f"Undefined variable '{identity}'")
        if len(self._open) >= DEEPEST:
            raise ExpressionError(f"More than {DEEPEST} expressions refer to each other")
        if identity in self._open:
            raise ExpressionError(f"It depends on itself: {' -> '.join((*self._open, identity))}")
        if identity not in self._found:
            self._open.append(identity)
            self._found[identity] = self._of(parse(self.expressions[identity]))
            self._open.pop()
        return self._found[identity]

    def _of(self, node: Node) -> Value:
        match node:
            case Number(value) | Text(value):
                return value
            case Name(name):
                return name if name in _FILLERS else self._value(name)
            case Array(items):
                return tuple(each for item in items for each in self._several(item))
            case Negative(of):
                return mapped(self._of(of), lambda value: -value)
            case Binary():
                return self._chain(node)
            case Function("METRICS", arguments):
                return self._metrics(arguments)
        return self._called(node)

    def _chain(self, node: Node) -> Value:
        """From left to right: an expression of a thousand operators is a tree as deep."""
        rest: list[tuple[str, Node]] = []
        while isinstance(node, Binary):
            rest.append((node.sign, node.right))
            node = node.left
        value = self._of(node)
        for sign, right in reversed(rest):
            value = combined(sign, value, self._of(right))
        return value

    def _called(self, function: Function) -> Value:
        if function.name in ELSEWHERE:
            raise unsupported(f"{function.name} in metric math")
        known = FUNCTIONS.get(function.name)
        if known is None:
            raise ExpressionError(f"Unknown function {function.name}")
        count, act = known
        if len(function.arguments) != count:
            raise ExpressionError(f"{function.name} takes {count} arguments, not {len(function.arguments)}")
        return act(self.window, [self._of(each) for each in function.arguments])

    def _metrics(self, arguments: Sequence[Node]) -> Value:
        """All metrics of the request, or those whose ids have the text in them."""
        match arguments:
            case []:
                part = ""
            case [Text(part)]:
                pass
            case _:
                raise ExpressionError("METRICS takes a text, or nothing")
        return tuple(series for identity, series in self.metrics.items() if part in identity)

    def _several(self, node: Node) -> tuple[Series, ...]:
        found = self._of(node)
        if not isinstance(found, (Series, tuple)):
            raise ExpressionError("An array holds time series")
        return found if isinstance(found, tuple) else (found,)


Read = Callable[[Mapping[str, object]], Series]
"""The series that a MetricStat asks for."""


def evaluation(queries: Sequence[Mapping[str, object]], read: Read, window: Window) -> Evaluation:
    """Of queries as a call has them: MetricStat or Expression each."""
    metrics = {str(each["Id"]): read(each) for each in queries if "MetricStat" in each}
    expressions = {str(each["Id"]): str(each["Expression"]) for each in queries if "MetricStat" not in each}
    period_s = min((each.period_s for each in metrics.values()), default=window.period_s)
    kept = Window(start=window.start, end=window.end, period_s=period_s)
    return Evaluation(metrics=metrics, expressions=expressions, window=kept)
