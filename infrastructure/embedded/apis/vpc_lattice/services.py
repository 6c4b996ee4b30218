"""Services with their listeners and rules: what becomes routes of the data plane.

Source: https://docs.aws.amazon.com/vpc-lattice/latest/APIReference/
"""

from collections.abc import Callable
from typing import Any

from infrastructure.embedded.apis.vpc_lattice.networks import dns_entry
from infrastructure.embedded.apis.vpc_lattice.record import (
    LatticeListener,
    LatticeRule,
    LatticeService,
    Resource,
    Wire,
    new_id,
    now,
    shares,
)
from infrastructure.embedded.apis.vpc_lattice.store import (
    Names,
    Store,
    conflict,
    invalid,
    listed,
    require_new_name,
    require_room,
)
from infrastructure.embedded.gateway.operations import Members, Output, operation
from infrastructure.embedded.gateway.refused import Refused
from infrastructure.embedded.network.addresses import URL_TAG, address_of

HTTP_PORT = 80


class Services:
    """Answers about services, listeners, rules and everybody's tags. `url` says where a listener (its ARN) is found."""

    def __init__(self, store: Store, url: Callable[[str], str | None]) -> None:
        self._store = store
        self._url = url

    # --- services -----------------------------------------------------------------------------------------------------

    @operation("CreateService", effect="a domain name of its own")
    def create_service(self, given: Members) -> Output:
        kept = self._store.services
        require_new_name(kept.values(), given["name"], "SERVICE")
        require_room("services per region", len(kept) + 1)
        new = self._store.new("service", "svc")
        made = kept[new["id"]] = LatticeService(
            **new,
            name=given["name"],
            status="CREATE_IN_PROGRESS",
            address=address_of(new["arn"]),
            idle_timeout_s=given.get("idleTimeoutSeconds", 60),
            tags=dict(given.get("tags") or {}),
        )
        return _told(made)

    @operation("GetService")
    def get_service(self, given: Members) -> Output:
        return _told(self._store.service(given["serviceIdentifier"]))

    @operation("ListServices")
    def list_services(self, given: Members) -> Output:
        return listed([_told(each) for each in self._store.services.values()], given)

    @operation("UpdateService", effect="connections may be idle for longer, or shorter")
    def update_service(self, given: Members) -> Output:
        service = self._store.service(given["serviceIdentifier"])
        service.idle_timeout_s = given.get("idleTimeoutSeconds", service.idle_timeout_s)
        service.updated = now()
        return _told(service)

    @operation("DeleteService", effect="it and its listeners are gone")
    def delete_service(self, given: Members) -> Output:
        service = self._store.service(given["serviceIdentifier"])
        if any(each.service is service for each in self._store.service_associations.values()):
            text = f"Service {service.id} is associated with a service network: delete the association first"
            raise conflict(service, "SERVICE", text)
        service.status = "DELETE_IN_PROGRESS"
        return _told(service)

    # --- listeners ----------------------------------------------------------------------------------------------------

    @operation("CreateListener", effect="a port listens")
    def create_listener(self, given: Members) -> Output:
        service = self._store.service(given["serviceIdentifier"])
        port = given.get("port", HTTP_PORT)
        require_new_name(service.listeners.values(), given["name"], "LISTENER")
        for each in service.listeners.values():
            if each.port == port:
                raise conflict(each, "LISTENER", f"Service {service.id} already has a listener on port {port}")
        require_room("listeners per service", len(service.listeners) + 1)
        self._require_possible(service, given["defaultAction"])
        identity = new_id("listener")
        arn = f"{service.arn}/listener/{identity}"
        made = service.listeners[identity] = LatticeListener(
            id=identity,
            arn=arn,
            name=given["name"],
            protocol=given["protocol"],
            port=port,
            default=LatticeRule(**_rule_names(arn), name="default", action=given["defaultAction"]),
            tags=dict(given.get("tags") or {}),
        )
        return _told_listener(service, made)

    @operation("GetListener")
    def get_listener(self, given: Members) -> Output:
        return _told_listener(*self._store.listener(given))

    @operation("ListListeners")
    def list_listeners(self, given: Members) -> Output:
        service = self._store.service(given["serviceIdentifier"])
        found = [
            each.stamped(port=each.port, protocol=each.protocol) for each in service.listeners.values() if each.is_there
        ]
        return listed(found, given)

    @operation("UpdateListener", effect="the default route changes")
    def update_listener(self, given: Members) -> Output:
        service, listener = self._store.listener(given)
        self._require_possible(service, given["defaultAction"])
        listener.default.action = given["defaultAction"]
        listener.updated = listener.default.updated = now()
        return _told_listener(service, listener)

    @operation("DeleteListener", effect="the port listens no more")
    def delete_listener(self, given: Members) -> None:
        service, listener = self._store.listener(given)
        del service.listeners[listener.id]

    # --- rules --------------------------------------------------------------------------------------------------------

    @operation("CreateRule", effect="routes change")
    def create_rule(self, given: Members) -> Output:
        service, listener = self._store.listener(given)
        require_new_name(listener.rules.values(), given["name"], "RULE")
        self._require_free(listener, {given["priority"]: ""})
        require_room("rules per listener", len(listener.rules) + 1)
        self._require_possible(service, given["action"])
        made = LatticeRule(
            **_rule_names(listener.arn),
            name=given["name"],
            action=given["action"],
            match=given["match"],
            priority=given["priority"],
            tags=dict(given.get("tags") or {}),
        )
        listener.rules[made.id] = made
        return _told_rule(made)

    @operation("GetRule")
    def get_rule(self, given: Members) -> Output:
        _, listener = self._store.listener(given)
        return _told_rule(self._store.rule(listener, given["ruleIdentifier"]))

    @operation("ListRules")
    def list_rules(self, given: Members) -> Output:
        _, listener = self._store.listener(given)
        found = [each.stamped(isDefault=each.is_default, priority=each.priority or None) for each in listener.in_order]
        return listed(found, given)

    @operation("UpdateRule", effect="routes change")
    def update_rule(self, given: Members) -> Output:
        service, listener = self._store.listener(given)
        rule = self._changeable(listener, given["ruleIdentifier"])
        if "priority" in given:
            self._require_free(listener, {given["priority"]: rule.id})
        if "action" in given:
            self._require_possible(service, given["action"])
        return _told_rule(_changed(rule, given))

    @operation("BatchUpdateRule", effect="routes change, all at once")
    def update_rules(self, given: Members) -> Output:
        """All or none, so that priorities can be swapped."""
        service, listener = self._store.listener(given)
        changes = [(self._changeable(listener, each["ruleIdentifier"]), each) for each in given["rules"]]
        self._require_free(listener, {each["priority"]: rule.id for rule, each in changes if "priority" in each})
        for _, each in changes:
            if "action" in each:
                self._require_possible(service, each["action"])
        return {"successful": [_told_rule(_changed(rule, each)) for rule, each in changes], "unsuccessful": []}

    @operation("DeleteRule", effect="routes change")
    def delete_rule(self, given: Members) -> None:
        _, listener = self._store.listener(given)
        rule = self._changeable(listener, given["ruleIdentifier"])
        del listener.rules[rule.id]

    def _changeable(self, listener: LatticeListener, identifier: str) -> LatticeRule:
        rule = self._store.rule(listener, identifier)
        if rule.is_default:
            raise invalid("ruleIdentifier", "The default rule of a listener cannot be changed or deleted by itself")
        return rule

    @staticmethod
    def _require_free(listener: LatticeListener, wanted: dict[int, str]) -> None:
        """Priorities that shall be those of rules (by id, empty for a new one), while the others stay as they are."""
        moving = set(wanted.values())
        for each in listener.rules.values():
            if each.id not in moving and each.priority in wanted:
                raise conflict(each, "RULE", f"A rule with priority {each.priority} already exists")

    def _require_possible(self, service: LatticeService, action: Wire) -> None:
        """A target group is there, and serves one service alone."""
        wanted = {identity for identity, _ in shares(action)}
        for identity in wanted:
            group = self._store.group(identity)
            for other in self._store.services.values():
                if other is not service and other.is_there and group.id in other.groups:
                    text = f"Target group {group.id} is already used by service {other.id}"
                    raise conflict(group, "TARGET_GROUP", text)
        require_room("target groups per service", len(service.groups | wanted))

    # --- tags of all kinds --------------------------------------------------------------------------------------------

    @operation("ListTagsForResource")
    def list_tags(self, given: Members) -> Output:
        """A listener's tell where it is found, too."""
        found = self._store.resource(given["resourceArn"])
        url = self._url(found.arn) if isinstance(found, LatticeListener) else None
        return {"tags": {**found.tags, **({URL_TAG: url} if url else {})}}

    @operation("TagResource", record="tags")
    def tag(self, given: Members) -> None:
        found = self._store.resource(given["resourceArn"])
        tags = {**found.tags, **given["tags"]}
        _require_few(found, tags)
        found.tags = tags

    @operation("UntagResource", record="tags")
    def untag(self, given: Members) -> None:
        found = self._store.resource(given["resourceArn"])
        found.tags = {name: value for name, value in found.tags.items() if name not in given["tagKeys"]}


_MOST_TAGS = 50


def _require_few(found: Resource, tags: dict[str, str]) -> None:
    if len(tags) > _MOST_TAGS:
        raise invalid("tags", f"{found.arn} would have {len(tags)} tags; {_MOST_TAGS} are allowed")
    reserved = [name for name in tags if name.startswith("aws:") and name not in found.tags]
    if reserved:
        raise Refused("ValidationException", f"Tags that begin with aws: are reserved: {', '.join(reserved)}")


def _rule_names(listener_arn: str) -> Names:
    made = new_id("rule")
    return {"id": made, "arn": f"{listener_arn}/rule/{made}"}


def _changed(rule: LatticeRule, given: Members) -> LatticeRule:
    rule.action, rule.match = given.get("action", rule.action), given.get("match", rule.match)
    rule.priority, rule.updated = given.get("priority", rule.priority), now()
    return rule


def _told(service: LatticeService) -> dict[str, object]:
    idle_s = service.idle_timeout_s
    entry = dns_entry(service.address)
    return service.stamped(status=service.status, authType="NONE", dnsEntry=entry, idleTimeoutSeconds=idle_s)


def _told_listener(service: LatticeService, listener: LatticeListener) -> dict[str, object]:
    return listener.stamped(
        serviceArn=service.arn,
        serviceId=service.id,
        protocol=listener.protocol,
        port=listener.port,
        defaultAction=listener.default.action,
    )


def _told_rule(rule: LatticeRule) -> dict[str, Any]:
    match, priority = rule.match or None, rule.priority or None
    return rule.stamped(action=rule.action, match=match, priority=priority, isDefault=rule.is_default)
