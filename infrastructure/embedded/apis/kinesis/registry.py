"""All streams of the region: how a call finds its own, in which state that must be, how many shards there may be."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from infrastructure.embedded.apis.kinesis import refusals
from infrastructure.embedded.apis.kinesis.archive import Archive
from infrastructure.embedded.apis.kinesis.stream import FanOut, Stream, seconds
from infrastructure.embedded.gateway.refused import unsupported

SHARD_LIMITS = {"us-east-1": 20_000, "us-west-2": 20_000, "eu-west-1": 20_000}
OTHER_SHARD_LIMIT = 1_000
"""Source: Developer Guide, "Quotas and limits"."""


class Registry:
    """`backend` is moto's, which holds the streams: the tagging API and stacks look there. `lag_s`: how long a change
    takes. `clock` gives Unix seconds."""

    def __init__(
        self, backend: Any, folder: Path, *, lag_s: float = 0.0, clock: Callable[[], float] = time.time
    ) -> None:
        self._backend = backend
        self.account: str = backend.account_id
        self.region: str = backend.region_name
        self.lag_s = lag_s
        self.clock = clock
        self.archive = Archive(folder)

    # --- finding ------------------------------------------------------------------------------------------------------

    def all(self) -> list[Stream]:
        """Every stream there is, each as it is now."""
        return [stream for name in tuple(self._backend.streams) if (stream := self.get(name)) is not None]

    def get(self, name: str) -> Stream | None:
        """The stream of that name as it is now, or None."""
        stream: Stream | None = self._backend.streams.get(name)
        if stream is None:
            return None
        if stream.changes_at is not None or stream.consumers:
            stream.settle(self.clock())
        if stream.status == "gone":
            del self._backend.streams[name]
            stream.clear()
            return None
        return stream

    def find(self, given: Mapping[str, Any]) -> Stream:
        """The stream that a call names, by name, by ARN, or by both."""
        if given.get("StreamId") is not None:
            raise unsupported("StreamId of kinesis; name the stream by StreamName or StreamARN")
        arn, name = given.get("StreamARN"), given.get("StreamName")
        if arn is None and name is None:
            raise refusals.invalid("Either StreamName or StreamARN must be provided.")
        named = name if name is not None else str(arn).rpartition("/")[2]
        stream = self.get(named)
        if stream is None or (arn is not None and name is None and stream.arn != arn):
            raise refusals.no_stream(named, self.account)
        if arn is not None and stream.arn != arn:
            raise refusals.invalid(f"StreamARN {arn} and StreamName {name} are not of the same stream.")
        return stream

    def find_listed(self, given: Mapping[str, Any]) -> Stream:
        """The stream that a listing names. Of two namesakes the time of creation, if it is given, tells which."""
        stream, created = self.find(given), given.get("StreamCreationTimestamp")
        if created is not None and int(seconds(created)) != int(stream.created_at):
            raise refusals.no_stream(stream.stream_name, self.account)
        return stream

    def there(self, given: Mapping[str, Any]) -> Stream:
        """The stream that a call names, which is made: while it is being created, nobody puts or gets."""
        stream = self.find(given)
        if stream.status == "CREATING":
            raise refusals.no_stream(stream.stream_name, self.account)
        return stream

    def active(self, given: Mapping[str, Any]) -> Stream:
        """The stream that a call names, which is not being changed."""
        stream = self.find(given)
        if stream.status != "ACTIVE":
            raise refusals.in_use(
                f"Stream {stream.stream_name} under account {self.account} not ACTIVE, instead in state {stream.status}"
            )
        return stream

    def of_arn(self, arn: str) -> Stream | FanOut:
        """The stream, or the consumer of one, that an ARN names."""
        name, _, rest = arn.partition(":stream/")[2].partition("/consumer/")
        stream = self.get(name)
        if stream is None:
            raise refusals.no_stream(name, self.account)
        if not rest:
            return stream
        found = next((each for each in stream.consumers.values() if each.arn == arn), None)
        if found is None:
            raise refusals.no_consumer(rest.partition(":")[0], self.account)
        return found

    # --- changing -----------------------------------------------------------------------------------------------------

    def add(self, name: str, mode: str) -> Stream:
        now = self.clock()
        stream = Stream(
            stream_name=name,
            arn=f"arn:aws:kinesis:{self.region}:{self.account}:stream/{name}",
            account=self.account,
            created_at=now,
            keeper=self.archive,
            mode=mode,
        )
        self._backend.streams[name] = stream
        return stream

    def change(self, stream: Stream, then: Callable[[float], object] | None = None) -> None:
        """The stream is UPDATING, and later what `then` makes of it."""
        self._begin(stream, "UPDATING", then)

    def create(self, stream: Stream, then: Callable[[float], object]) -> None:
        self._begin(stream, "CREATING", then)

    def delete(self, stream: Stream) -> None:
        self._begin(stream, "DELETING", None)

    def _begin(self, stream: Stream, status: str, then: Callable[[float], object] | None) -> None:
        stream.begin(status, self.clock() + self.lag_s, then)
        self.get(stream.stream_name)  # without a lag it is done

    # --- limits -------------------------------------------------------------------------------------------------------

    @property
    def shard_limit(self) -> int:
        return SHARD_LIMITS.get(self.region, OTHER_SHARD_LIMIT)

    def provisioned_shards(self) -> int:
        """Open shards that count: those of streams on demand do not."""
        return sum(len(stream.open_shards) for stream in self.all() if stream.mode == "PROVISIONED")

    def check_shards(self, more: int) -> None:
        """Refuse so many further shards if the account may not have them."""
        count = self.provisioned_shards()
        if count + more > self.shard_limit:
            raise refusals.limit(
                f"This request would exceed the shard limit for the account {self.account} in {self.region}. Current "
                f"shard count for the account: {count}. Limit: {self.shard_limit}. Number of additional shards that "
                f"would have resulted from this request: {more}. Refer to the AWS Service Limits page "
                "(http://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html) for current limits and how to "
                "request higher limits."
            )
