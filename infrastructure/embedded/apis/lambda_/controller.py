"""Lambda: functions that run, in processes of AWS's own runtime client.

The parts (functions, aliases, layers, policies, invokes, event source mappings, asynchronous invokes) each answer their
own operations; this puts them together.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, ClassVar

from infrastructure.embedded.apis.lambda_.aliases import LambdaAliases
from infrastructure.embedded.apis.lambda_.archives import PAGE, Archives
from infrastructure.embedded.apis.lambda_.asynchronous.invokes import LambdaAsync
from infrastructure.embedded.apis.lambda_.concurrency import Concurrency
from infrastructure.embedded.apis.lambda_.event_source.mappings import LambdaEventSources
from infrastructure.embedded.apis.lambda_.functions import LambdaFunctions
from infrastructure.embedded.apis.lambda_.invoke import NAMESPACE, Invocations, LambdaInvoke
from infrastructure.embedded.apis.lambda_.layers import LambdaLayers
from infrastructure.embedded.apis.lambda_.policies import LambdaPolicies
from infrastructure.embedded.apis.lambda_.record import Records
from infrastructure.embedded.control.metrics import Datum
from infrastructure.embedded.engines.functions.engine import Functions

if TYPE_CHECKING:
    from infrastructure.embedded.control.context import Context


class LambdaController:
    """Keeps the records of the API itself; its parts answer the calls."""

    name: ClassVar[str] = "lambda"
    watches: ClassVar[frozenset[str]] = frozenset({"lambda", "sqs"})
    PARTS: ClassVar[tuple[type, ...]] = (
        LambdaFunctions,
        LambdaAliases,
        LambdaLayers,
        LambdaPolicies,
        LambdaInvoke,
        LambdaEventSources,
        LambdaAsync,
    )

    def __init__(self, context: "Context") -> None:
        self._records = Records(context.account, context.region)
        self._engine = Functions(context.supervisor, context.state, context.pace.function_idle_s)
        self._concurrency = Concurrency()
        s3 = context.backends.s3
        archives = Archives(context.url)
        context.pages[PAGE] = archives.page
        aliases = LambdaAliases(self._records)
        self.invocations = Invocations(context, self._records, self._engine, self._concurrency, aliases)
        self._functions = LambdaFunctions(self._records, self._engine, self._concurrency, s3, archives, self._deleted)
        self._event_sources = LambdaEventSources(context, self.invocations)
        self._asynchronous = LambdaAsync(context, self.invocations)
        layers = LambdaLayers(self._records, self._engine, s3, archives)
        invoke = LambdaInvoke(self.invocations, self._asynchronous)
        policies = LambdaPolicies(self._records, self._event_sources.tags)
        parts = (aliases, layers, policies, invoke, self._event_sources, self._asynchronous)
        context.backends.operations.bind(self.name, self._functions, *parts)
        context.backends.operations.tag(self._tagged)
        context.metrics.register(self._measured)

    async def reconcile(self, _key: str, /) -> None:
        """Let the event sources look at their queues; drop what is of no function any more."""
        self._event_sources.poke()
        functions = self._records.functions.values()
        keys = {configuration.key for function in functions for configuration in function.configurations}
        self._engine.keep(self._records.folders(), keys)

    def unsettled(self) -> tuple[str, ...]:
        latest = [function.latest for function in self._records.functions.values()]
        pending = [each.name for each in latest if not self._engine.is_stored(*each.folders)]
        return tuple(f"function {name} is not active yet" for name in pending)

    async def close(self) -> None:
        await self._event_sources.close()
        await self._asynchronous.close()
        await self.invocations.close()
        await self._engine.close()

    def _deleted(self, name: str) -> None:
        self._event_sources.poke(name)
        self._asynchronous.function_deleted(name)

    def _tagged(self) -> Iterator[tuple[str, Mapping[str, str]]]:
        yield from ((each.arn, each.tags) for each in self._records.functions.values())
        yield from self._event_sources.tagged()

    def _measured(self, _elapsed_s: float) -> Iterator[Datum]:
        peaks = dict(self._concurrency.peaks())
        for name, peak in peaks.items():
            yield _concurrent(float(peak), {"FunctionName": name})
        peak = self._concurrency.peak()
        if peaks:
            yield _concurrent(float(peak), {})


def _concurrent(value: float, dimensions: Mapping[str, str]) -> Datum:
    return Datum(namespace=NAMESPACE, name="ConcurrentExecutions", value=value, unit="Count", dimensions=dimensions)
