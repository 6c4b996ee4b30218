"""A node: what its object says, and the lease by which it shows that it lives.

Source: https://kubernetes.io/docs/reference/node/node-status/
"""

import os
import platform
from dataclasses import dataclass

from infrastructure.embedded.kubernetes.controllers.fitting import HOST, ZONE
from infrastructure.embedded.kubernetes.schema.discovery import VERSION
from infrastructure.embedded.kubernetes.store import objects, quantity
from infrastructure.embedded.kubernetes.store.objects import Draft
from infrastructure.embedded.network.edges import NOWHERE, Place

LEASES = "kube-node-lease"
LEASE_S = 40
_GIB = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A machine that is a node. `vcpu` and `memory` (bytes) are its own; a part of them is the system's.

    `most_pods` is by the number of its network interfaces, as on AWS. `where` is where its pods stand in the VPC, too,
    and `role` the one they run in that have none of their own.
    """

    name: str
    instance: str
    instance_type: str
    zone: str
    region: str
    address: str = "127.0.0.1"
    group: str = ""
    vcpu: float = 2.0
    memory: int = 4 * _GIB
    most_pods: int = 17
    labels: tuple[tuple[str, str], ...] = ()
    taints: tuple[tuple[str, str, str], ...] = ()
    where: Place = NOWHERE
    role: str = ""

    def node(self) -> Draft:
        """Its object as it registers."""
        labels = {
            HOST: self.name,
            ZONE: self.zone,
            "topology.kubernetes.io/region": self.region,
            "kubernetes.io/os": "linux",
            "kubernetes.io/arch": "amd64",
            "node.kubernetes.io/instance-type": self.instance_type,
            **({"eks.amazonaws.com/nodegroup": self.group} if self.group else {}),
            **dict(self.labels),
        }
        taints = [{"key": key, "value": value, "effect": effect} for key, value, effect in self.taints]
        return {
            "metadata": {"name": self.name, "labels": labels},
            "spec": {
                "providerID": f"aws:///{self.zone}/{self.instance}",
                **({"taints": taints} if taints else {}),
            },
        }

    def status(self, former: Draft, now: str) -> Draft:
        """Its status while it lives: every member that a client must find is there."""
        conditions = list(former.get("conditions") or ())
        for kind, status, reason, message in (
            ("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
            ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
            ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
            ("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
        ):
            told = {"type": kind, "status": status, "reason": reason, "message": message}
            known = next((each for each in conditions if each["type"] == kind), None)
            beat = known["lastHeartbeatTime"] if known is not None and known["status"] == status else now
            conditions = objects.with_condition(conditions, {**told, "lastHeartbeatTime": beat}, now)
        return {
            "capacity": self._resources(self.vcpu, self.memory),
            "allocatable": self._resources(
                self.vcpu - _reserved_cores(self.vcpu), self.memory - _reserved_memory(self.most_pods)
            ),
            "conditions": conditions,
            "addresses": [
                {"type": "InternalIP", "address": self.address},
                {"type": "InternalDNS", "address": self.name},
                {"type": "Hostname", "address": self.name},
            ],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
            "nodeInfo": self._info(),
            "images": [],
        }

    def _resources(self, cores: float, memory: int) -> Draft:
        return {
            "cpu": quantity.millis(cores),
            "memory": f"{memory // 1024}Ki",
            "pods": str(self.most_pods),
            "ephemeral-storage": "20959212Ki",
            "hugepages-1Gi": "0",
            "hugepages-2Mi": "0",
        }

    def _info(self) -> Draft:
        return {
            "machineID": self.instance,
            "systemUUID": self.instance,
            "bootID": self.instance,
            "kernelVersion": platform.release(),
            "osImage": f"CloudCafe ({os.uname().sysname})",
            "containerRuntimeVersion": "cloudcafe://1.0",
            "kubeletVersion": VERSION["gitVersion"],
            "kubeProxyVersion": VERSION["gitVersion"],
            "operatingSystem": "linux",
            "architecture": "amd64",
        }

    def lease(self, now: str) -> Draft:
        return {
            "metadata": {"name": self.name, "namespace": LEASES},
            "spec": {"holderIdentity": self.name, "leaseDurationSeconds": LEASE_S, "renewTime": now},
        }


def _reserved_cores(vcpu: float) -> float:
    """What EKS keeps for the system: 6 % of the first core, 1 % of the second, less of more."""
    return 0.06 * min(vcpu, 1) + 0.01 * min(max(vcpu - 1, 0), 1) + 0.005 * min(max(vcpu - 2, 0), 2)


def _reserved_memory(most_pods: int) -> int:
    """11 MiB a pod and 255 MiB, and 100 MiB before pods are evicted.

    Source: https://github.com/awslabs/amazon-eks-ami (kubeReserved)
    """
    return (11 * most_pods + 255 + 100) << 20
