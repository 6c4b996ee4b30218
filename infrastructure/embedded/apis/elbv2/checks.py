"""What AWS refuses about listeners, rules and attributes, and moto takes; what is left goes on to moto, which keeps it.

Source: https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/Welcome.html
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from infrastructure.embedded.apis.elbv2 import attributes, creation
from infrastructure.embedded.apis.elbv2.record import CARRIED, Wire, shares
from infrastructure.embedded.gateway.operations import Members, Operations, Output, operation
from infrastructure.embedded.gateway.refused import Refused, unsupported
from infrastructure.embedded.network.addresses import URL_TAG

_SHORT_FORMS: Mapping[str, str] = {"host-header": "HostHeaderConfig", "path-pattern": "PathPatternConfig"}
"""Condition fields whose values may be given without their configuration; both are answered."""

Record = Any  # moto's rules and listeners publish no types


class Checks:
    """The calls on one moto back end that are checked first. `url` says where clients find a listener, by its ARN."""

    def __init__(self, backend: Any, operations: Operations, url: Callable[[str], str | None]) -> None:
        self._backend = backend
        self._operations = operations
        self._url = url

    # --- listeners ----------------------------------------------------------------------------------------------------

    @operation("CreateListener", effect="a port listens")
    def _create_listener(self, given: Members) -> Output:
        standing = self._listener_on(given["LoadBalancerArn"], given.get("Port"))
        if standing is not None and creation.is_as_created(standing, given):
            return {"Listeners": [standing]}
        self._require_free_port(given["LoadBalancerArn"], given.get("Port"))
        self._require_certificate(given.get("Protocol"), given.get("Certificates"))
        self._require_carried(given["LoadBalancerArn"], given.get("Protocol"))
        self._require_possible(given.get("Protocol"), given["DefaultActions"])
        output = self._moto("CreateListener", given)
        creation.remember(output["Listeners"][0], given)
        return output

    @operation("ModifyListener", effect="default action changes")
    def _modify_listener(self, given: Members) -> Output:
        [listener] = self._backend.describe_listeners(None, [given["ListenerArn"]])
        if given.get("Port", int(listener.port)) != int(listener.port):
            self._require_free_port(listener.load_balancer_arn, given["Port"])
        protocol = given.get("Protocol", listener.protocol)
        self._require_certificate(protocol, given.get("Certificates") or listener.certificates)
        self._require_carried(listener.load_balancer_arn, protocol)
        self._require_possible(protocol, given.get("DefaultActions", ()))
        for rule in listener.rules.values():
            self._require_possible(protocol, [action.data for action in rule.actions])
        return self._moto("ModifyListener", given)

    def _require_free_port(self, balancer: str, port: int | None) -> None:
        if self._listener_on(balancer, port) is not None:
            text = f"A listener already exists on this port for this load balancer '{balancer}'"
            raise Refused("DuplicateListener", text)

    def _listener_on(self, balancer: str, port: int | None) -> Record | None:
        known = self._backend.load_balancers.get(balancer)
        listeners = known.listeners.values() if known is not None else ()
        return next((each for each in listeners if int(each.port) == port), None)

    def _require_certificate(self, protocol: str | None, certificates: Iterable[Any] | None) -> None:
        if protocol not in ("HTTPS", "TLS"):
            return
        if not certificates:
            raise Refused("ValidationError", f"A certificate must be specified for {protocol} listeners")
        for each in certificates:
            arn = each["CertificateArn"] if isinstance(each, Mapping) else each
            if not self._backend._certificate_exists(arn):
                raise Refused("CertificateNotFound", f"Certificate '{arn}' not found")

    def _require_carried(self, balancer: str, protocol: str | None) -> None:
        """A listener that would listen nowhere is none."""
        kind = getattr(self._backend.load_balancers.get(balancer), "type", "application")
        if (kind, protocol or "HTTP") not in CARRIED:
            what = f"{protocol} listeners of {kind} load balancers; HTTP ones of application and TCP ones of network"
            raise unsupported(f"{what} load balancers are carried")

    def _require_possible(self, protocol: str | None, actions: Iterable[Wire]) -> None:
        for action in actions:
            if protocol == "HTTP" and action["Type"].startswith("authenticate-"):
                text = f"The action type '{action['Type']}' is not valid with a listener of protocol 'HTTP'"
                raise Refused("InvalidLoadBalancerAction", text)
            for arn, _ in shares(action):
                if arn not in self._backend.target_groups:
                    raise Refused("TargetGroupNotFound", f"Target group '{arn}' not found")

    # --- rules --------------------------------------------------------------------------------------------------------

    @operation("CreateRule", effect="routes change")
    def _create_rule(self, given: Members) -> Output:
        [listener] = self._backend.describe_listeners(None, [given["ListenerArn"]])
        return self._write_rule("CreateRule", given, listener)

    @operation("ModifyRule", effect="routes change")
    def _modify_rule(self, given: Members) -> Output:
        rule = self._require_changeable(given["RuleArn"], "modified")
        [listener] = self._backend.describe_listeners(None, [rule.listener_arn])
        return self._write_rule("ModifyRule", given, listener)

    @operation("SetRulePriorities", effect="routes change")
    def _set_priorities(self, given: Members) -> Output:
        for pair in given["RulePriorities"]:
            self._require_changeable(pair["RuleArn"], "modified")
        return self._moto("SetRulePriorities", given)

    @operation("DeleteRule", effect="routes change")
    def _delete_rule(self, given: Members) -> Output:
        self._require_changeable(given["RuleArn"], "deleted")
        return self._moto("DeleteRule", given)

    def _write_rule(self, name: str, given: Members, listener: Record) -> Output:
        self._require_possible(listener.protocol, given.get("Actions", ()))
        if given.get("Transforms") or any(_expressions(given.get("Conditions", ()))):
            raise unsupported(f"{name} with transforms or regular expressions")
        output = self._moto(name, given)
        for rule in output["Rules"]:
            rule.conditions = [_whole(condition) for condition in rule.conditions]
        return output

    def _require_changeable(self, arn: str, what: str) -> Record:
        [rule] = self._backend.describe_rules(None, [arn])
        if rule.is_default:
            raise Refused("OperationNotPermitted", f"Default rule '{arn}' cannot be {what}")
        return rule

    # --- attributes and tags ------------------------------------------------------------------------------------------

    @operation("ModifyLoadBalancerAttributes", effect="idle_timeout.timeout_seconds applies")
    def _modify_balancer(self, given: Members) -> Output:
        attributes.require(given["Attributes"])
        return self._moto("ModifyLoadBalancerAttributes", given)

    @operation("ModifyTargetGroupAttributes", effect="deregistration delay, algorithm and zones apply")
    def _modify_group(self, given: Members) -> Output:
        attributes.require(given["Attributes"], attributes.GROUP_KEYS)
        self._moto("ModifyTargetGroupAttributes", given)
        return {"Attributes": self._backend.target_groups[given["TargetGroupArn"]].attributes}

    @operation("DeleteLoadBalancer", effect="its ports stop listening")
    def _delete_balancer(self, given: Members) -> Output:
        arn = given["LoadBalancerArn"]
        balancer = self._backend.load_balancers.get(arn)
        if balancer is not None and balancer.attrs.get("deletion_protection.enabled") == "true":
            text = f"Load balancer '{arn}' cannot be deleted because deletion protection is enabled"
            raise Refused("OperationNotPermitted", text)
        return self._moto("DeleteLoadBalancer", given)

    @operation("DescribeTags", effect="a listener's tags tell the URL that it is found at")
    def _describe_tags(self, given: Members) -> Output:
        for arn in given["ResourceArns"]:
            self._backend._get_resource_by_arn(arn)
        output = self._moto("DescribeTags", given)
        return {"TagDescriptions": [self._with_url(each) for each in output["TagDescriptions"]]}

    def _with_url(self, described: Mapping[str, Any]) -> Mapping[str, Any]:
        found = self._url(described["ResourceArn"])
        return described if found is None else {**described, "Tags": {**described["Tags"], URL_TAG: found}}

    def _moto(self, name: str, given: Members) -> Output:
        return self._operations.moto("elasticloadbalancing", name, given)


def _expressions(conditions: Iterable[Wire]) -> Iterator[object]:
    for condition in conditions:
        yield condition.get("RegexValues")
        yield from (config.get("RegexValues") for config in condition.values() if isinstance(config, Mapping))


def _whole(condition: Wire) -> Wire:
    """The condition in both of its forms, where it has two."""
    config = _SHORT_FORMS.get(condition["Field"])
    if config is None:
        return condition
    values = (condition.get(config) or condition)["Values"]
    return {**condition, "Values": values, config: {"Values": values}}
