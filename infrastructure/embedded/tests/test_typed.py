"""What is read of a JSON request is what moto's own parser reads, member for member."""

import random

import orjson
import pytest
from moto.core.parse import JSONParser

from infrastructure.embedded.apis import PROVIDERS
from infrastructure.embedded.gateway.api import Api
from infrastructure.embedded.gateway.typed import typed
from infrastructure.embedded.tests.conformance import values, wire
from infrastructure.embedded.tests.conformance.running import answered

SEED = 1


@pytest.mark.parametrize("api", [each for each in PROVIDERS if each.protocol == "json"], ids=lambda api: api.model_name)
def test_members_are_read_as_moto_reads_them(api: Api) -> None:
    rng = random.Random(SEED)  # noqa: S311  nothing is secret
    read = 0
    for of in answered(api):
        if (shape := of.input_shape) is None:
            continue
        whole = {name: values.member(name, shape, rng) for name in shape.members}
        body = wire.request(api, of, whole).body
        nulls = orjson.dumps({**orjson.loads(body), next(iter(whole), "none"): None})
        for each in (body, nulls) if whole else ():
            found = typed(shape)
            assert found is not None
            assert found(orjson.loads(each)) == JSONParser(of).parse({"body": each}), of.name
            read += 1
    assert read > 0
