"""What the API refuses of an object that is of its type: names, what must be there, what must not change.

Source: k8s.io/kubernetes, pkg/apis/*/validation; https://kubernetes.io/docs/concepts/overview/working-with-objects/names/
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from infrastructure.embedded.kubernetes.schema import check, kinds
from infrastructure.embedded.kubernetes.schema.kinds import Kind
from infrastructure.embedded.kubernetes.store import objects, quantity, selectors
from infrastructure.embedded.kubernetes.store.cron import schedule_of
from infrastructure.embedded.kubernetes.store.errors import (
    Cause,
    denied,
    forbidden_field,
    invalid,
    not_supported,
    required,
)
from infrastructure.embedded.kubernetes.store.objects import Object

_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_IS_LABEL = re.compile(_LABEL)
_IS_SUBDOMAIN = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_IS_VALUE = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
_IS_PATH_PART = re.compile(r"(?!\.{1,2}$)[^/%]+")
_SUBDOMAIN_TEXT = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_LABEL_TEXT = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with "
    "an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
_LABEL_NAMED = frozenset({"namespaces", "services"})
"""Kinds whose names are parts of host names."""
_MOST_NAME, _MOST_LABEL = 253, 63
_IMMUTABLE = "field is immutable"
_POD_MAY_CHANGE = ("image",)
_POD_TEXT = (
    "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
    "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)


def problems(of: Object, kind: Kind, before: Object | None = None) -> list[Cause]:
    """All that is wrong with a complete object; with what it was before, also what must not change."""
    found = list(_metadata(of, kind))
    given = {name: value for name, value in of.items() if name != "status"}  # which is not a person's to give
    found += [required(place) for place in check.missing(given, kind.name) if place not in ("metadata", "status")]
    if not found:
        found += _OF_KIND.get(kind.id, _nothing)(of)
    if before is not None and not found:
        found += _CHANGES.get(kind.id, _no_change)(before, of)
    return found


def _nothing(_: Object) -> Iterator[Cause]:
    return iter(())


def _no_change(_before: Object, _of: Object) -> Iterator[Cause]:
    return iter(())


def _metadata(of: Object, kind: Kind) -> Iterator[Cause]:
    name = objects.name(of)
    if not name:
        yield required("metadata.name", "name or generateName is required")
        return
    if kind.group == "rbac.authorization.k8s.io":
        if not _IS_PATH_PART.fullmatch(name):
            yield invalid("metadata.name", name, "may not contain '/' or '%', nor be '.' or '..'")
    elif kind.id in _LABEL_NAMED and not (_IS_LABEL.fullmatch(name) and len(name) <= _MOST_LABEL):
        yield invalid("metadata.name", name, _LABEL_TEXT)
    elif not _IS_SUBDOMAIN.fullmatch(name) or len(name) > _MOST_NAME:
        yield invalid("metadata.name", name, _SUBDOMAIN_TEXT)
    for key, value in objects.labels(of).items():
        if len(value) > _MOST_LABEL or not _IS_VALUE.fullmatch(value):
            yield invalid(
                "metadata.labels",
                value,
                "a valid label must be an empty string or consist of alphanumeric characters, "
                "'-', '_' or '.', and must start and end with an alphanumeric character",
            )
        if not _is_qualified(key):
            yield invalid("metadata.labels", key, "name part must consist of alphanumeric characters, '-', '_' or '.'")


def _is_qualified(key: str) -> bool:
    prefix, slash, name = key.rpartition("/")
    if slash and not _IS_SUBDOMAIN.fullmatch(prefix):
        return False
    return bool(name) and len(name) <= _MOST_LABEL and _IS_VALUE.fullmatch(name) is not None


# --- pods -------------------------------------------------------------------------------------------------------------


def _pod_spec(of: Mapping[str, Any], at: str) -> Iterator[Cause]:
    containers = of.get("containers") or []
    if not containers:
        yield required(f"{at}.containers")
    seen: set[str] = set()
    for field in ("initContainers", "containers"):
        for number, each in enumerate(of.get(field) or ()):
            yield from _container(each, f"{at}.{field}[{number}]", seen)
    policy = of.get("restartPolicy")
    if policy not in ("Always", "OnFailure", "Never"):
        yield not_supported(f"{at}.restartPolicy", policy, ("Always", "OnFailure", "Never"))
    grace = of.get("terminationGracePeriodSeconds", 0)
    if grace < 0:
        yield invalid(f"{at}.terminationGracePeriodSeconds", grace, "must be greater than or equal to 0")


def _container(of: Mapping[str, Any], at: str, seen: set[str]) -> Iterator[Cause]:
    name = of["name"]
    if not _IS_LABEL.fullmatch(name):
        yield invalid(f"{at}.name", name, _LABEL_TEXT)
    if name in seen:
        yield Cause(field=f"{at}.name", reason="FieldValueDuplicate", message=f'Duplicate value: "{name}"')
    seen.add(name)
    if not of.get("image"):
        yield required(f"{at}.image")
    resources = of.get("resources") or {}
    for what, limit in (resources.get("limits") or {}).items():
        asked = (resources.get("requests") or {}).get(what, 0)
        if quantity.value(asked) > quantity.value(limit):
            yield invalid(f"{at}.resources.requests", asked, f"must be less than or equal to {what} limit of {limit}")
    for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
        if probe in of:
            yield from _probe(of[probe], f"{at}.{probe}", is_success_free=probe == "readinessProbe")


def _probe(of: Mapping[str, Any], at: str, *, is_success_free: bool) -> Iterator[Cause]:
    handlers = [each for each in ("exec", "httpGet", "tcpSocket", "grpc") if each in of]
    if len(handlers) != 1:
        yield (
            required(at, "must specify a handler type")
            if not handlers
            else forbidden_field(f"{at}.{handlers[1]}", "may not specify more than 1 handler type")
        )
    if not is_success_free and of.get("successThreshold", 1) != 1:
        yield invalid(f"{at}.successThreshold", of["successThreshold"], "must be 1")


def _pod(of: Object) -> Iterator[Cause]:
    yield from _pod_spec(of["spec"], "spec") if "spec" in of else iter((required("spec.containers"),))


def _pod_changes(before: Object, of: Object) -> Iterator[Cause]:
    if _fixed(before) != _fixed(of):
        yield forbidden_field("spec", _POD_TEXT)


def _fixed(pod: Object) -> dict[str, Any]:
    """What of a pod's spec may not change; the node is given once, by a binding, which does not come this way."""
    spec = objects.spec(pod)
    free = ("activeDeadlineSeconds", "tolerations", "containers", "initContainers")
    containers = [
        {name: value for name, value in each.items() if name not in _POD_MAY_CHANGE}
        for field in ("initContainers", "containers")
        for each in spec.get(field) or ()
    ]
    return {**{name: value for name, value in spec.items() if name not in free}, "containers": containers}


# --- what runs pods ---------------------------------------------------------------------------------------------------


def _templated(of: Object) -> Iterator[Cause]:
    """A selector that selects the pods of its own template."""
    spec = of["spec"]
    template = spec.get("template") or {}
    labels = objects.labels(template)
    selector = spec.get("selector") or {}
    if not selector.get("matchLabels") and not selector.get("matchExpressions"):
        yield invalid("spec.selector", selector or "{}", "empty selector is invalid for deployment")
    elif not selectors.of_selector(selector)(labels):
        yield invalid("spec.template.metadata.labels", dict(labels), "`selector` does not match template `labels`")
    if spec.get("replicas", 0) < 0:
        yield invalid("spec.replicas", spec["replicas"], "must be greater than or equal to 0")
    yield from _pod_spec(template.get("spec") or {}, "spec.template.spec")
    policy = (template.get("spec") or {}).get("restartPolicy")
    if policy in ("OnFailure", "Never"):
        yield not_supported("spec.template.spec.restartPolicy", policy, ("Always",))
    rolling = (spec.get("strategy") or {}).get("rollingUpdate")
    if rolling and all(str(rolling.get(name)) in ("0", "0%") for name in ("maxSurge", "maxUnavailable")):
        yield invalid("spec.strategy.rollingUpdate.maxUnavailable", 0, "may not be 0 when `maxSurge` is 0")


def _selector_stays(before: Object, of: Object) -> Iterator[Cause]:
    if before["spec"].get("selector") != of["spec"].get("selector"):
        yield invalid("spec.selector", of["spec"].get("selector"), _IMMUTABLE)


def _job(of: Object) -> Iterator[Cause]:
    spec = (of.get("spec") or {}).get("template", {}).get("spec") or {}
    yield from _pod_spec(spec, "spec.template.spec")
    if spec.get("restartPolicy") == "Always":
        yield not_supported("spec.template.spec.restartPolicy", "Always", ("OnFailure", "Never"))


def _job_changes(before: Object, of: Object) -> Iterator[Cause]:
    for name in ("completions", "selector", "template"):
        if before["spec"].get(name) != of["spec"].get(name):
            yield invalid(f"spec.{name}", of["spec"].get(name), _IMMUTABLE)


def _cron_job(of: Object) -> Iterator[Cause]:
    spec = of["spec"]
    try:
        schedule_of(spec["schedule"], spec.get("timeZone", ""))
    except ValueError as problem:
        yield invalid("spec.schedule", spec["schedule"], str(problem))
    template = ((spec["jobTemplate"].get("spec") or {}).get("template") or {}).get("spec") or {}
    yield from _pod_spec(template, "spec.jobTemplate.spec.template.spec")


def _budget(of: Object) -> Iterator[Cause]:
    spec = objects.spec(of)
    if "minAvailable" in spec and "maxUnavailable" in spec:
        yield invalid("spec", dict(spec), "minAvailable and maxUnavailable cannot be both set")
    for name in ("minAvailable", "maxUnavailable"):
        value = spec.get(name)
        if isinstance(value, str) and not re.fullmatch(r"\d+%", value):
            yield invalid(
                f"spec.{name}", value, "a valid percent string must be a numeric string followed by an ending '%'"
            )
        elif isinstance(value, int) and value < 0:
            yield invalid(f"spec.{name}", value, "must be greater than or equal to 0")


def _autoscaler(of: Object) -> Iterator[Cause]:
    spec = of["spec"]
    least, most = spec["minReplicas"], spec["maxReplicas"]
    if least < 1:
        yield invalid("spec.minReplicas", least, "must be greater than or equal to 1")
    if most < least:
        yield invalid("spec.maxReplicas", most, "must be greater than or equal to `minReplicas`")
    for number, each in enumerate(spec["metrics"]):
        if (each.get("resource") or {}).get("name") != "cpu":
            allowed = "the embedded cloud measures the CPU of pods, and no other metric"
            yield invalid(f"spec.metrics[{number}]", each.get("type"), allowed)


_SERVICE_FIELDS = {
    "type": ("ClusterIP", "NodePort", "ExternalName"),
    "sessionAffinity": ("None",),
    "internalTrafficPolicy": ("Cluster",),
    "externalTrafficPolicy": ("Cluster",),
}
"""What the embedded cloud carries. On EKS a Service of type LoadBalancer makes a Network Load Balancer: here that is
made in a stack, and the Service bound to its target group (TargetGroupBinding).
"""


def _service(of: Object) -> Iterator[Cause]:
    spec = of.get("spec") or {}
    if not spec.get("ports") and spec.get("clusterIP") != "None":
        yield required("spec.ports")
    for number, each in enumerate(spec.get("ports") or ()):
        if not 0 < each["port"] < 65_536:
            yield invalid(f"spec.ports[{number}].port", each["port"], "must be between 1 and 65535, inclusive")
        if each.get("protocol", "TCP") != "TCP":
            yield not_supported(f"spec.ports[{number}].protocol", each["protocol"], ("TCP",))
    for field, allowed in _SERVICE_FIELDS.items():
        if spec.get(field, allowed[0]) not in allowed:
            yield not_supported(f"spec.{field}", spec[field], allowed)
    if spec.get("externalIPs"):
        why = "are not provided by the embedded cloud: bind the service to a target group (TargetGroupBinding)"
        yield invalid("spec.externalIPs", spec["externalIPs"], why)


def _service_changes(before: Object, of: Object) -> Iterator[Cause]:
    was, spec = before["spec"], of["spec"]
    if "ExternalName" not in (was["type"], spec["type"]) and was.get("clusterIP") != spec.get("clusterIP"):
        yield invalid("spec.clusterIPs[0]", spec.get("clusterIP"), "may not change once set")


def _target_group_binding(of: Object) -> Iterator[Cause]:
    spec = of.get("spec")
    if not spec:
        yield required("spec")
        return
    for field, allowed in (("targetType", ("instance", "ip")), ("ipAddressType", ("ipv4", "ipv6"))):
        if spec.get(field, allowed[0]) not in allowed:
            yield not_supported(f"spec.{field}", spec[field], allowed)
    if spec.get("multiClusterTargetGroup"):
        yield invalid("spec.multiClusterTargetGroup", True, "is not provided by the embedded cloud; leave it out")


def _binding_changes(before: Object, of: Object) -> Iterator[Cause]:
    names = ("targetGroupARN", "targetType", "ipAddressType", "vpcID")
    changed = [f"spec.{name}" for name in names if before["spec"].get(name) != of["spec"].get(name)]
    if changed:
        why = f"TargetGroupBinding update may not change these fields: {','.join(changed)}"
        raise denied("vtargetgroupbinding.eks.amazonaws.com", why)
    yield from ()


_OF_KIND: Mapping[str, Callable[[Object], Iterator[Cause]]] = {
    kinds.POD.id: _pod,
    kinds.DEPLOYMENT.id: _templated,
    kinds.REPLICA_SET.id: _templated,
    kinds.DAEMON_SET.id: _templated,
    kinds.JOB.id: _job,
    kinds.CRON_JOB.id: _cron_job,
    kinds.BUDGET.id: _budget,
    kinds.AUTOSCALER.id: _autoscaler,
    kinds.SERVICE.id: _service,
    kinds.TARGET_GROUP_BINDING.id: _target_group_binding,
}
_CHANGES: Mapping[str, Callable[[Object, Object], Iterator[Cause]]] = {
    kinds.SERVICE.id: _service_changes,
    kinds.POD.id: _pod_changes,
    kinds.DEPLOYMENT.id: _selector_stays,
    kinds.REPLICA_SET.id: _selector_stays,
    kinds.DAEMON_SET.id: _selector_stays,
    kinds.JOB.id: _job_changes,
    kinds.TARGET_GROUP_BINDING.id: _binding_changes,
}
