"""What happened to clusters and instances, as DescribeEvents gives it.

Source of ids, categories and messages:
https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/USER_Events.Messages.html
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from infrastructure.embedded.gateway.operations import Members, Output, operation
from infrastructure.embedded.gateway.refused import Refused

Record = Any  # moto's clusters and instances, which publish no types
_DEFAULT_MINUTES = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class EventKind:
    """One entry of AWS's table. `message` has the name of an instance where it says `{name}`."""

    category: str
    message: str


EVENTS: Mapping[str, EventKind] = {
    "RDS-EVENT-0003": EventKind(category="deletion", message="DB instance deleted"),
    "RDS-EVENT-0004": EventKind(category="availability", message="DB instance shutdown"),
    "RDS-EVENT-0005": EventKind(category="creation", message="DB instance created"),
    "RDS-EVENT-0006": EventKind(category="availability", message="DB instance restarted"),
    "RDS-EVENT-0016": EventKind(category="configuration change", message="Reset master credentials"),
    "RDS-EVENT-0020": EventKind(category="recovery", message="Recovery of the DB instance has started"),
    "RDS-EVENT-0021": EventKind(category="recovery", message="Recovery of the DB instance is complete"),
    "RDS-EVENT-0045": EventKind(category="read replica", message="Replication has stopped"),
    "RDS-EVENT-0046": EventKind(category="read replica", message="Replication for the Read Replica resumed"),
    "RDS-EVENT-0069": EventKind(
        category="failover", message="Cluster failover failed, check the health of your cluster instances and try again"
    ),
    "RDS-EVENT-0071": EventKind(category="failover", message="Completed failover to DB instance: {name}"),
    "RDS-EVENT-0072": EventKind(category="failover", message="Started same AZ failover to DB instance: {name}"),
    "RDS-EVENT-0073": EventKind(category="failover", message="Started cross AZ failover to DB instance: {name}"),
    "RDS-EVENT-0087": EventKind(category="notification", message="DB instance stopped"),
    "RDS-EVENT-0088": EventKind(category="notification", message="DB instance started"),
    "RDS-EVENT-0150": EventKind(category="notification", message="DB cluster stopped"),
    "RDS-EVENT-0151": EventKind(category="notification", message="DB cluster started"),
    "RDS-EVENT-0170": EventKind(category="creation", message="DB cluster created"),
    "RDS-EVENT-0171": EventKind(category="deletion", message="DB cluster deleted"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event, with the attributes that answers read. `event_id` is not part of DescribeEvents' answer."""

    event_id: str
    source_identifier: str
    source_type: str
    source_arn: str
    message: str
    event_categories: tuple[str, ...]
    date: datetime = field(default_factory=lambda: datetime.now(UTC))


class Events:
    """All there were, oldest first."""

    def __init__(self) -> None:
        self.all: list[Event] = []

    def note(self, event_id: str, record: Record, name: str = "") -> None:
        """File the event `event_id` of AWS's table about a cluster or an instance; `KeyError` for an unknown id."""
        kind = EVENTS[event_id]
        self.all.append(
            Event(
                event_id=event_id,
                source_identifier=record.resource_id,
                source_type=record.event_source_type,
                source_arn=record.arn,
                message=kind.message.format(name=name),
                event_categories=(kind.category,),
            )
        )

    @operation("DescribeEvents", effect="failovers, restarts, creations as they happened")
    def _describe(self, given: Members) -> Output:
        """The events of a span; without one those of the last hour, or the last `Duration` minutes."""
        source, kind, wanted = given.get("SourceIdentifier"), given.get("SourceType"), given.get("EventCategories")
        if source is not None and kind is None:
            raise Refused("InvalidParameterCombination", "Cannot specify source identifier without source type")
        until = _aware(given.get("EndTime") or datetime.now(UTC))
        since = _aware(given.get("StartTime") or until - timedelta(minutes=given.get("Duration") or _DEFAULT_MINUTES))
        found = [
            event
            for event in self.all
            if since <= event.date <= until
            and source in (None, event.source_identifier)
            and kind in (None, event.source_type)
            and (not wanted or set(wanted) & set(event.event_categories))
        ]
        return {"Events": found}


def _aware(moment: datetime) -> datetime:
    """Times on the wire are UTC and may not say so."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
