"""The nodes of managed groups: each is an instance of the group's Auto Scaling group, in everything that becomes of it.

    group ──▶ launch template, Auto Scaling group ──instance runs──▶ node
       instance to be terminated by its group ──▶ Terminating:Wait: cordoned, pods evicted ──▶ it may end
       instance ends ──▶ its pods with it, the node is silent ──late heartbeat──▶ not ready ──▶ taken out of the cluster

Source: https://docs.aws.amazon.com/eks/latest/userguide/managed-node-groups.html; of a node whose instance is gone:
https://kubernetes.io/docs/concepts/architecture/cloud-controller/#node-controller
"""

import base64
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from infrastructure.embedded.apis.eks.record import SIZES, ClusterRecord, NodeGroup, Part, Shown
from infrastructure.embedded.control.context import Context
from infrastructure.embedded.network.edges import Place

if TYPE_CHECKING:
    from infrastructure.embedded.kubernetes.cluster import Cluster
    from infrastructure.embedded.kubernetes.kubelet.machine import Machine

Record = Any  # moto's instances, which publish no types
Known = dict[str, "Machine"]
"""A cluster's nodes by their instances' ids."""

Asked = tuple[str, str, dict[str, Any]]
"""A call: the service, the action and its members."""

IMAGE = "ami-0cafe202300000002"
"""Amazon Linux 2023 for EKS: `apis/ec2/image/amis.json`."""
HOOK = "Terminate-LC-Hook"
"""By which EKS drains a node before its instance ends, under the name it has on AWS."""
_HOOK_S = 1800
_DRAIN_S = 300.0
"""How long budgets may keep a node that is to go."""
_LOOK_S, _LEAST_LOOK_S = 5.0, 0.1
"""How often cloud controllers look after nodes that are not ready, and EKS after one that is drained."""
_GIB = 1 << 30
_EFFECTS = {"NO_SCHEDULE": "NoSchedule", "NO_EXECUTE": "NoExecute", "PREFER_NO_SCHEDULE": "PreferNoSchedule"}
_SIZES = {"MinSize": "minSize", "MaxSize": "maxSize", "DesiredCapacity": "desiredSize"}


class NodeGroups:
    """Calls on EC2, IAM and Auto Scaling, as EKS makes them in one's account."""

    def __init__(self, context: Context, clock: Callable[[], float] = time.time) -> None:
        self._call = context.backends.operations.call
        self._ec2 = context.backends.ec2
        self._pace = context.pace
        self._region = context.region
        self._clock = clock
        self._machines: dict[str, Known] = {}
        self._drains: dict[str, float] = {}

    def forget(self, cluster: str) -> None:
        """The cluster is gone."""
        self._machines.pop(cluster, None)

    def level(self, record: ClusterRecord, cluster: "Cluster") -> float | None:
        """Close the gaps of all groups and nodes; seconds until the next look, if one is due."""
        known = self._machines.setdefault(record.name, {})
        looks = [self._follow(record, group, cluster, known) for group in list(record.groups.values())]
        looks += [self._follow_instance(cluster, known, identity) for identity in list(known)]
        for group in record.groups.values():
            self._judge(group, cluster, known)
        return min((each for each in looks if each is not None), default=None)

    def _follow(self, record: ClusterRecord, group: NodeGroup, cluster: "Cluster", known: Known) -> float | None:
        if not group.is_made and group.status != "DELETING":
            self._make(record, group)
        found = self._scaling_group(group)
        if found is None and group.status != "DELETING":
            text = "We couldn't find the Auto Scaling group that is associated with the managed node group."
            group.status, group.issues = "DEGRADED", [_issue("AutoScalingGroupNotFound", text, group.scaling_group)]
            return None
        members: list[Any] = list(found["Instances"]) if found is not None else []
        for member in members:
            self._admit(record, group, known, member["InstanceId"])
        leaving = [each["InstanceId"] for each in members if each["LifecycleState"] == "Terminating:Wait"]
        looks = [self._drain(group, cluster, known, identity) for identity in leaving]
        if group.status == "DELETING":
            self._take_away(record, group, found)
        else:
            self._resize(group, found)
        return min((each for each in looks if each is not None), default=None)

    # --- the Auto Scaling group ---------------------------------------------------------------------------------------

    def _scaling_group(self, group: NodeGroup) -> Any:
        names = [group.scaling_group]
        found = self._call("autoscaling", "DescribeAutoScalingGroups", AutoScalingGroupNames=names)
        return next(iter(found["AutoScalingGroups"]), None)

    def _make(self, record: ClusterRecord, group: NodeGroup) -> None:
        """What is not there of it yet: a call that was refused is made again, those before it are not."""
        for part, (service, action, members) in _making(record, group).items():
            if part not in group.made:
                self._call(service, action, **members)
                group.made.add(part)

    def _resize(self, group: NodeGroup, found: Any) -> None:
        """The group's sizes, when EKS was told new ones; else what others have made of them, an autoscaler for one."""
        if group.is_resized:
            sizes = {member: group.scaling[size] for member, size in _SIZES.items()}
            self._call("autoscaling", "UpdateAutoScalingGroup", AutoScalingGroupName=group.scaling_group, **sizes)
            group.is_resized = False
        else:
            group.scaling = {size: found[member] for member, size in _SIZES.items()}

    def _judge(self, group: NodeGroup, cluster: "Cluster", known: Known) -> None:
        """Active once its nodes are there; until then with what keeps more of them from coming."""
        if group.status in ("DELETING", "DEGRADED"):
            return
        own = [each.name for each in known.values() if each.group == group.name]
        ready = sum(cluster.lives(name) and cluster.is_ready(name) for name in own)
        group.issues = [] if ready >= group.scaling["desiredSize"] else self._failures(group)
        if ready == group.scaling["desiredSize"]:
            group.status = "ACTIVE"
            for update in group.updates.values():
                update.is_over = True

    def _failures(self, group: NodeGroup) -> list[Shown]:
        name = {"AutoScalingGroupName": group.scaling_group, "MaxRecords": 1}
        found = self._call("autoscaling", "DescribeScalingActivities", **name)["Activities"]
        return [
            _issue("AsgInstanceLaunchFailures", str(each["StatusMessage"]), group.scaling_group)
            for each in found
            if each["StatusCode"] == "Failed"
        ]

    def _take_away(self, record: ClusterRecord, group: NodeGroup, found: Any) -> None:
        """Its instances by scaling in, so that they are drained; then the rest of it."""
        named = {"AutoScalingGroupName": group.scaling_group}
        if found is not None and found["MaxSize"]:
            self._call("autoscaling", "UpdateAutoScalingGroup", **named, MinSize=0, MaxSize=0, DesiredCapacity=0)
            return
        if found is not None and found["Instances"]:
            return
        if found is not None:
            self._call("autoscaling", "DeleteAutoScalingGroup", **named)
        for part, (service, action, members) in _unmaking(group).items():
            if part in group.made:
                self._call(service, action, **members)
                group.made.remove(part)
        del record.groups[group.name]

    # --- instances and nodes ------------------------------------------------------------------------------------------

    def _admit(self, record: ClusterRecord, group: NodeGroup, known: Known, identity: str) -> None:
        instance = self._ec2.get_instance_by_id(identity)
        if instance is not None and instance.state == "running" and identity not in known:
            known[identity] = self._machine(record, group, instance)

    def _follow_instance(self, cluster: "Cluster", known: Known, identity: str) -> float | None:
        """A node while its instance runs; silent when it does not; gone when there is none any more, and that is seen:
        only a node that is not ready is asked after.
        """
        instance, machine = self._ec2.get_instance_by_id(identity), known[identity]
        state = str(instance.state) if instance is not None else "terminated"
        if state == "running":
            if not cluster.lives(machine.name):
                cluster.join(machine)
            return None
        if cluster.lives(machine.name):
            cluster.fail(machine.name)
        if state == "terminated" and not cluster.is_ready(machine.name):
            cluster.leave(machine.name)
            del known[identity]
            return None
        return self._look_s

    def _drain(self, group: NodeGroup, cluster: "Cluster", known: dict[str, "Machine"], identity: str) -> float | None:
        """Empty the node whose instance is to end; then, or when it has taken too long, let the instance end."""
        machine, now = known.get(identity), self._clock()
        deadline = self._drains.setdefault(identity, now + self._pace.seconds(_DRAIN_S))
        if machine is not None and cluster.lives(machine.name) and not cluster.drain(machine.name) and now < deadline:
            return self._look_s
        del self._drains[identity]
        self._call(
            "autoscaling",
            "CompleteLifecycleAction",
            AutoScalingGroupName=group.scaling_group,
            LifecycleHookName=HOOK,
            InstanceId=identity,
            LifecycleActionResult="CONTINUE",
        )
        return None

    @property
    def _look_s(self) -> float:
        return self._pace.seconds(_LOOK_S, at_least=_LEAST_LOOK_S)

    def _machine(self, record: ClusterRecord, group: NodeGroup, instance: Record) -> "Machine":
        from infrastructure.embedded.kubernetes.kubelet.machine import Machine

        size = SIZES[group.instance_type]
        return Machine(
            name=str(instance.private_dns_name),
            instance=str(instance.id),
            instance_type=group.instance_type,
            zone=str(instance.availability_zone),
            region=self._region,
            group=group.name,
            vcpu=float(size.vcpu),
            memory=size.memory_gib * _GIB,
            most_pods=size.pods,
            labels=tuple(group.labels.items()),
            taints=tuple((each["key"], each.get("value", ""), _EFFECTS[each["effect"]]) for each in group.taints),
            where=Place(groups=(record.security_group,), subnets=(str(instance.subnet_id),)),
            role=group.given["nodeRole"],
        )


def _making(record: ClusterRecord, group: NodeGroup) -> Mapping[Part, Asked]:
    """The calls that make its parts, in their order."""
    data = {
        "ImageId": IMAGE,
        "InstanceType": group.instance_type,
        "IamInstanceProfile": {"Name": group.template},
        "SecurityGroupIds": [record.security_group],
        "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 2},
        "UserData": _user_data(record),
    }
    hook = {
        "LifecycleHookName": HOOK,
        "LifecycleTransition": "autoscaling:EC2_INSTANCE_TERMINATING",
        "HeartbeatTimeout": _HOOK_S,
        "DefaultResult": "CONTINUE",
    }
    scaling = {
        "AutoScalingGroupName": group.scaling_group,
        "LaunchTemplate": {"LaunchTemplateName": group.template, "Version": "1"},
        "VPCZoneIdentifier": ",".join(group.given["subnets"]),
        "LifecycleHookSpecificationList": [hook],
        "Tags": [{"Key": key, "Value": value, "PropagateAtLaunch": True} for key, value in _tags(group).items()],
        **{member: group.scaling[size] for member, size in _SIZES.items()},
    }
    template = {"LaunchTemplateName": group.template, "LaunchTemplateData": data}
    return {
        "profile": ("iam", "CreateInstanceProfile", {"InstanceProfileName": group.template}),
        "role": ("iam", "AddRoleToInstanceProfile", _role_in_profile(group)),
        "template": ("ec2", "CreateLaunchTemplate", template),
        "scaling group": ("autoscaling", "CreateAutoScalingGroup", scaling),
    }


def _unmaking(group: NodeGroup) -> Mapping[Part, Asked]:
    """The calls that take its parts away, once the Auto Scaling group is gone."""
    return {
        "template": ("ec2", "DeleteLaunchTemplate", {"LaunchTemplateName": group.template}),
        "role": ("iam", "RemoveRoleFromInstanceProfile", _role_in_profile(group)),
        "profile": ("iam", "DeleteInstanceProfile", {"InstanceProfileName": group.template}),
    }


def _role_in_profile(group: NodeGroup) -> dict[str, str]:
    return {"InstanceProfileName": group.template, "RoleName": group.given["nodeRole"].rpartition("/")[2]}


def _tags(group: NodeGroup) -> dict[str, str]:
    """Those that EKS gives the Auto Scaling group and its instances."""
    return {
        "eks:cluster-name": group.cluster,
        "eks:nodegroup-name": group.name,
        f"kubernetes.io/cluster/{group.cluster}": "owned",
        "k8s.io/cluster-autoscaler/enabled": "true",
        f"k8s.io/cluster-autoscaler/{group.cluster}": "owned",
    }


def _user_data(record: ClusterRecord) -> str:
    """What tells a machine which cluster it is a node of, as the image's nodeadm reads it.

    Source: https://awslabs.github.io/amazon-eks-ami/nodeadm/
    """
    text = f"""MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="//"

--//
Content-Type: application/node.eks.aws

apiVersion: node.eks.aws/v1alpha1
kind: NodeConfig
spec:
  cluster:
    name: {record.name}
    apiServerEndpoint: {record.endpoint}
    certificateAuthority: {record.authority}
    cidr: 127.96.0.0/11

--//--
"""
    return base64.b64encode(text.encode()).decode()


def _issue(code: str, message: str, *resources: str) -> Shown:
    return {"code": code, "message": message, "resourceIds": list(resources)}
