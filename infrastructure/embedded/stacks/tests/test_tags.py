"""Tags follow the template, of every type that has them: added, changed, removed, all gone."""

import json

import pytest

from infrastructure.embedded.stacks.resource_type import ResourceType
from infrastructure.embedded.stacks.tests.tagged import TAGGED, body_of, tags_of
from infrastructure.embedded.stacks.tests.world import Stacks, stack_of
from infrastructure.embedded.stacks.types import TYPES
from infrastructure.embedded.tests.control import REGION, run


def _has_tags(kind: ResourceType) -> bool:
    return kind.tags is not None or any("Tags" in step.on for step in kind.changes)


def test_every_type_with_tags_is_in_the_table() -> None:
    assert set(TAGGED) == {kind.type for kind in TYPES if _has_tags(kind)}


@pytest.mark.parametrize("kind", TAGGED)
def test_a_resource_has_the_tags_of_its_template_and_no_others(kind: str) -> None:
    async def scenario() -> None:
        stacks = Stacks()
        stacks.backends.s3.create_bucket("artifacts", REGION)
        stacks.put("artifacts", "work.zip", app="def handle(event, context): ...")
        action, ref = "CreateStack", None
        for tags in ({"kept": "1", "changed": "2", "gone": "3"}, {"kept": "1", "changed": "4", "added": "5"}, {}):
            await stacks.call(action, StackName="tagged", TemplateBody=json.dumps(body_of(kind, tags)))
            done = action.removesuffix("Stack").upper()
            assert await stacks.status("tagged") == f"{done}_COMPLETE", await stacks.events("tagged")
            made = stack_of(stacks, "tagged").made["It"]
            assert (ref or made.physical_resource_id, tags) == (made.physical_resource_id, tags_of(made))
            action, ref = "UpdateStack", made.physical_resource_id

    run(scenario())
