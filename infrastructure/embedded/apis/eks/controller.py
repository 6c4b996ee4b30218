"""EKS: a cluster of Kubernetes for each record, its nodes by the node groups.

What a cluster is made of is imported with the first one: an account without clusters pays nothing for them.
"""

import base64
import logging
import time
from collections.abc import Collection
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from infrastructure.embedded.apis.eks import tokens
from infrastructure.embedded.apis.eks.access import AccessCalls
from infrastructure.embedded.apis.eks.addons import AddonCalls
from infrastructure.embedded.apis.eks.api import EksApi, principal_of
from infrastructure.embedded.apis.eks.clusters import Clusters
from infrastructure.embedded.apis.eks.groups import NodeGroupCalls
from infrastructure.embedded.apis.eks.identities import IdentityCalls
from infrastructure.embedded.apis.eks.metrics import PodMetrics
from infrastructure.embedded.apis.eks.nodes import NodeGroups
from infrastructure.embedded.apis.eks.record import (
    ADMIN_POLICY,
    IDENTITY_AGENT,
    VIEW_POLICY,
    AccessEntry,
    ClusterRecord,
)
from infrastructure.embedded.control.context import Context
from infrastructure.embedded.engines.workload import Surroundings
from infrastructure.embedded.gateway.signing.authentication import Authentication

if TYPE_CHECKING:
    from infrastructure.embedded.kubernetes.api.access import User
    from infrastructure.embedded.kubernetes.cluster import Cluster


_log = logging.getLogger(__name__)


class EksController:
    """Opens, follows and closes each cluster; its key is the cluster's name."""

    name: ClassVar[str] = "eks"
    watches: ClassVar[frozenset[str]] = frozenset({"eks", "autoscaling", "ec2"})
    PARTS: ClassVar[tuple[type, ...]] = (EksApi, NodeGroupCalls, AccessCalls, AddonCalls, IdentityCalls)

    def __init__(self, context: Context) -> None:
        self._context = context
        operations = context.backends.operations
        self._clusters = Clusters(context.backends.ec2, context.account, context.region, operations)
        operations.bind("eks", *(part(self._clusters) for part in self.PARTS))
        operations.tag(self._clusters.tagged)
        self._authentication = Authentication(context.keyring, context.region)
        self._running: dict[str, Cluster] = {}
        self._nodes = NodeGroups(context)
        metrics = PodMetrics(self._clusters.all, self._running)
        context.metrics.register(metrics.collect)

    def keys(self) -> Collection[str]:
        return self._clusters.all.keys() | self._running.keys()

    def unsettled(self) -> tuple[str, ...]:
        """Why the platform is not ready."""
        clusters = list(self._clusters.all.values())
        reasons = [f"cluster {each.name} is {each.status}" for each in clusters if each.status != "ACTIVE"]
        for group in (group for each in clusters for group in each.groups.values()):
            if group.status != "ACTIVE":
                why = "".join(f"; {each['message']}" for each in group.issues)
                reasons.append(f"node group {group.name} of cluster {group.cluster} is {group.status}{why}")
        return tuple(reasons)

    async def reconcile(self, key: str, /) -> float | None:
        record = self._clusters.all.get(key)
        if record is None or record.status == "DELETING":
            await self._close(key)
            if record is not None:
                self._remove_group(record)
            self._clusters.all.pop(key, None)
            return None
        cluster = self._running.get(key) or await self._open(record)
        return self._nodes.level(record, cluster)

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
            role_of=partial(self.role_of, record.name),
            target_groups=TargetGroups(backends.operations, backends.elbv2, record.name, record.given["roleArn"]),
            data_plane=context.envoy,
        )
        try:
            await cluster.open()
        except BaseException:  # what is half open is not to be taken for a cluster the next time
            await self._close(record.name)
            raise
        record.endpoint, record.authority = cluster.url, base64.b64encode(cluster.authority).decode()
        record.status = "ACTIVE"
        return cluster

    async def _close(self, name: str) -> None:
        cluster = self._running.pop(name, None)
        if cluster is not None:
            await cluster.close()
        self._nodes.forget(name)

    def _remove_group(self, record: ClusterRecord) -> None:
        """Its security group goes with it, unless somebody else uses it, who keeps it, as on AWS."""
        try:
            self._context.backends.operations.call("ec2", "DeleteSecurityGroup", GroupId=record.security_group)
        except Exception as refusal:  # noqa: BLE001 - moto's own, of many classes
            _log.warning("security group %s of cluster %s stays: %s", record.security_group, record.name, refusal)

    def role_of(self, cluster: str, namespace: str, account: str) -> str:
        """The role of a service account, or nothing: the agent on the node is what hands its keys out."""
        record = self._clusters.cluster(cluster)
        found = record.association(namespace, account)
        return found.role if found is not None and IDENTITY_AGENT in record.addons else ""

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
