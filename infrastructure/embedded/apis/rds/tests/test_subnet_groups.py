"""ModifyDBSubnetGroup changes the group and leaves it on record, which moto by itself does not."""

import pytest

from infrastructure.embedded.tests.control import Control, run


class World:
    """A subnet group of two subnets in two zones."""

    def __init__(self) -> None:
        self.control = Control()
        self.rds = self.control.backends.rds
        zones = self.control.backends.ec2.subnets
        self.subnets = [next(iter(zones[zone])) for zone in sorted(zones)]
        self.found = [self.control.backends.ec2.get_subnet(subnet) for subnet in self.subnets]
        self.rds.create_subnet_group("private", "two zones", self.found[:2], [])

    @property
    def placed(self) -> list[str]:
        return [each["SubnetIdentifier"] for each in self.rds.subnet_groups["private"].subnets]


@pytest.mark.parametrize(
    ("description", "expected"),
    [("one zone", "one zone"), (None, "two zones")],
    ids=["another description", "the same"],
)
def test_a_group_that_is_modified_stays(description: str | None, expected: str) -> None:
    world = World()
    group = world.rds.modify_db_subnet_group("private", description, world.found[2:3])
    assert world.rds.describe_db_subnet_groups("private") == [group]
    assert (world.placed, group.description) == (world.subnets[2:3], expected)


def test_a_group_that_is_not_there_is_not_found() -> None:
    async def scenario() -> None:
        world = World()
        lost = {"DBSubnetGroupName": "lost", "SubnetIds.SubnetIdentifier.1": world.subnets[0]}
        answer = await world.control.answer("rds", "ModifyDBSubnetGroup", **lost)
        assert (answer.status, b"DBSubnetGroupNotFoundFault" in answer.body) == (404, True)
        assert world.placed == world.subnets[:2]

    run(scenario())
