"""Kinesis: streams are in the control plane itself. Binds its calls; forgets what is too old, ends what was begun."""

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from infrastructure.embedded.apis.kinesis.consumers import ConsumerCalls
from infrastructure.embedded.apis.kinesis.listing import ListingCalls
from infrastructure.embedded.apis.kinesis.metrics import StreamMetrics
from infrastructure.embedded.apis.kinesis.reading import GetCalls
from infrastructure.embedded.apis.kinesis.registry import Registry
from infrastructure.embedded.apis.kinesis.resharding import ReshardingCalls
from infrastructure.embedded.apis.kinesis.settings import SettingCalls
from infrastructure.embedded.apis.kinesis.streams import StreamCalls
from infrastructure.embedded.apis.kinesis.subscription import SubscriptionCalls
from infrastructure.embedded.apis.kinesis.tags import TagCalls
from infrastructure.embedded.apis.kinesis.writing import PutCalls
from infrastructure.embedded.lags import STREAM_CHANGE

if TYPE_CHECKING:
    from infrastructure.embedded.control.context import Context
    from infrastructure.embedded.control.metrics import Metrics
    from infrastructure.embedded.gateway.operations import Operations

PARTS = (StreamCalls, SettingCalls, ReshardingCalls, ListingCalls, TagCalls, ConsumerCalls)
MOVING = (PutCalls, GetCalls, SubscriptionCalls)
"""Those that move records, and count them."""


class KinesisController:
    """Keeps no process."""

    name: ClassVar[str] = "kinesis"
    watches: ClassVar[frozenset[str]] = frozenset({"kinesis"})
    PARTS: ClassVar[tuple[type, ...]] = (*PARTS, *MOVING)

    def __init__(self, context: "Context", clock: Callable[[], float] | None = None) -> None:
        folder, lag_s = context.state.root / "kinesis", STREAM_CHANGE.at(context.pace)
        more = {} if clock is None else {"clock": clock}
        self._registry = Registry(context.backends.kinesis, folder, lag_s=lag_s, **more)
        bind(context.backends.operations, self._registry, context.metrics)

    async def reconcile(self, _key: str, /) -> float | None:
        """Make the changes whose time has come, and trim; seconds until the next change."""
        now = self._registry.clock()
        streams = self._registry.all()
        for stream in streams:
            stream.trim(now)
        moments = [stream.changes_at for stream in streams if stream.changes_at is not None]
        return max(min(moments) - now, 0.0) if moments else None


def bind(operations: "Operations", registry: Registry, metrics: "Metrics | None" = None) -> None:
    """Answer Kinesis's calls with the streams of `registry`."""
    reported = StreamMetrics(registry, metrics)
    moving = (made(registry, reported) for made in MOVING)
    operations.bind(KinesisController.name, *(made(registry) for made in PARTS), *moving)
