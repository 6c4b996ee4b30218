"""Lambda: functions that run, in processes of AWS's own runtime client.

The parts (functions, aliases, layers, policies, invokes, event source mappings, asynchronous invokes) each answer their
own calls; this puts them together. The file is not called like the API, since `lambda` is a word of the language.
"""

import inspect
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from infrastructure.embedded.apis.lambda_.aliases import LambdaAliases
from infrastructure.embedded.apis.lambda_.asynchronous.invokes import LambdaAsync
from infrastructure.embedded.apis.lambda_.calls import LambdaError, Output
from infrastructure.embedded.apis.lambda_.concurrency import Concurrency
from infrastructure.embedded.apis.lambda_.event_source.mappings import LambdaEventSources
from infrastructure.embedded.apis.lambda_.functions import LambdaFunctions
from infrastructure.embedded.apis.lambda_.invoke import NAMESPACE, Invocations, LambdaInvoke
from infrastructure.embedded.apis.lambda_.layers import LambdaLayers
from infrastructure.embedded.apis.lambda_.policies import LambdaPolicies
from infrastructure.embedded.apis.lambda_.record import Records
from infrastructure.embedded.control.metrics import Datum
from infrastructure.embedded.engines.functions.engine import Functions
from infrastructure.embedded.gateway import internal, rest_json
from infrastructure.embedded.gateway.call import Answer, Call
from infrastructure.embedded.gateway.errors import error, not_provided

if TYPE_CHECKING:
    from infrastructure.embedded.control.context import Context

_PARTS = (
    LambdaFunctions,
    LambdaAliases,
    LambdaLayers,
    LambdaPolicies,
    LambdaInvoke,
    LambdaEventSources,
    LambdaAsync,
)


class LambdaController:
    """Keeps the records of the API itself and answers its calls: an `Answering` controller."""

    name: ClassVar[str] = "lambda"
    watches: ClassVar[frozenset[str]] = frozenset({"lambda", "sqs"})
    effects: ClassVar[Mapping[str, str]] = {
        action: effect for part in _PARTS for action, effect in part.effects.items()
    }
    records: ClassVar[tuple[str, ...]] = LambdaPolicies.records

    def __init__(self, context: "Context") -> None:
        self._context = context
        self._records = Records(context.account, context.region)
        self._engine = Functions(context.supervisor, context.state, context.pace.function_idle_s)
        self._concurrency = Concurrency()
        s3 = context.backends.s3
        aliases = LambdaAliases(self._records)
        self.invocations = Invocations(context, self._records, self._engine, self._concurrency, aliases)
        self._functions = LambdaFunctions(self._records, self._engine, self._concurrency, s3, self._deleted)
        self._followers = (LambdaEventSources(context, self.invocations), LambdaAsync(context, self.invocations))
        layers = LambdaLayers(self._records, self._engine, s3)
        invoke = LambdaInvoke(self.invocations, self._followers[1])
        policies = LambdaPolicies(self._records, self._followers[0].tags)
        parts = (self._functions, aliases, layers, policies, invoke, *self._followers)
        self._calls = {action: handler for part in parts for action, handler in part.calls.items()}
        context.metrics.register(self._measured)
        internal.provide(self.name, self.call)

    async def answer(self, call: Call) -> Answer:
        """The answer to an API call."""
        handler = self._calls.get(call.action)
        if handler is None:
            return not_provided(call)
        try:
            output = handler(call.parameters)
            found = await output if inspect.isawaitable(output) else output
        except LambdaError as refusal:
            return error(call, refusal.code, refusal.message, status=refusal.status, **refusal.more)
        return rest_json.answer_of(self.name, call.action, found)

    def call(self, action: str, parameters: Mapping[str, Any]) -> Output:
        """A call from inside the daemon; `LambdaError` when it is refused, `LookupError` when it is not to be had."""
        handler = self._calls.get(action)
        if handler is None or inspect.iscoroutinefunction(handler):
            raise LookupError(f"lambda:{action} cannot be called from inside the daemon")
        output = handler(parameters)
        if inspect.isawaitable(output):
            raise LookupError(f"lambda:{action} cannot be called from inside the daemon")
        self._context.wake(self.name)
        return output

    async def reconcile(self) -> None:
        """Tell the parts that follow other records; drop what is of no function any more."""
        for follower in self._followers:
            await follower.reconcile()
        functions = self._records.functions.values()
        keys = {configuration.key for function in functions for configuration in function.configurations}
        self._engine.keep(self._records.folders(), keys)

    def unsettled(self) -> tuple[str, ...]:
        """Functions whose code is still being unpacked."""
        latest = [function.latest for function in self._records.functions.values()]
        pending = [each.name for each in latest if not self._engine.is_stored(*each.folders)]
        return tuple(f"function {name} is not active yet" for name in pending)

    async def close(self) -> None:
        """End all sandboxes, after nobody asks for more."""
        internal.withdraw(self.name, self.call)
        for follower in self._followers:
            await follower.close()
        await self.invocations.close()
        await self._engine.close()

    def _deleted(self, name: str) -> None:
        for follower in self._followers:
            follower.function_deleted(name)

    def _measured(self, _elapsed_s: float) -> Iterator[Datum]:
        """The most that ran side by side since last time, by function and in all."""
        peaks = dict(self._concurrency.peaks())
        for name, peak in peaks.items():
            yield _concurrent(float(peak), {"FunctionName": name})
        peak = self._concurrency.peak()
        if peaks:
            yield _concurrent(float(peak), {})


def _concurrent(value: float, dimensions: Mapping[str, str]) -> Datum:
    return Datum(namespace=NAMESPACE, name="ConcurrentExecutions", value=value, unit="Count", dimensions=dimensions)
