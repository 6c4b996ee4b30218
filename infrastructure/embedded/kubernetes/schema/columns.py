"""What `kubectl get` shows of each kind. Source: k8s.io/kubernetes, pkg/printers/internalversion/printers.go"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from infrastructure.embedded.kubernetes.schema import kinds
from infrastructure.embedded.kubernetes.schema.age import human
from infrastructure.embedded.kubernetes.schema.kinds import Kind
from infrastructure.embedded.kubernetes.store import objects, selectors
from infrastructure.embedded.kubernetes.store.objects import Object

NONE, UNKNOWN = "<none>", "<unknown>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column; `is_wide`: only `-o wide` shows it. `value` gets the object and the time now, in Unix seconds."""

    name: str
    value: Callable[[Object, float], Any]
    type: str = "string"
    is_wide: bool = False


def _column(name: str, value: Callable[[Object], Any], *, wide: bool = False, number: bool = False) -> Column:
    shown = "integer" if number else "string"
    return Column(name=name, value=lambda of, _now: value(of), type=shown, is_wide=wide)


def _since(stamped: object, now: float) -> str:
    return human(now - objects.seconds(str(stamped))) if stamped else UNKNOWN


def _path(*parts: str, default: Any = "") -> Callable[[Object], Any]:
    def value(of: Object) -> Any:
        found: Any = of
        for part in parts:
            found = (found or {}).get(part)
        return default if found is None else found

    return value


def _count(*parts: str) -> Callable[[Object], Any]:
    return _path(*parts, default=0)


NAME = Column(name="Name", value=lambda of, _: objects.name(of))
AGE = Column(name="Age", value=lambda of, now: _since(objects.meta(of).get("creationTimestamp"), now))


# --- pods -------------------------------------------------------------------------------------------------------------


def pod_reason(of: Object) -> str:
    """The one word under STATUS: what keeps the pod from running, else its phase."""
    state = objects.status(of)
    reason = str(state.get("reason") or state.get("phase") or UNKNOWN)
    initialising = _init_reason(of)
    if initialising:
        reason = initialising
    else:
        for each in reversed(state.get("containerStatuses") or ()):
            reason = _container_reason(each) or reason
        if reason == "Completed" and any(each.get("ready") for each in state.get("containerStatuses") or ()):
            reason = "Running" if objects.is_true(of, "Ready") else "NotReady"
    if objects.is_deleting(of):
        return "Unknown" if state.get("reason") == "NodeLost" else "Terminating"
    return reason


def _container_reason(of: Mapping[str, Any]) -> str:
    state = of.get("state") or {}
    waiting, ended = state.get("waiting"), state.get("terminated")
    if waiting:
        return str(waiting.get("reason", ""))
    if ended:
        return str(ended.get("reason") or f"{'Signal' if ended.get('signal') else 'ExitCode'}:{ended.get('exitCode')}")
    return ""


def _init_reason(of: Object) -> str:
    statuses = objects.status(of).get("initContainerStatuses") or ()
    total = len(objects.spec(of).get("initContainers") or ())
    for number, each in enumerate(statuses):
        ended = (each.get("state") or {}).get("terminated")
        if ended and ended.get("exitCode") == 0:
            continue
        reason = _container_reason(each)
        return f"Init:{reason}" if reason and reason != "PodInitializing" else f"Init:{number}/{total}"
    return ""


def _ready(of: Object) -> str:
    statuses = objects.status(of).get("containerStatuses") or ()
    return f"{sum(bool(each.get('ready')) for each in statuses)}/{len(objects.spec(of).get('containers') or ())}"


def _restarts(of: Object, now: float) -> str:
    statuses = objects.status(of).get("containerStatuses") or ()
    count = sum(int(each.get("restartCount", 0)) for each in statuses)
    ends = [(each.get("lastState") or {}).get("terminated", {}).get("finishedAt") for each in statuses]
    last = max(filter(None, ends), default=None)
    return f"{count} ({_since(last, now)} ago)" if count and last else str(count)


def _gates(of: Object) -> str:
    gates = objects.spec(of).get("readinessGates") or ()
    return f"{sum(objects.is_true(of, each['conditionType']) for each in gates)}/{len(gates)}" if gates else NONE


_PODS = (
    NAME,
    _column("Ready", _ready),
    _column("Status", pod_reason),
    Column(name="Restarts", value=_restarts),
    AGE,
    _column("IP", lambda of: objects.status(of).get("podIP") or NONE, wide=True),
    _column("Node", lambda of: objects.spec(of).get("nodeName") or NONE, wide=True),
    _column("Nominated Node", lambda of: objects.status(of).get("nominatedNodeName") or NONE, wide=True),
    _column("Readiness Gates", _gates, wide=True),
)

# --- what runs pods ---------------------------------------------------------------------------------------------------


def _containers(of: Object) -> Sequence[Mapping[str, Any]]:
    found: Sequence[Mapping[str, Any]] = _path("spec", "template", "spec", "containers", default=())(of)
    return found


_TEMPLATE = (
    _column("Containers", lambda of: ",".join(each["name"] for each in _containers(of)), wide=True),
    _column("Images", lambda of: ",".join(each.get("image", "") for each in _containers(of)), wide=True),
    _column("Selector", lambda of: selectors.text_of(objects.spec(of).get("selector")) or NONE, wide=True),
)
_DEPLOYMENTS = (
    NAME,
    _column("Ready", lambda of: f"{_count('status', 'readyReplicas')(of)}/{_count('spec', 'replicas')(of)}"),
    _column("Up-to-date", _count("status", "updatedReplicas"), number=True),
    _column("Available", _count("status", "availableReplicas"), number=True),
    AGE,
    *_TEMPLATE,
)
_REPLICA_SETS = (
    NAME,
    _column("Desired", _count("spec", "replicas"), number=True),
    _column("Current", _count("status", "replicas"), number=True),
    _column("Ready", _count("status", "readyReplicas"), number=True),
    AGE,
    *_TEMPLATE,
)
_DAEMON_SETS = (
    NAME,
    _column("Desired", _count("status", "desiredNumberScheduled"), number=True),
    _column("Current", _count("status", "currentNumberScheduled"), number=True),
    _column("Ready", _count("status", "numberReady"), number=True),
    _column("Up-to-date", _count("status", "updatedNumberScheduled"), number=True),
    _column("Available", _count("status", "numberAvailable"), number=True),
    _column("Node Selector", lambda of: _joined(_path("spec", "template", "spec", "nodeSelector", default={})(of))),
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
    succeeded, wanted = _count("status", "succeeded")(of), objects.spec(of).get("completions")
    parallel = objects.spec(of).get("parallelism") or 0
    return (
        f"{succeeded}/{wanted}" if wanted is not None else f"{succeeded}/1{f' of {parallel}' if parallel > 1 else ''}"
    )


_JOBS = (
    NAME,
    _column("Status", _job_status),
    _column("Completions", _completions),
    Column(name="Duration", value=_job_duration),
    AGE,
    *_TEMPLATE,
)
_CRON_JOBS = (
    NAME,
    _column("Schedule", _path("spec", "schedule")),
    _column("Timezone", _path("spec", "timeZone", default=NONE)),
    _column("Suspend", lambda of: str(bool(objects.spec(of).get("suspend")))),
    _column("Active", lambda of: len(objects.status(of).get("active") or ()), number=True),
    Column(
        name="Last Schedule",
        value=lambda of, now: _since(last, now) if (last := objects.status(of).get("lastScheduleTime")) else NONE,
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
    return _path("status", "nodeInfo", name, default=UNKNOWN)


_NODES = (
    NAME,
    _column("Status", _node_status),
    _column("Roles", _node_roles),
    AGE,
    _column("Version", _path("status", "nodeInfo", "kubeletVersion")),
    _column("Internal-IP", _node_address("InternalIP"), wide=True),
    _column("External-IP", _node_address("ExternalIP"), wide=True),
    _column("OS-Image", _node_info("osImage"), wide=True),
    _column("Kernel-Version", _node_info("kernelVersion"), wide=True),
    _column("Container-Runtime", _node_info("containerRuntimeVersion"), wide=True),
)


def _ports(of: Object) -> str:
    return (
        ",".join(f"{each['port']}/{each.get('protocol', 'TCP')}" for each in objects.spec(of).get("ports") or ())
        or NONE
    )


_SERVICES = (
    NAME,
    _column("Type", _path("spec", "type")),
    _column("Cluster-IP", _path("spec", "clusterIP", default=NONE)),
    _column("External-IP", lambda _: NONE),
    _column("Port(s)", _ports),
    AGE,
    _column("Selector", lambda of: _joined(objects.spec(of).get("selector") or {}), wide=True),
)


def _event_object(of: Object) -> str:
    about = of.get("involvedObject") or {}
    return f"{str(about.get('kind', '')).lower()}/{about.get('name', '')}"


_EVENTS = (
    Column(name="Last Seen", value=lambda of, now: _since(of.get("lastTimestamp") or of.get("eventTime"), now)),
    _column("Type", _path("type")),
    _column("Reason", _path("reason")),
    _column("Object", _event_object),
    _column("Subobject", _path("involvedObject", "fieldPath"), wide=True),
    _column("Source", _path("source", "component"), wide=True),
    _column("Message", lambda of: str(of.get("message") or "").strip()),
    Column(name="First Seen", value=lambda of, now: _since(of.get("firstTimestamp"), now), is_wide=True),
    _column("Count", _count("count"), wide=True, number=True),
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
    _column("Reference", lambda of: "{kind}/{name}".format(**objects.spec(of)["scaleTargetRef"])),
    _column("Targets", _usage_target),
    _column("MinPods", _count("spec", "minReplicas")),
    _column("MaxPods", _count("spec", "maxReplicas"), number=True),
    _column("Replicas", _count("status", "currentReplicas"), number=True),
    AGE,
)
_BUDGETS = (
    NAME,
    _column("Min Available", lambda of: str(_path("spec", "minAvailable", default="N/A")(of))),
    _column("Max Unavailable", lambda of: str(_path("spec", "maxUnavailable", default="N/A")(of))),
    _column("Allowed Disruptions", _count("status", "disruptionsAllowed"), number=True),
    AGE,
)


def _slice_ports(of: Object) -> str:
    return ",".join(str(each.get("port")) for each in of.get("ports") or ()) or "<unset>"


def _slice_endpoints(of: Object) -> str:
    return ",".join(address for each in of.get("endpoints") or () for address in each["addresses"]) or "<unset>"


_ROLE_OF = _column("Role", lambda of: f"{of['roleRef']['kind']}/{of['roleRef']['name']}")
_CREATED = _column("Created At", lambda of: objects.meta(of).get("creationTimestamp"))
_COLUMNS: Mapping[str, tuple[Column, ...]] = {
    kinds.NAMESPACE.id: (NAME, _column("Status", _path("status", "phase")), AGE),
    kinds.NODE.id: _NODES,
    kinds.POD.id: _PODS,
    kinds.SERVICE.id: _SERVICES,
    kinds.CONFIG_MAP.id: (
        NAME,
        _column("Data", lambda of: str(len(of.get("data") or {}) + len(of.get("binaryData") or {}))),
        AGE,
    ),
    kinds.SECRET.id: (
        NAME,
        _column("Type", _path("type")),
        _column("Data", lambda of: str(len(of.get("data") or {}))),
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
        _column("AddressType", _path("addressType")),
        _column("Ports", _slice_ports),
        _column("Endpoints", _slice_endpoints),
        AGE,
    ),
    kinds.LEASE.id: (NAME, _column("Holder", _path("spec", "holderIdentity")), AGE),
    kinds.ROLE.id: (NAME, _CREATED),
    kinds.CLUSTER_ROLE.id: (NAME, _CREATED),
    kinds.ROLE_BINDING.id: (NAME, _ROLE_OF, AGE),
    kinds.CLUSTER_ROLE_BINDING.id: (NAME, _ROLE_OF, AGE),
}


def columns(kind: Kind) -> tuple[Column, ...]:
    """Those of a kind; name and age for one that has no others."""
    return _COLUMNS.get(kind.id, (NAME, AGE))
