"""What moto's own resource types leave out: tags and rules on creation, changes in place, and above all deletion.

moto deletes no more than half of its types with a stack, silently. Each entry names what completes, changes or deletes
the record of one type; a type without a `delete` here is deleted by moto's own code, and one without either is refused.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from infrastructure.embedded.apis.ec2.resources import permission_of
from infrastructure.embedded.stacks.resource import Api, Properties, changes, unchangeable

Record = Any
"""One of moto's records, of the type that the entry names; moto publishes no types."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MotoType:
    """Additions to a type that moto has. `changeable` lists the properties `update` can change in place."""

    complete: Callable[[Api, Record, Properties], None] | None = None
    delete: Callable[[Api, Record, Properties], None] | None = None
    update: Callable[[Api, Record, Properties], None] | None = None
    changeable: frozenset[str] = frozenset()


def tag(api: Api, record: Record, properties: Properties) -> None:
    """EC2 resources: the template's tags, which some of moto's types forget."""
    tags = {each["Key"]: str(each["Value"]) for each in properties.get("Tags", ())}
    if tags:
        identifier = (
            getattr(record, "allocation_id", None) or getattr(record, "id", None) or record.physical_resource_id
        )
        api.backend("ec2").create_tags([identifier], tags)


def _dns(api: Api, record: Record, properties: Properties) -> None:
    """moto's type ignores the DNS switches of a VPC; without host names a network interface has no DNS name."""
    tag(api, record, properties)
    for name, value in (
        ("enable_dns_support", properties.get("EnableDnsSupport")),
        ("enable_dns_hostnames", properties.get("EnableDnsHostnames")),
    ):
        if value is not None:
            api.backend("ec2").modify_vpc_attribute(record.id, name, str(value).lower())


def _rules(api: Api, record: Record, properties: Properties) -> None:
    """A template that lists egress rules has only those: the one that lets everything out goes."""
    tag(api, record, properties)
    if "SecurityGroupEgress" in properties:
        everything = permission_of({"IpProtocol": "-1", "CidrIp": "0.0.0.0/0"})
        api("ec2", "RevokeSecurityGroupEgress", GroupId=record.id, IpPermissions=[everything])
        permissions = [permission_of(rule) for rule in properties["SecurityGroupEgress"]]
        if permissions:
            api("ec2", "AuthorizeSecurityGroupEgress", GroupId=record.id, IpPermissions=permissions)


def _delete_route(api: Api, record: Record, properties: Properties) -> None:
    table = api.backend("ec2").route_tables.get(properties["RouteTableId"])
    if table is not None:
        table._routes.pop(record.id, None)  # moto offers no deletion by a route's id


def _delete_association(api: Api, record: Record, _properties: Properties) -> None:
    """moto keeps the association in the table and a second record of it beside the subnets."""
    ec2 = api.backend("ec2")
    for table in ec2.route_tables.values():
        associations = table._associations  # its public view is a copy
        for identifier in [
            key for key, each in associations.items() if record.subnet_id in (each, getattr(each, "subnet_id", None))
        ]:
            del associations[identifier]
    ec2.subnet_associations.pop(f"{record.route_table_id}:{record.subnet_id}", None)


def _detach(api: Api, record: Record, properties: Properties) -> None:
    if properties.get("InternetGatewayId"):
        api.backend("ec2").detach_internet_gateway(properties["InternetGatewayId"], properties["VpcId"])


def _delete_endpoint(api: Api, record: Record, _properties: Properties) -> None:
    ec2 = api.backend("ec2")
    ec2.delete_vpc_endpoints([record.id])
    ec2.vpc_end_points.pop(record.id, None)


def _delete_nat_gateway(api: Api, record: Record, _properties: Properties) -> None:
    ec2 = api.backend("ec2")
    gateway = ec2.nat_gateways.pop(record.id, None)
    for address in getattr(gateway, "address_set", ()):
        ec2.enis.pop(address.get("NetworkInterfaceId") or address.get("networkInterfaceId"), None)


def _delete_role(api: Api, record: Record, _properties: Properties) -> None:
    iam = api.backend("iam")
    for policy in list(record.policies):
        iam.delete_role_policy(record.name, policy)
    for arn in list(record.managed_policies):
        iam.detach_role_policy(arn, record.name)
    iam.delete_role(record.name)


def _complete_table(api: Api, record: Record, properties: Properties) -> None:
    """What moto's type of a table ignores: when its rows expire, and its backups."""
    expiry = properties.get("TimeToLiveSpecification") or {"Enabled": False, "AttributeName": "none"}
    if expiry["Enabled"] != (record.ttl["TimeToLiveStatus"] == "ENABLED"):
        api("dynamodb", "UpdateTimeToLive", TableName=record.name, TimeToLiveSpecification=dict(expiry))
    wanted = properties.get("PointInTimeRecoverySpecification")
    if wanted:
        api(
            "dynamodb",
            "UpdateContinuousBackups",
            TableName=record.name,
            PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": bool(wanted["PointInTimeRecoveryEnabled"])},
        )


def _update_table(api: Api, record: Record, properties: Properties) -> None:
    throughput = properties.get("ProvisionedThroughput")
    wanted = {
        "BillingMode": properties.get("BillingMode", "PROVISIONED"),
        "ProvisionedThroughput": {name: int(units) for name, units in throughput.items()} if throughput else None,
        "DeletionProtectionEnabled": properties.get("DeletionProtectionEnabled"),
    }
    api("dynamodb", "UpdateTable", TableName=record.name, **wanted)
    record.tags = [dict(each) for each in properties.get("Tags", ())]
    _complete_table(api, record, properties)


def _update_queue(api: Api, record: Record, properties: Properties) -> None:
    fixed = ("QueueName", "FifoQueue", "Tags")
    wanted = {name: value for name, value in properties.items() if name not in fixed}
    wanted.setdefault("RedrivePolicy", "")  # one that is left out is taken back
    record._set_attributes(wanted)  # as SetQueueAttributes does
    record.tags = {each["Key"]: each["Value"] for each in properties.get("Tags", ())}


def _update_log_group(api: Api, record: Record, properties: Properties) -> None:
    api.backend("logs").put_retention_policy(record.name, properties.get("RetentionInDays"))


MOTO_TYPES: Mapping[str, MotoType] = {
    "AWS::DynamoDB::Table": MotoType(
        complete=_complete_table,
        update=_update_table,
        changeable=frozenset(
            {
                "BillingMode",
                "DeletionProtectionEnabled",
                "PointInTimeRecoverySpecification",
                "ProvisionedThroughput",
                "Tags",
                "TimeToLiveSpecification",
            }
        ),
    ),
    "AWS::EC2::EIP": MotoType(
        complete=tag,
        delete=lambda api, record, _: api.backend("ec2").release_address(allocation_id=record.allocation_id),
    ),
    "AWS::EC2::InternetGateway": MotoType(
        complete=tag, delete=lambda api, record, _: api.backend("ec2").delete_internet_gateway(record.id)
    ),
    "AWS::EC2::NatGateway": MotoType(complete=tag, delete=_delete_nat_gateway),
    "AWS::EC2::Route": MotoType(delete=_delete_route),
    "AWS::EC2::RouteTable": MotoType(
        complete=tag, delete=lambda api, record, _: api.backend("ec2").delete_route_table(record.id)
    ),
    "AWS::EC2::SecurityGroup": MotoType(complete=_rules),
    "AWS::EC2::Subnet": MotoType(
        complete=tag, delete=lambda api, record, _: api.backend("ec2").delete_subnet(record.id)
    ),
    "AWS::EC2::SubnetRouteTableAssociation": MotoType(delete=_delete_association),
    "AWS::EC2::VPC": MotoType(complete=_dns, delete=lambda api, record, _: api.backend("ec2").delete_vpc(record.id)),
    "AWS::EC2::VPCEndpoint": MotoType(complete=tag, delete=_delete_endpoint),
    "AWS::EC2::VPCGatewayAttachment": MotoType(delete=_detach),
    "AWS::IAM::Role": MotoType(delete=_delete_role),
    "AWS::Logs::LogGroup": MotoType(
        complete=_update_log_group, update=_update_log_group, changeable=frozenset({"RetentionInDays"})
    ),
    "AWS::SQS::Queue": MotoType(
        update=_update_queue,
        changeable=frozenset(
            {
                "ContentBasedDeduplication",
                "DeduplicationScope",
                "DelaySeconds",
                "FifoThroughputLimit",
                "MaximumMessageSize",
                "MessageRetentionPeriod",
                "ReceiveMessageWaitTimeSeconds",
                "RedrivePolicy",
                "Tags",
                "VisibilityTimeout",
            }
        ),
    ),
}


def update_in_place(kind: str, api: Api, record: Record, before: Properties, after: Properties) -> bool:
    """Change `record` as `after` says; False when this type has no such entry. `Refused` names what cannot change."""
    known = MOTO_TYPES.get(kind)
    if known is None or known.update is None:
        return False
    fixed = [name for name in changes(before, after) if name not in known.changeable]
    if fixed:
        raise unchangeable(kind, fixed)
    known.update(api, record, after)
    return True
