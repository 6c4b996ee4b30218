"""The kinds that the API serves, as data. Adding one is an entry in `KINDS`, its type in `types.json`, and columns.

Source: https://kubernetes.io/docs/reference/kubernetes-api/ (what `kubectl api-resources -o wide` shows of a real one).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

ALL_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of object. `fields` are those that a field selector may name, beside name and namespace.

    `has_status`: its status is written through a subresource of its own, and nothing else writes it. `is_given_back`:
    a deletion answers with the object as it was, and not with a Status. `is_custom`: the real server has it from a
    definition (a CRD), and knows no strategic merge of it.
    """

    name: str
    plural: str
    group: str = ""
    version: str = "v1"
    is_namespaced: bool = True
    short: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    has_status: bool = False
    has_generation: bool = False
    has_scale: bool = False
    is_given_back: bool = False
    is_custom: bool = False
    verbs: tuple[str, ...] = ALL_VERBS
    fields: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """What the store calls it: `deployments.apps`, `pods`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def singular(self) -> str:
        return self.name.lower()

    @property
    def qualified(self) -> str:
        """How messages name its kind: `Deployment.apps`."""
        return f"{self.name}.{self.group}" if self.group else self.name

    @property
    def is_stored(self) -> bool:
        """Whether there are objects of it, and not only answers to questions."""
        return "update" in self.verbs


_RBAC = "rbac.authorization.k8s.io"
_SEEN = ("get", "list")

NAMESPACE = Kind(
    name="Namespace", plural="namespaces", short=("ns",), has_status=True, fields=("status.phase",), is_namespaced=False
)
NODE = Kind(
    name="Node", plural="nodes", short=("no",), has_status=True, fields=("spec.unschedulable",), is_namespaced=False
)
POD = Kind(
    name="Pod",
    plural="pods",
    short=("po",),
    categories=("all",),
    has_status=True,
    has_generation=True,
    is_given_back=True,
    fields=(
        "spec.nodeName",
        "spec.restartPolicy",
        "spec.schedulerName",
        "spec.serviceAccountName",
        "spec.hostNetwork",
        "status.phase",
        "status.podIP",
        "status.nominatedNodeName",
    ),
)
SERVICE = Kind(
    name="Service",
    plural="services",
    short=("svc",),
    categories=("all",),
    has_status=True,
    is_given_back=True,
    fields=("spec.clusterIP", "spec.type"),
)
CONFIG_MAP = Kind(name="ConfigMap", plural="configmaps", short=("cm",))
SECRET = Kind(name="Secret", plural="secrets", fields=("type",))
SERVICE_ACCOUNT = Kind(name="ServiceAccount", plural="serviceaccounts", short=("sa",), is_given_back=True)
_INVOLVED = ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
EVENT = Kind(
    name="Event",
    plural="events",
    short=("ev",),
    fields=(*(f"involvedObject.{each}" for each in _INVOLVED), "reason", "type", "source", "reportingComponent"),
)
_WORKLOAD = Kind(name="", plural="", categories=("all",), has_status=True, has_generation=True)
_SCALED = replace(_WORKLOAD, group="apps", has_scale=True)
DEPLOYMENT = replace(_SCALED, name="Deployment", plural="deployments", short=("deploy",))
REPLICA_SET = replace(_SCALED, name="ReplicaSet", plural="replicasets", short=("rs",), fields=("status.replicas",))
DAEMON_SET = replace(_WORKLOAD, name="DaemonSet", plural="daemonsets", group="apps", short=("ds",))
JOB = replace(_WORKLOAD, name="Job", plural="jobs", group="batch", fields=("status.successful",))
CRON_JOB = replace(_WORKLOAD, name="CronJob", plural="cronjobs", group="batch", short=("cj",))
BUDGET = replace(
    _WORKLOAD, name="PodDisruptionBudget", plural="poddisruptionbudgets", group="policy", short=("pdb",), categories=()
)
AUTOSCALER = Kind(
    name="HorizontalPodAutoscaler",
    plural="horizontalpodautoscalers",
    group="autoscaling",
    version="v2",
    short=("hpa",),
    categories=("all",),
    has_status=True,
)
ENDPOINT_SLICE = Kind(name="EndpointSlice", plural="endpointslices", group="discovery.k8s.io")
LEASE = Kind(name="Lease", plural="leases", group="coordination.k8s.io")
ROLE = Kind(name="Role", plural="roles", group=_RBAC)
ROLE_BINDING = Kind(name="RoleBinding", plural="rolebindings", group=_RBAC)
CLUSTER_ROLE = Kind(name="ClusterRole", plural="clusterroles", group=_RBAC, is_namespaced=False)
CLUSTER_ROLE_BINDING = Kind(name="ClusterRoleBinding", plural="clusterrolebindings", group=_RBAC, is_namespaced=False)
TARGET_GROUP_BINDING = Kind(
    name="TargetGroupBinding",
    plural="targetgroupbindings",
    group="eks.amazonaws.com",
    categories=("all",),
    has_status=True,
    has_generation=True,
    is_custom=True,
)
ACCESS_REVIEW = Kind(
    name="SelfSubjectAccessReview",
    plural="selfsubjectaccessreviews",
    group="authorization.k8s.io",
    is_namespaced=False,
    verbs=("create",),
)
SELF_REVIEW = Kind(
    name="SelfSubjectReview",
    plural="selfsubjectreviews",
    group="authentication.k8s.io",
    is_namespaced=False,
    verbs=("create",),
)
TOKEN_REVIEW = Kind(
    name="TokenReview", plural="tokenreviews", group="authentication.k8s.io", is_namespaced=False, verbs=("create",)
)
POD_METRICS = Kind(name="PodMetrics", plural="pods", group="metrics.k8s.io", version="v1beta1", verbs=_SEEN)
NODE_METRICS = Kind(
    name="NodeMetrics", plural="nodes", group="metrics.k8s.io", version="v1beta1", verbs=_SEEN, is_namespaced=False
)

KINDS: tuple[Kind, ...] = (
    NAMESPACE,
    NODE,
    POD,
    SERVICE,
    CONFIG_MAP,
    SECRET,
    SERVICE_ACCOUNT,
    EVENT,
    DEPLOYMENT,
    REPLICA_SET,
    DAEMON_SET,
    JOB,
    CRON_JOB,
    BUDGET,
    AUTOSCALER,
    ENDPOINT_SLICE,
    LEASE,
    TARGET_GROUP_BINDING,
    ROLE,
    ROLE_BINDING,
    CLUSTER_ROLE,
    CLUSTER_ROLE_BINDING,
    ACCESS_REVIEW,
    SELF_REVIEW,
    TOKEN_REVIEW,
    POD_METRICS,
    NODE_METRICS,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subresource:
    """What lies below an object: its path, and the kind of what is sent there or comes from there."""

    name: str
    kind: str
    verbs: tuple[str, ...]
    group: str = ""
    version: str = ""


_STATUS_VERBS = ("get", "patch", "update")
_OWN: Mapping[str, tuple[Subresource, ...]] = {
    "pods": (
        Subresource(name="binding", kind="Binding", verbs=("create",), version="v1"),
        Subresource(name="eviction", kind="Eviction", verbs=("create",), group="policy", version="v1"),
        Subresource(name="log", kind="Pod", verbs=("get",)),
        Subresource(name="attach", kind="PodAttachOptions", verbs=("create", "get"), version="v1"),
        Subresource(name="exec", kind="PodExecOptions", verbs=("create", "get"), version="v1"),
        Subresource(name="portforward", kind="PodPortForwardOptions", verbs=("create", "get"), version="v1"),
    ),
    "serviceaccounts": (
        Subresource(name="token", kind="TokenRequest", verbs=("create",), group="authentication.k8s.io", version="v1"),
    ),
    "namespaces": (Subresource(name="finalize", kind="Namespace", verbs=("update",)),),
}


def subresources(of: Kind) -> tuple[Subresource, ...]:
    """What lies below objects of a kind."""
    status = (Subresource(name="status", kind=of.name, verbs=_STATUS_VERBS),) if of.has_status else ()
    scale = Subresource(name="scale", kind="Scale", verbs=_STATUS_VERBS, group="autoscaling", version="v1")
    return (*_OWN.get(of.id, ()), *((scale,) if of.has_scale else ()), *status)


_BY_PLACE = {(kind.group, kind.version, kind.plural): kind for kind in KINDS}
_BY_NAME = {(kind.api_version, kind.name): kind for kind in KINDS}


def at(group: str, version: str, plural: str) -> Kind | None:
    """The kind that a path names."""
    return _BY_PLACE.get((group, version, plural))


def called(api_version: str, name: str) -> Kind | None:
    """The kind that an object says it is of."""
    return _BY_NAME.get((api_version, name))


def groups() -> dict[str, list[str]]:
    """Every group but the core one with its versions, in the order of the table."""
    found: dict[str, list[str]] = {}
    for kind in KINDS:
        if kind.group and kind.version not in found.setdefault(kind.group, []):
            found[kind.group].append(kind.version)
    return found


def of_group(group: str, version: str) -> tuple[Kind, ...]:
    """The kinds of a group in one version."""
    return tuple(kind for kind in KINDS if (kind.group, kind.version) == (group, version))
