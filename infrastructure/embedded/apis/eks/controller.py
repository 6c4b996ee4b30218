"""EKS: a cluster of Kubernetes for each record, its nodes by the node groups.

What a cluster is made of is imported with the first one: an account without clusters pays nothing for them.
"""

import base64
import ipaddress
import secrets
import time
from collections.abc import Collection
from typing import TYPE_CHECKING, ClassVar

from infrastructure.embedded.apis.eks import tokens
from infrastructure.embedded.apis.eks.api import EksApi, principal_of
from infrastructure.embedded.apis.eks.record import (
    ADMIN_POLICY,
    SIZES,
    VIEW_POLICY,
    AccessEntry,
    ClusterRecord,
    NodeGroup,
)
from infrastructure.embedded.control.context import Context
from infrastructure.embedded.engines.workload import Surroundings
from infrastructure.embedded.gateway.signing.authentication import Authentication

if TYPE_CHECKING:
    from infrastructure.embedded.kubernetes.api.access import User
    from infrastructure.embedded.kubernetes.cluster import Cluster
    from infrastructure.embedded.kubernetes.kubelet.machine import Machine

_GIB = 1 << 30


class EksController:
    """Opens, follows and closes each cluster; its key is the cluster's name."""

    name: ClassVar[str] = "eks"
    watches: ClassVar[frozenset[str]] = frozenset({"eks"})
    PARTS: ClassVar[tuple[type, ...]] = (EksApi,)

    def __init__(self, context: Context) -> None:
        self._context = context
        self._calls = EksApi(context.backends.ec2, context.account, context.region)
        context.backends.operations.bind("eks", self._calls)
        context.backends.operations.tag(self._calls.tagged)
        self._authentication = Authentication(context.keyring, context.region)
        self._running: dict[str, Cluster] = {}
        self._nodes: dict[tuple[str, str], list[Machine]] = {}

    def keys(self) -> Collection[str]:
        return self._calls.clusters.keys() | self._running.keys()

    def unsettled(self) -> tuple[str, ...]:
        """Why the platform is not ready."""
        every = self._calls.clusters.values()
        return tuple(f"cluster {each.name} is {each.status}" for each in every if each.status == "CREATING")

    async def reconcile(self, key: str, /) -> float | None:
        record = self._calls.clusters.get(key)
        if record is None or record.status == "DELETING":
            await self._close(key)
            self._calls.clusters.pop(key, None)
            return None
        cluster = self._running.get(key) or await self._open(record)
        for group in list(record.groups.values()):
            self._level(record, group, cluster)
        return None

    async def close(self) -> None:
        for name in list(self._running):
            await self._close(name)

    async def _open(self, record: ClusterRecord) -> "Cluster":
        from infrastructure.embedded.apis.eks.target_groups import TargetGroups
        from infrastructure.embedded.kubernetes.cluster import Cluster
        from infrastructure.embedded.kubernetes.kubelet import images

        context, backends = self._context, self._context.backends
        cluster = self._running[record.name] = Cluster(
            record.name,
            supervisor=context.supervisor,
            state=context.state,
            ports=context.ports,
            pace=context.pace,
            images=images.of_catalog(Surroundings.of(context)),
            authenticate=lambda token: self._user(record, token),
            target_groups=TargetGroups(backends.operations, backends.elbv2, record.name, record.given["roleArn"]),
            data_plane=context.envoy,
        )
        await cluster.open()
        record.endpoint, record.authority = cluster.url, base64.b64encode(cluster.authority).decode()
        record.status = "ACTIVE"
        return cluster

    async def _close(self, name: str) -> None:
        cluster = self._running.pop(name, None)
        if cluster is not None:
            await cluster.close()
        self._nodes = {of: machines for of, machines in self._nodes.items() if of[0] != name}

    def _level(self, record: ClusterRecord, group: NodeGroup, cluster: "Cluster") -> None:
        """As many nodes as the group wants, in turn in its subnets; the youngest leave first."""
        is_going = group.status == "DELETING"
        wanted = 0 if is_going else group.scaling["desiredSize"]
        nodes = self._nodes.setdefault((record.name, group.name), [])
        while len(nodes) > wanted:
            cluster.leave(nodes.pop().name)
        while len(nodes) < wanted:
            nodes.append(self._machine(record, group, len(nodes)))
            cluster.join(nodes[-1])
        if is_going:
            del record.groups[group.name], self._nodes[record.name, group.name]
        else:
            group.status = "ACTIVE"

    def _machine(self, record: ClusterRecord, group: NodeGroup, number: int) -> "Machine":
        from infrastructure.embedded.kubernetes.kubelet.machine import Machine

        size, subnets = SIZES[group.instance_type], group.given["subnets"]
        subnet = self._context.backends.ec2.describe_subnets([subnets[number % len(subnets)]])[0]
        taken = {each.name for nodes in self._nodes.values() for each in nodes}
        hosts = ipaddress.ip_network(subnet.cidr_block).hosts()
        names = (f"ip-{str(host).replace('.', '-')}.ec2.internal" for at, host in enumerate(hosts) if at >= 9)
        name = next(each for each in names if each not in taken)
        effects = {"NO_SCHEDULE": "NoSchedule", "NO_EXECUTE": "NoExecute", "PREFER_NO_SCHEDULE": "PreferNoSchedule"}
        return Machine(
            name=name,
            instance=f"i-{secrets.token_hex(9)[:17]}",
            instance_type=group.instance_type,
            zone=str(subnet.availability_zone),
            region=self._context.region,
            group=group.name,
            vcpu=float(size.vcpu),
            memory=size.memory_gib * _GIB,
            most_pods=size.pods,
            labels=tuple(group.labels.items()),
            taints=tuple((each["key"], each.get("value", ""), effects[each["effect"]]) for each in group.taints),
        )

    def _user(self, record: ClusterRecord, token: str) -> "User | None":
        """Who a token of `aws eks get-token` is to the cluster: by the access entry of whoever made it."""
        principal = tokens.caller_of(token, record.name, self._authentication, time.time())
        entry = record.entries.get(principal_of(principal.arn)) if principal is not None else None
        return _user_of(entry, principal.arn) if principal is not None and entry is not None else None


def _user_of(entry: AccessEntry, arn: str) -> "User":
    from infrastructure.embedded.kubernetes.api.access import MASTERS, VIEWERS, User

    by_policy = {ADMIN_POLICY: MASTERS, VIEW_POLICY: VIEWERS}
    groups = (*entry.groups, *(by_policy[each] for each in entry.policies))
    return User(name=entry.user, groups=groups, extra={"arn": (arn,)})
