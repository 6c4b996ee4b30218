"""ModifyDBSubnetGroup changes the group and leaves it on record, which moto by itself does not."""

import pytest

from infrastructure.embedded.tests.control import Control, run

GROUP = {"DBSubnetGroupName": "private"}


class World:
    """A subnet group of two subnets in two zones."""

    def __init__(self) -> None:
        self.control = Control()
        self.rds = self.control.backends.rds
        zones = self.control.backends.ec2.subnets
        self.subnets = [next(iter(zones[zone])) for zone in sorted(zones)]
        found = [self.control.backends.ec2.get_subnet(subnet) for subnet in self.subnets[:2]]
        self.rds.create_subnet_group("private", "two zones", found, [])

    async def modify(self, **changes: str) -> bytes:
        answer = await self.control.answer("rds", "ModifyDBSubnetGroup", **changes)
        return answer.body

    @property
    def placed(self) -> list[str]:
        return [each["SubnetIdentifier"] for each in self.rds.subnet_groups["private"].subnets]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [({"DBSubnetGroupDescription": "one zone"}, "one zone"), ({}, "two zones")],
    ids=["another description", "the same"],
)
def test_a_group_that_is_modified_stays(changes: dict[str, str], expected: str) -> None:
    async def scenario() -> None:
        world = World()
        subnets = {"SubnetIds.SubnetIdentifier.1": world.subnets[2]}
        assert expected.encode() in await world.modify(**GROUP, **subnets, **changes)
        assert (world.placed, world.rds.subnet_groups["private"].description) == ([world.subnets[2]], expected)
        assert b"<DBSubnetGroupName>private<" in (await world.control.answer("rds", "DescribeDBSubnetGroups")).body

    run(scenario())


def test_a_group_that_is_not_there_is_not_found() -> None:
    async def scenario() -> None:
        world = World()
        answer = await world.control.answer("rds", "ModifyDBSubnetGroup", DBSubnetGroupName="lost")
        assert (answer.status, b"DBSubnetGroupNotFoundFault" in answer.body) == (404, True)
        assert world.placed == world.subnets[:2]

    run(scenario())
