"""The stages of an order after it was taken: what its way through each of them is called, and where it is read."""

from collections.abc import Callable
from dataclasses import dataclass

from plugins.books.captures import Capture, indicators_of, read_captures
from plugins.books.readers import Cloud
from plugins.books.revenue import read_arrivals


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """`name` is what its indicators begin with; `again` what has come to pass when it works again."""

    name: str
    read: Callable[[Cloud], tuple[Capture, ...]]
    again: str

    @property
    def indicators(self) -> tuple[str, ...]:
        return indicators_of(self.name)


STAGES = (
    Stage(name="capture", read=read_captures, again="captured in time again"),
    Stage(name="revenue", read=read_arrivals, again="in the revenue in time again"),
)


def stage_of(indicator: str) -> Stage | None:
    """The stage that an indicator is measured on; None for those of requests."""
    return next((stage for stage in STAGES if indicator.startswith(f"{stage.name}.")), None)
