"""From a caller's edge over VPC Lattice to a target, on the wire. One Envoy serves all tests."""

from collections.abc import Iterator

import pytest

from infrastructure.embedded.apis.elbv2.tests.load_balancing import by, fixed, status
from infrastructure.embedded.apis.vpc_lattice.tests.lattice import Lattice, Machine, is_unavailable, machine_on
from infrastructure.embedded.network.tests.test_dark import is_dark
from infrastructure.embedded.tests.wire import Target, eventually, target
from infrastructure.state import StateFolder


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with machine_on(StateFolder.of("test", tmp_path_factory.mktemp("lattice"))) as machine:
        yield machine


def balancer(lattice: Lattice, group: str) -> str:
    """An internal load balancer whose rule sends /api/menu* to a new group of addresses; its ARN."""
    made = lattice.elb("CreateLoadBalancer", Name="inside", Subnets=lattice.subnets, Scheme="internal")
    arn = str(made["LoadBalancers"][0].arn)
    closed = [fixed("404")]
    listening = {"LoadBalancerArn": arn, "Protocol": "HTTP", "Port": 80, "DefaultActions": closed}
    [listener] = lattice.elb("CreateListener", **listening)["Listeners"]
    wanted = {"Name": group, "VpcId": lattice.vpc, "Protocol": "HTTP", "Port": 8080, "TargetType": "ip"}
    checked = {"HealthCheckPath": "/health", "HealthCheckIntervalSeconds": 5, "HealthCheckTimeoutSeconds": 2}
    [made_group] = lattice.elb("CreateTargetGroup", **wanted, **checked)["TargetGroups"]
    lattice.groups[group] = made_group.arn
    condition = {"Field": "path-pattern", "Values": ["/api/menu*"]}
    action = {"Type": "forward", "TargetGroupArn": made_group.arn}
    lattice.elb("CreateRule", ListenerArn=listener.arn, Priority=10, Conditions=[condition], Actions=[action])
    return arn


def enter(lattice: Lattice, group: str, one: Target) -> None:
    targets = [{"Id": "127.0.0.1", "Port": one.port}]
    lattice.elb("RegisterTargets", TargetGroupArn=lattice.groups[group], Targets=targets)


def test_a_request_goes_over_lattice_and_an_internal_load_balancer_to_a_target(machine: Machine) -> None:
    async def test(lattice: Lattice) -> None:
        async with target("pod") as pod:
            arn = balancer(lattice, "pods")
            enter(lattice, "pods", pod)
            lattice.group("balancer", "ALB", port=80)
            lattice.serve(action=lattice.forward("balancer"))
            there = {"targetGroupIdentifier": lattice.groups["balancer"], "targets": [{"id": arn, "port": 80}]}
            lattice.call("RegisterTargets", **there)
            await lattice.answers(by("pod"), "/api/menu/items")
            assert lattice.health("balancer") == {80: "UNAVAILABLE"}, "load balancers are not checked"
            assert (await lattice.ask("/elsewhere")).status == 404, "by the load balancer"

            lattice.call("DeregisterTargets", **there)
            await lattice.answers(is_unavailable, "/api/menu/items")
            assert lattice.health("balancer") == {80: "DRAINING"}

    machine.run(test)


def test_an_empty_target_group_is_answered_503(machine: Machine) -> None:
    async def test(lattice: Lattice) -> None:
        lattice.serve("menu")
        await lattice.answers(is_unavailable)
        answer = await lattice.ask()
        assert (answer.body, answer.headers.get("server")) == (b"", None)

    machine.run(test)


def test_a_service_that_is_in_no_network_of_the_vpc_is_never_reached(machine: Machine) -> None:
    async def test(lattice: Lattice) -> None:
        lattice.serve("menu")
        await lattice.answers(is_unavailable)
        [association] = lattice.call("ListServiceNetworkServiceAssociations", serviceIdentifier=lattice.service)[
            "items"
        ]
        named = {"serviceNetworkServiceAssociationIdentifier": association["id"]}
        lattice.call("DeleteServiceNetworkServiceAssociation", **named)
        await eventually(lambda: _dark(lattice))

        again = {"serviceIdentifier": lattice.service, "serviceNetworkIdentifier": lattice.network}
        lattice.call("CreateServiceNetworkServiceAssociation", **again)
        await lattice.answers(is_unavailable)

    machine.run(test)


async def _dark(lattice: Lattice) -> bool:
    try:
        return await is_dark(lattice.port)
    except ConnectionError:
        return False  # between two listeners


def test_the_security_group_of_the_vpc_association_guards_the_way_in(machine: Machine) -> None:
    async def test(lattice: Lattice) -> None:
        lattice.serve("menu")
        await lattice.answers(is_unavailable)
        other = lattice.context.backends.ec2.create_security_group(f"o-{lattice.vpc}", "lets none in", lattice.vpc)
        [association] = lattice.call("ListServiceNetworkVpcAssociations", vpcIdentifier=lattice.vpc)["items"]
        named = {"serviceNetworkVpcAssociationIdentifier": association["id"]}
        lattice.call("UpdateServiceNetworkVpcAssociation", **named, securityGroupIds=[other.id])
        await eventually(lambda: _dark(lattice))
        lattice.call("UpdateServiceNetworkVpcAssociation", **named, securityGroupIds=[lattice.door_group])
        await lattice.answers(is_unavailable)

    machine.run(test)


def test_weights_shift_traffic(machine: Machine) -> None:
    async def test(lattice: Lattice) -> None:
        async with target("old") as old, target("new") as new:
            lattice.serve("old", "new")
            lattice.register("old", old)
            lattice.register("new", new)
            await lattice.is_("old", "HEALTHY")
            await lattice.is_("new", "HEALTHY")
            lattice.change(lattice.forward("old", "new", weights=(100, 0)))
            await lattice.answers(by("old"))
            await eventually(lambda: _only("old", lattice))
            lattice.change(lattice.forward("old", "new", weights=(0, 100)))
            await eventually(lambda: _only("new", lattice))
            lattice.change(lattice.forward("old", "new", weights=(50, 50)))

            async def both() -> bool:
                return {(await lattice.ask()).by for _ in range(20)} == {"old", "new"}

            await eventually(both)

    machine.run(test)


async def _only(name: str, lattice: Lattice) -> bool:
    return all([by(name)(await lattice.ask()) for _ in range(6)])


def test_rules_are_tried_by_priority(machine: Machine) -> None:
    async def test(lattice: Lattice) -> None:
        gone = {"fixedResponse": {"statusCode": 404}}
        broken = {"fixedResponse": {"statusCode": 500}}
        lattice.serve("menu", action=gone)
        lattice.rule("late", 20, gone, pathMatch={"match": {"prefix": "/items"}})
        lattice.rule("early", 10, broken, pathMatch={"match": {"prefix": "/items"}})
        await lattice.answers(status(500), "/items/latte")
        assert (await lattice.ask("/other")).status == 404

    machine.run(test)


def test_matches_know_case_and_headers(machine: Machine) -> None:
    async def test(lattice: Lattice) -> None:
        broken = {"fixedResponse": {"statusCode": 500}}
        lattice.serve("menu", action={"fixedResponse": {"statusCode": 404}})
        lattice.rule("path", 10, broken, pathMatch={"match": {"exact": "/Menu"}})
        lattice.rule("loose", 20, broken, pathMatch={"match": {"prefix": "/Items"}, "caseSensitive": False})
        lattice.rule("header", 30, broken, headerMatches=[{"name": "X-Shop", "match": {"contains": "Nova"}}])
        shop = {"headerMatches": [{"name": "x-shop", "match": {"exact": "One"}, "caseSensitive": True}]}
        lattice.rule("strict", 40, broken, method="PUT", **shop)
        await lattice.answers(status(500), "/", method="PUT", headers={"x-shop": "One"})
        statuses = {
            (path, shop): (await lattice.ask(path, method=method, headers={"x-shop": shop})).status
            for path, shop, method in (
                ("/Menu?a=1", "", "GET"),
                ("/menu", "", "GET"),
                ("/items/7", "", "GET"),
                ("/", "supernova", "GET"),
                ("/", "one", "PUT"),
            )
        }
        assert statuses == {
            ("/Menu?a=1", ""): 500,
            ("/menu", ""): 404,
            ("/items/7", ""): 500,
            ("/", "supernova"): 500,
            ("/", "one"): 404,
        }

    machine.run(test)


def test_a_target_learns_who_asks_and_the_requests_are_counted(machine: Machine) -> None:
    async def test(lattice: Lattice) -> None:
        async with target("pod") as pod:
            lattice.serve("menu")
            lattice.register("menu", pod)
            await lattice.answers(by("pod"))
            seen = (await lattice.ask()).seen
            assert (seen["x-forwarded-for"], seen["x-forwarded-port"], seen["x-forwarded-proto"]) == (
                "127.0.0.1",
                "80",
                "http",
            )
            assert "x-amzn-trace-id" not in seen, "that is a load balancer's"
            await eventually(lambda: _counted(lattice))

    machine.run(test)


async def _counted(lattice: Lattice) -> bool:
    call = lattice.context.backends.operations.call
    found = call("monitoring", "ListMetrics", Namespace="AWS/VpcLattice")["Metrics"]
    told = {(each["MetricName"], each["Dimensions"][0]["Value"]) for each in found}
    return {("TotalRequestCount", lattice.service), ("TotalConnectionCount", lattice.groups["menu"])} <= told
