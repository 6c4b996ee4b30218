"""What VPC Lattice's calls answer and refuse; nothing is carried. Limits and codes as AWS publishes them."""

from collections.abc import Callable
from typing import Any

import pytest

from infrastructure.embedded.apis.elbv2.tests.load_balancing import fixed
from infrastructure.embedded.apis.vpc_lattice.networks import Networks
from infrastructure.embedded.apis.vpc_lattice.services import Services
from infrastructure.embedded.apis.vpc_lattice.store import Store
from infrastructure.embedded.apis.vpc_lattice.targets import LatticeTarget, TargetGroups
from infrastructure.embedded.control.context import Couplings
from infrastructure.embedded.gateway.refused import Refused
from infrastructure.embedded.network.envoy.model import Endpoint
from infrastructure.embedded.network.health import HEALTHY, Health
from infrastructure.embedded.pace import AWS
from infrastructure.embedded.tests.control import Control

NOT_FOUND = {"statusCode": 404}
FIXED = {"fixedResponse": NOT_FOUND}
UNKNOWN = "0" * 17


class Account:
    """An account with a VPC. `health` is what the checks find of targets, by port; `now` is the clock, in seconds."""

    def __init__(self) -> None:
        backends = Control().backends
        self.now = 0.0
        self.health: dict[int, Health] = {}
        self.store, self.operations = Store(backends.account, "us-east-1"), backends.operations
        self.targets = TargetGroups(
            self.store, backends.ec2, backends.elbv2, AWS, self._health_of, Couplings(), lambda: self.now
        )
        parts = (Networks(self.store, backends.ec2), Services(self.store, lambda _arn: "http://127.64.0.1"))
        self.operations.bind("vpc-lattice", *parts, self.targets)
        self.ec2, self.elbv2 = backends.ec2, backends.elbv2
        self.vpc = backends.ec2.create_vpc("10.0.0.0/16").id

    def _health_of(self, target: LatticeTarget) -> Health | None:
        return self.health.get(target.port)

    def __call__(self, action: str, /, **members: Any) -> Any:
        return self.operations.call("vpc-lattice", action, **members)

    def refused(self, action: str, /, **members: Any) -> str:
        with pytest.raises(Refused) as refusal:
            self(action, **members)
        return refusal.value.code

    def service(self, name: str = "menu", *, listening: bool = True) -> dict[str, str]:
        """Who it is and, if it listens, its listener."""
        made = {"serviceIdentifier": self("CreateService", name=name)["id"]}
        if listening:
            given = {**made, "name": "http", "protocol": "HTTP", "defaultAction": FIXED}
            made["listenerIdentifier"] = self("CreateListener", **given)["id"]
        self.store.pass_on()
        return made

    def group(self, name: str = "pods", kind: str = "IP", **config: Any) -> str:
        wanted = {"vpcIdentifier": self.vpc, **config}
        made = self("CreateTargetGroup", name=name, type=kind, config=wanted)
        self.store.pass_on()
        return str(made["id"])

    def register(self, group: str, *ports: int) -> Any:
        targets = [{"id": "127.0.0.1", "port": port} for port in ports]
        return self("RegisterTargets", targetGroupIdentifier=group, targets=targets)

    def deregister(self, group: str, *ports: int) -> Any:
        targets = [{"id": "127.0.0.1", "port": port} for port in ports]
        return self("DeregisterTargets", targetGroupIdentifier=group, targets=targets)

    def statuses(self, group: str) -> dict[int, str]:
        found = self("ListTargets", targetGroupIdentifier=group)["items"]
        return {each["port"]: each["status"] for each in found}

    def use(self, group: str, name: str = "menu") -> dict[str, str]:
        made = self.service(name)
        self("UpdateListener", **made, defaultAction=forward(group))
        return made


def forward(*groups: str, weight: int | None = None) -> dict[str, Any]:
    more = {} if weight is None else {"weight": weight}
    return {"forward": {"targetGroups": [{"targetGroupIdentifier": group, **more} for group in groups]}}


@pytest.fixture
def account() -> Account:
    return Account()


# --- networks and associations ----------------------------------------------------------------------------------------


def test_a_name_is_taken_once(account: Account) -> None:
    account("CreateServiceNetwork", name="cafe")
    account.service("menu")
    account.group("pods")
    assert account.refused("CreateServiceNetwork", name="cafe") == "ConflictException"
    assert account.refused("CreateService", name="menu") == "ConflictException"
    taken = {"name": "pods", "type": "IP", "config": {"vpcIdentifier": account.vpc}}
    assert account.refused("CreateTargetGroup", **taken) == "ConflictException"


def test_a_refusal_says_what_is_not_there(account: Account) -> None:
    with pytest.raises(Refused) as refusal:
        account("GetService", serviceIdentifier=f"svc-{UNKNOWN}")
    assert (refusal.value.code, refusal.value.status) == ("ResourceNotFoundException", 404)
    assert refusal.value.more == {"resourceId": f"svc-{UNKNOWN}", "resourceType": "SERVICE"}


def test_an_arn_of_another_account_is_not_found(account: Account) -> None:
    made = account("CreateServiceNetwork", name="cafe")
    assert account("GetServiceNetwork", serviceNetworkIdentifier=made["arn"])["id"] == made["id"]
    others = made["arn"].replace(account.store.account, "111122223333")
    assert account.refused("GetServiceNetwork", serviceNetworkIdentifier=others) == "ResourceNotFoundException"


def test_a_vpc_is_in_one_network_alone(account: Account) -> None:
    first, second = (account("CreateServiceNetwork", name=name)["id"] for name in ("one", "two"))
    asked = {"vpcIdentifier": account.vpc}
    made = account("CreateServiceNetworkVpcAssociation", serviceNetworkIdentifier=first, **asked)
    assert made["status"] == "CREATE_IN_PROGRESS"
    again = {"serviceNetworkIdentifier": second, **asked}
    assert account.refused("CreateServiceNetworkVpcAssociation", **again) == "ConflictException"
    assert account.refused("DeleteServiceNetwork", serviceNetworkIdentifier=first) == "ConflictException"
    named = {"serviceNetworkVpcAssociationIdentifier": made["id"]}
    assert account.refused("DeleteServiceNetworkVpcAssociation", **named) == "ConflictException", "still being made"
    account.store.pass_on()
    assert account("DeleteServiceNetworkVpcAssociation", **named)["status"] == "DELETE_IN_PROGRESS"
    account.store.pass_on()
    assert account.refused("GetServiceNetworkVpcAssociation", **named) == "ResourceNotFoundException"
    account("DeleteServiceNetwork", serviceNetworkIdentifier=first)


def test_security_groups_of_an_association_are_the_vpcs(account: Account) -> None:
    network = account("CreateServiceNetwork", name="cafe")["id"]
    elsewhere = account.ec2.create_vpc("10.9.0.0/16").id
    other = account.ec2.create_security_group(f"g-{elsewhere}", "g", elsewhere).id
    asked = {"serviceNetworkIdentifier": network, "vpcIdentifier": account.vpc}
    for wrong in (other, "sg-0123456789abcdef0"):
        code = account.refused("CreateServiceNetworkVpcAssociation", **asked, securityGroupIds=[wrong])
        assert code == "ValidationException"


def test_a_service_that_is_associated_stays(account: Account) -> None:
    network, service = account("CreateServiceNetwork", name="cafe")["id"], account.service(listening=False)
    asked = {"serviceNetworkIdentifier": network, **service}
    made = account("CreateServiceNetworkServiceAssociation", **asked)
    assert account.refused("CreateServiceNetworkServiceAssociation", **asked) == "ConflictException"
    assert account.refused("DeleteService", **service) == "ConflictException"
    account.store.pass_on()
    account("DeleteServiceNetworkServiceAssociation", serviceNetworkServiceAssociationIdentifier=made["id"])
    account.store.pass_on()
    account("DeleteService", **service)
    account.store.pass_on()
    assert account.refused("GetService", **service) == "ResourceNotFoundException"


def test_associations_are_listed_of_one_side(account: Account) -> None:
    assert account.refused("ListServiceNetworkVpcAssociations") == "ValidationException"
    assert account.refused("ListServiceNetworkServiceAssociations") == "ValidationException"
    assert account("ListServiceNetworkVpcAssociations", vpcIdentifier=account.vpc) == {"items": []}


def test_lists_come_in_pages(account: Account) -> None:
    names = [f"net-{number}" for number in range(5)]
    for name in names:
        account("CreateServiceNetwork", name=name)
    found, token = [], None
    while True:
        page = account("ListServiceNetworks", maxResults=2, nextToken=token)
        found += [each["name"] for each in page["items"]]
        token = page.get("nextToken")
        if token is None:
            break
    assert found == names
    assert account.refused("ListServiceNetworks", nextToken="nonsense") == "ValidationException"


# --- listeners and rules ----------------------------------------------------------------------------------------------


def test_a_service_has_two_listeners_at_most(account: Account) -> None:
    service = account.service(listening=False)
    for port in (80, 81):
        given = {"name": f"on-{port}", "protocol": "HTTP", "port": port, "defaultAction": FIXED}
        account("CreateListener", **service, **given)
    taken = {"name": "another", "protocol": "HTTP", "port": 80, "defaultAction": FIXED}
    assert account.refused("CreateListener", **service, **taken) == "ConflictException"
    with pytest.raises(Refused) as refusal:
        account("CreateListener", **service, **{**taken, "port": 82})
    assert (refusal.value.code, refusal.value.status) == ("ServiceQuotaExceededException", 402)
    assert refusal.value.more["quotaCode"] == "L-D64E952E"


def test_a_listener_has_ten_rules_at_most(account: Account) -> None:
    where = account.service()
    rule = {"match": {"httpMatch": {"method": "GET"}}, "action": FIXED}
    for number in range(1, 11):
        account("CreateRule", **where, name=f"is-{number}", priority=number, **rule)
    eleventh = {"name": "eleventh", "priority": 11, **rule}
    assert account.refused("CreateRule", **where, **eleventh) == "ServiceQuotaExceededException"
    found = account("ListRules", **where)["items"]
    assert [each.get("priority") for each in found] == [*range(1, 11), None]
    assert found[-1]["isDefault"]


def test_priorities_are_swapped_all_at_once(account: Account) -> None:
    where, rule = account.service(), {"match": {"httpMatch": {"method": "GET"}}, "action": FIXED}
    one, two = (account("CreateRule", **where, name=f"is-{n}", priority=n, **rule)["id"] for n in (1, 2))
    assert account.refused("CreateRule", **where, name="is-3", priority=2, **rule) == "ConflictException"
    assert account.refused("UpdateRule", **where, ruleIdentifier=one, priority=2) == "ConflictException"
    swapped = [{"ruleIdentifier": one, "priority": 2}, {"ruleIdentifier": two, "priority": 1}]
    account("BatchUpdateRule", **where, rules=swapped)
    assert [each["id"] for each in account("ListRules", **where)["items"]][:2] == [two, one]
    same = [{"ruleIdentifier": one, "priority": 7}, {"ruleIdentifier": two, "priority": 7}]
    assert account.refused("BatchUpdateRule", **where, rules=same) == "ValidationException"


def test_the_default_rule_is_the_listeners(account: Account) -> None:
    where = account.service()
    [default] = account("ListRules", **where)["items"]
    assert account("GetRule", **where, ruleIdentifier=default["id"])["action"] == FIXED
    assert account.refused("UpdateRule", **where, ruleIdentifier=default["id"], priority=1) == "ValidationException"
    assert account.refused("DeleteRule", **where, ruleIdentifier=default["id"]) == "ValidationException"


HTTP: dict[str, Any] = {"method": "GET"}
WRONG_RULES: dict[str, dict[str, Any]] = {
    "status that is not supported": {"action": {"fixedResponse": {"statusCode": 503}}},
    "two actions": {"action": {**FIXED, "forward": {"targetGroups": []}}},
    "no action": {"action": {}},
    "no match": {"match": {}},
    "empty match": {"match": {"httpMatch": {}}},
    "two kinds of a path": {"match": {"httpMatch": {"pathMatch": {"match": {"exact": "/a", "prefix": "/a"}}}}},
    "no kind of a header": {"match": {"httpMatch": {"headerMatches": [{"name": "a", "match": {}}]}}},
    "unknown method": {"match": {"httpMatch": {"method": "BREW"}}},
}


@pytest.mark.parametrize("wrong", WRONG_RULES.values(), ids=WRONG_RULES)
def test_a_rule_that_says_nothing_or_too_much_is_refused(account: Account, wrong: dict[str, Any]) -> None:
    given = {"name": "it-is", "priority": 1, "action": FIXED, "match": {"httpMatch": HTTP}, **wrong}
    assert account.refused("CreateRule", **account.service(), **given) == "ValidationException"


def test_several_target_groups_need_weights(account: Account) -> None:
    where, one, two = account.service(), account.group("one"), account.group("two")
    assert account.refused("UpdateListener", **where, defaultAction=forward(one, two)) == "ValidationException"
    account("UpdateListener", **where, defaultAction=forward(one, two, weight=10))
    account("UpdateListener", **where, defaultAction=forward(one))


def test_a_target_group_serves_one_service(account: Account) -> None:
    group = account.group()
    account.use(group)
    other = account.service("inventory")
    assert account.refused("UpdateListener", **other, defaultAction=forward(group)) == "ConflictException"
    missing = forward(f"tg-{UNKNOWN}")
    assert account.refused("UpdateListener", **other, defaultAction=missing) == "ResourceNotFoundException"


# --- what is not provided ---------------------------------------------------------------------------------------------

NOT_PROVIDED: dict[str, Callable[[Account], str]] = {
    "authorization": lambda a: a.refused("CreateService", name="shy", authType="AWS_IAM"),
    "a network's authorization": lambda a: a.refused("CreateServiceNetwork", name="shy", authType="AWS_IAM"),
    "TLS": lambda a: a.refused(
        "CreateListener",
        **a.service(listening=False),
        name="tls",
        protocol="HTTPS",
        defaultAction=FIXED,
    ),
    "functions": lambda a: a.refused("CreateTargetGroup", name="work", type="LAMBDA"),
    "gRPC": lambda a: a.refused(
        "CreateTargetGroup", name="rpc", type="IP", config={"vpcIdentifier": a.vpc, "protocolVersion": "GRPC"}
    ),
    "domain names": lambda a: a.refused("CreateService", name="own", customDomainName="menu.example.com"),
}


@pytest.mark.parametrize("refused", NOT_PROVIDED.values(), ids=NOT_PROVIDED)
def test_what_would_have_no_effect_is_refused(account: Account, refused: Callable[[Account], str]) -> None:
    assert refused(account) == "UnsupportedOperation"


# --- targets ----------------------------------------------------------------------------------------------------------


def test_a_group_tells_every_default(account: Account) -> None:
    found = account("GetTargetGroup", targetGroupIdentifier=account.group())
    check = {
        "enabled": True,
        "protocol": "HTTP",
        "protocolVersion": "HTTP1",
        "path": "/",
        "healthCheckIntervalSeconds": 30,
        "healthCheckTimeoutSeconds": 5,
        "healthyThresholdCount": 5,
        "unhealthyThresholdCount": 2,
        "matcher": {"httpCode": "200"},
    }
    assert found["config"] == {
        "vpcIdentifier": account.vpc,
        "port": 80,
        "protocol": "HTTP",
        "protocolVersion": "HTTP1",
        "ipAddressType": "IPV4",
        "healthCheck": check,
    }


def test_a_setting_of_0_is_the_default_again(account: Account) -> None:
    named = {"targetGroupIdentifier": account.group(healthCheck={"healthCheckIntervalSeconds": 7, "path": "/up"})}
    changed = {"healthCheckIntervalSeconds": 0, "unhealthyThresholdCount": 3}
    found = account("UpdateTargetGroup", **named, healthCheck=changed)["config"]["healthCheck"]
    assert (found["healthCheckIntervalSeconds"], found["unhealthyThresholdCount"], found["path"]) == (30, 3, "/up")
    for wrong in ({"healthCheckIntervalSeconds": 4}, {"healthyThresholdCount": 1}, {"matcher": {"httpCode": "199"}}):
        assert account.refused("UpdateTargetGroup", **named, healthCheck=wrong) == "ValidationException"


def test_a_target_is_what_the_checks_found(account: Account) -> None:
    group = account.group()
    account.register(group, 1, 2, 3)
    assert set(account.statuses(group).values()) == {"UNUSED"}
    account.use(group)
    account.health = {2: HEALTHY, 3: Health(state="unhealthy", reason="Target.Timeout")}
    assert account.statuses(group) == {1: "INITIAL", 2: "HEALTHY", 3: "UNHEALTHY"}
    asked = [{"id": "127.0.0.1", "port": 3}]
    [found] = account("ListTargets", targetGroupIdentifier=group, targets=asked)["items"]
    assert found == {"id": "127.0.0.1", "port": 3, "status": "UNHEALTHY", "reasonCode": "Timeout"}


def test_who_gets_requests(account: Account) -> None:
    """The healthy; when all are unhealthy, all of them; never one whose first checks are under way."""
    group = account.group()
    account.use(group)
    account.register(group, 1, 2)
    record = account.store.groups[group]
    assert account.targets.serving(record) == ()
    account.health = {1: HEALTHY, 2: Health(state="unhealthy")}
    assert account.targets.serving(record) == (Endpoint("127.0.0.1", 1),)
    account.health[1] = Health(state="unhealthy")
    assert account.targets.serving(record) == (Endpoint("127.0.0.1", 1), Endpoint("127.0.0.1", 2))
    account("UpdateTargetGroup", targetGroupIdentifier=group, healthCheck={"enabled": False})
    account.health = {}
    assert len(account.targets.serving(record)) == 2
    assert set(account.statuses(group).values()) == {"UNAVAILABLE"}


def test_a_deregistered_target_drains_for_five_minutes(account: Account) -> None:
    group = account.group()
    account.use(group)
    account.register(group, 1)
    answer = account.deregister(group, 1, 2)
    assert answer["successful"] == [{"id": "127.0.0.1", "port": 1}]
    assert [each["port"] for each in answer["unsuccessful"]] == [2]
    assert account.targets.serving(account.store.groups[group]) == ()
    account.now = 299.9
    assert account.statuses(group) == {1: "DRAINING"}
    account.now = 300.0
    assert account.statuses(group) == {}


def test_a_target_that_comes_back_while_it_drains_is_a_new_one(account: Account) -> None:
    group = account.group()
    account.use(group)
    account.register(group, 1)
    account.deregister(group, 1)
    account.register(group, 1)
    assert account.statuses(group) == {1: "INITIAL"}


def test_a_group_with_targets_or_in_use_stays(account: Account) -> None:
    group = account.group()
    named = {"targetGroupIdentifier": group}
    account.register(group, 1)
    assert account.refused("DeleteTargetGroup", **named) == "ConflictException", "it has targets"
    where = account.use(group)
    account.deregister(group, 1)
    account.now = 1000.0
    assert account.refused("DeleteTargetGroup", **named) == "ConflictException", "a listener sends to it"
    account("DeleteListener", **where)
    assert account("DeleteTargetGroup", **named)["status"] == "DELETE_IN_PROGRESS"


WRONG_TARGETS = {
    "no address": ("IP", "shop.example"),
    "an IPv6 address": ("IP", "::1"),
    "no instance": ("INSTANCE", "i-0123456789abcdef0"),
    "no load balancer": ("ALB", "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/a/0"),
}


@pytest.mark.parametrize(("kind", "identity"), WRONG_TARGETS.values(), ids=WRONG_TARGETS)
def test_what_cannot_be_a_target_is_refused(account: Account, kind: str, identity: str) -> None:
    group = account.group(kind=kind)
    targets = [{"id": identity, "port": 80}]
    assert account.refused("RegisterTargets", targetGroupIdentifier=group, targets=targets) == "ValidationException"


def test_a_load_balancer_must_listen_on_the_port(account: Account) -> None:
    make = account.ec2.create_subnet
    subnets = [make(account.vpc, f"10.0.{n}.0/24", availability_zone=f"us-east-1{z}").id for n, z in enumerate("ab")]
    arns = [account.elbv2.create_load_balancer(f"in-{account.vpc[-6:]}{n}", [], subnets).arn for n in (1, 2)]
    for arn in arns:
        account.elbv2.create_listener(arn, "HTTP", "80", "", None, [fixed("404")])
    group = account.group(kind="ALB", port=80)
    named = {"targetGroupIdentifier": group}
    deaf = [{"id": arns[0], "port": 81}]
    assert account.refused("RegisterTargets", **named, targets=deaf) == "ValidationException"
    account("RegisterTargets", **named, targets=[{"id": arns[0]}])
    second = [{"id": arns[1], "port": 80}]
    assert account.refused("RegisterTargets", **named, targets=second) == "ValidationException", "one at most"
    config = {"vpcIdentifier": account.vpc, "healthCheck": {"path": "/"}}
    assert account.refused("CreateTargetGroup", name="checked", type="ALB", config=config) == "ValidationException"


# --- tags -------------------------------------------------------------------------------------------------------------


def test_tags_come_and_go(account: Account) -> None:
    arn = account("CreateServiceNetwork", name="cafe", tags={"a": "1"})["arn"]
    account("TagResource", resourceArn=arn, tags={"b": "2"})
    account("UntagResource", resourceArn=arn, tagKeys=["a"])
    assert account("ListTagsForResource", resourceArn=arn) == {"tags": {"b": "2"}}
    many = {f"k{number}": "" for number in range(50)}
    assert account.refused("TagResource", resourceArn=arn, tags=many) == "ValidationException"
    assert account.refused("TagResource", resourceArn=arn, tags={"aws:x": ""}) == "ValidationException"


def test_a_listeners_tags_say_where_it_is_found(account: Account) -> None:
    where = account.service()
    arn = account("GetListener", **where)["arn"]
    tags = account("ListTagsForResource", resourceArn=arn)["tags"]
    assert tags == {"aws:cloudcafe:url": "http://127.64.0.1"}
