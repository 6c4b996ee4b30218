"""What `kubectl get` shows of each kind. Source: k8s.io/kubernetes, pkg/printers/internalversion/printers.go"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from infrastructure.embedded.kubernetes.schema import kinds
from infrastructure.embedded.kubernetes.schema.age import human
from infrastructure.embedded.kubernetes.schema.column import (
    AGE,
    NAME,
    NONE,
    UNKNOWN,
    Column,
    column,
    count,
    path,
    since,
)
from infrastructure.embedded.kubernetes.schema.kinds import Kind
from infrastructure.embedded.kubernetes.schema.pod_columns import PODS
from infrastructure.embedded.kubernetes.store import objects, selectors
from infrastructure.embedded.kubernetes.store.objects import Object

# --- what runs pods ---------------------------------------------------------------------------------------------------


def _containers(of: Object) -> Sequence[Mapping[str, Any]]:
    found: Sequence[Mapping[str, Any]] = path("spec", "template", "spec", "containers", default=())(of)
    return found


_TEMPLATE = (
    column("Containers", lambda of: ",".join(each["name"] for each in _containers(of)), wide=True),
    column("Images", lambda of: ",".join(each.get("image", "") for each in _containers(of)), wide=True),
    column("Selector", lambda of: selectors.text_of(objects.spec(of).get("selector")) or NONE, wide=True),
)
_DEPLOYMENTS = (
    NAME,
    column("Ready", lambda of: f"{count('status', 'readyReplicas')(of)}/{count('spec', 'replicas')(of)}"),
    column("Up-to-date", count("status", "updatedReplicas"), number=True),
    column("Available", count("status", "availableReplicas"), number=True),
    AGE,
    *_TEMPLATE,
)
_REPLICA_SETS = (
    NAME,
    column("Desired", count("spec", "replicas"), number=True),
    column("Current", count("status", "replicas"), number=True),
    column("Ready", count("status", "readyReplicas"), number=True),
    AGE,
    *_TEMPLATE,
)
_DAEMON_SETS = (
    NAME,
    column("Desired", count("status", "desiredNumberScheduled"), number=True),
    column("Current", count("status", "currentNumberScheduled"), number=True),
    column("Ready", count("status", "numberReady"), number=True),
    column("Up-to-date", count("status", "updatedNumberScheduled"), number=True),
    column("Available", count("status", "numberAvailable"), number=True),
    column("Node Selector", lambda of: _joined(path("spec", "template", "spec", "nodeSelector", default={})(of))),
    AGE,
    *_TEMPLATE,
)


def _joined(of: Mapping[str, str]) -> str:
    return ",".join(f"{key}={value}" for key, value in sorted(of.items())) or NONE


def _job_status(of: Object) -> str:
    for kind, word in (("Complete", "Complete"), ("Failed", "Failed"), ("Suspended", "Suspended")):
        if objects.is_true(of, kind):
            return word
    return "Terminating" if objects.is_deleting(of) else "Running"


def _job_duration(of: Object, now: float) -> str:
    start, end = objects.status(of).get("startTime"), objects.status(of).get("completionTime")
    return human((objects.seconds(end) if end else now) - objects.seconds(start)) if start else ""


def _completions(of: Object) -> str:
    succeeded, wanted = count("status", "succeeded")(of), objects.spec(of).get("completions")
    parallel = objects.spec(of).get("parallelism") or 0
    return (
        f"{succeeded}/{wanted}" if wanted is not None else f"{succeeded}/1{f' of {parallel}' if parallel > 1 else ''}"
    )


_JOBS = (
    NAME,
    column("Status", _job_status),
    column("Completions", _completions),
    Column(name="Duration", value=_job_duration),
    AGE,
    *_TEMPLATE,
)
_CRON_JOBS = (
    NAME,
    column("Schedule", path("spec", "schedule")),
    column("Timezone", path("spec", "timeZone", default=NONE)),
    column("Suspend", lambda of: str(bool(objects.spec(of).get("suspend")))),
    column("Active", lambda of: len(objects.status(of).get("active") or ()), number=True),
    Column(
        name="Last Schedule",
        value=lambda of, now: since(last, now) if (last := objects.status(of).get("lastScheduleTime")) else NONE,
    ),
    AGE,
)

# --- the others -------------------------------------------------------------------------------------------------------


def _node_status(of: Object) -> str:
    ready = objects.condition(of, "Ready")
    word = "Unknown" if ready is None else "Ready" if ready["status"] == "True" else "NotReady"
    return f"{word},SchedulingDisabled" if objects.spec(of).get("unschedulable") else word


def _node_roles(of: Object) -> str:
    prefix = "node-role.kubernetes.io/"
    return ",".join(sorted(key.removeprefix(prefix) for key in objects.labels(of) if key.startswith(prefix))) or NONE


def _node_address(kind: str) -> Callable[[Object], str]:
    def value(of: Object) -> str:
        addresses = objects.status(of).get("addresses") or ()
        return next((each["address"] for each in addresses if each["type"] == kind), NONE)

    return value


def _node_info(name: str) -> Callable[[Object], Any]:
    return path("status", "nodeInfo", name, default=UNKNOWN)


_NODES = (
    NAME,
    column("Status", _node_status),
    column("Roles", _node_roles),
    AGE,
    column("Version", path("status", "nodeInfo", "kubeletVersion")),
    column("Internal-IP", _node_address("InternalIP"), wide=True),
    column("External-IP", _node_address("ExternalIP"), wide=True),
    column("OS-Image", _node_info("osImage"), wide=True),
    column("Kernel-Version", _node_info("kernelVersion"), wide=True),
    column("Container-Runtime", _node_info("containerRuntimeVersion"), wide=True),
)


def _port(of: Mapping[str, Any]) -> str:
    number = f"{of['port']}:{of['nodePort']}" if "nodePort" in of else of["port"]
    return f"{number}/{of.get('protocol', 'TCP')}"


def _ports(of: Object) -> str:
    return ",".join(map(_port, objects.spec(of).get("ports") or ())) or NONE


_SERVICES = (
    NAME,
    column("Type", path("spec", "type")),
    column("Cluster-IP", path("spec", "clusterIP", default=NONE)),
    column("External-IP", lambda _: NONE),
    column("Port(s)", _ports),
    AGE,
    column("Selector", lambda of: _joined(objects.spec(of).get("selector") or {}), wide=True),
)


def _event_object(of: Object) -> str:
    about = of.get("involvedObject") or {}
    return f"{str(about.get('kind', '')).lower()}/{about.get('name', '')}"


_EVENTS = (
    Column(name="Last Seen", value=lambda of, now: since(of.get("lastTimestamp") or of.get("eventTime"), now)),
    column("Type", path("type")),
    column("Reason", path("reason")),
    column("Object", _event_object),
    column("Subobject", path("involvedObject", "fieldPath"), wide=True),
    column("Source", path("source", "component"), wide=True),
    column("Message", lambda of: str(of.get("message") or "").strip()),
    Column(name="First Seen", value=lambda of, now: since(of.get("firstTimestamp"), now), is_wide=True),
    column("Count", count("count"), wide=True, number=True),
    Column(name="Name", value=NAME.value, is_wide=True),
)


def _usage_target(of: Object) -> str:
    """`cpu: 42%/80%`, with the current value as far as it is known."""
    shown = []
    current = {each.get("resource", {}).get("name"): each for each in objects.status(of).get("currentMetrics") or ()}
    for each in objects.spec(of).get("metrics") or ():
        resource = each.get("resource") or {}
        wanted = resource.get("target", {}).get("averageUtilization")
        seen = (
            (current.get(resource.get("name")) or {}).get("resource", {}).get("current", {}).get("averageUtilization")
        )
        shown.append(f"{resource.get('name')}: {UNKNOWN if seen is None else f'{seen}%'}/{wanted}%")
    return ", ".join(shown) or NONE


_AUTOSCALERS = (
    NAME,
    column("Reference", lambda of: "{kind}/{name}".format(**objects.spec(of)["scaleTargetRef"])),
    column("Targets", _usage_target),
    column("MinPods", count("spec", "minReplicas")),
    column("MaxPods", count("spec", "maxReplicas"), number=True),
    column("Replicas", count("status", "currentReplicas"), number=True),
    AGE,
)
_BUDGETS = (
    NAME,
    column("Min Available", lambda of: str(path("spec", "minAvailable", default="N/A")(of))),
    column("Max Unavailable", lambda of: str(path("spec", "maxUnavailable", default="N/A")(of))),
    column("Allowed Disruptions", count("status", "disruptionsAllowed"), number=True),
    AGE,
)


def _slice_ports(of: Object) -> str:
    return ",".join(str(each.get("port")) for each in of.get("ports") or ()) or "<unset>"


def _slice_endpoints(of: Object) -> str:
    return ",".join(address for each in of.get("endpoints") or () for address in each["addresses"]) or "<unset>"


_ROLE_OF = column("Role", lambda of: f"{of['roleRef']['kind']}/{of['roleRef']['name']}")
_CREATED = column("Created At", lambda of: objects.meta(of).get("creationTimestamp"))
_BINDINGS = (
    NAME,
    column("Service-Name", path("spec", "serviceRef", "name")),
    column("Service-Port", lambda of: str(path("spec", "serviceRef", "port")(of))),
    column("Target-Type", path("spec", "targetType")),
    column("Arn", path("spec", "targetGroupARN"), wide=True),
    AGE,
)
_COLUMNS: Mapping[str, tuple[Column, ...]] = {
    kinds.NAMESPACE.id: (NAME, column("Status", path("status", "phase")), AGE),
    kinds.NODE.id: _NODES,
    kinds.POD.id: PODS,
    kinds.SERVICE.id: _SERVICES,
    kinds.CONFIG_MAP.id: (
        NAME,
        column("Data", lambda of: str(len(of.get("data") or {}) + len(of.get("binaryData") or {}))),
        AGE,
    ),
    kinds.SECRET.id: (
        NAME,
        column("Type", path("type")),
        column("Data", lambda of: str(len(of.get("data") or {}))),
        AGE,
    ),
    kinds.EVENT.id: _EVENTS,
    kinds.DEPLOYMENT.id: _DEPLOYMENTS,
    kinds.REPLICA_SET.id: _REPLICA_SETS,
    kinds.DAEMON_SET.id: _DAEMON_SETS,
    kinds.JOB.id: _JOBS,
    kinds.CRON_JOB.id: _CRON_JOBS,
    kinds.BUDGET.id: _BUDGETS,
    kinds.AUTOSCALER.id: _AUTOSCALERS,
    kinds.ENDPOINT_SLICE.id: (
        NAME,
        column("AddressType", path("addressType")),
        column("Ports", _slice_ports),
        column("Endpoints", _slice_endpoints),
        AGE,
    ),
    kinds.TARGET_GROUP_BINDING.id: _BINDINGS,
    kinds.LEASE.id: (NAME, column("Holder", path("spec", "holderIdentity")), AGE),
    kinds.ROLE.id: (NAME, _CREATED),
    kinds.CLUSTER_ROLE.id: (NAME, _CREATED),
    kinds.ROLE_BINDING.id: (NAME, _ROLE_OF, AGE),
    kinds.CLUSTER_ROLE_BINDING.id: (NAME, _ROLE_OF, AGE),
}


def columns(kind: Kind) -> tuple[Column, ...]:
    """Those of a kind; name and age for one that has no others."""
    return _COLUMNS.get(kind.id, (NAME, AGE))
