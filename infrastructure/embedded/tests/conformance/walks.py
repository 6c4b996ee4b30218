"""All operations of an API one after the other on what is there by then: all things are called the same.

What the API hands out on the way, ids and ARNs, it is given back. Pure: the same walk for the same seed and answers.
"""

import random
from collections.abc import Iterator, Sequence

from botocore.model import OperationModel

from infrastructure.embedded.gateway.api import Api
from infrastructure.embedded.gateway.call import HttpRequest
from infrastructure.embedded.tests.conformance import values, wire
from infrastructure.embedded.tests.conformance.cases import Case
from infrastructure.embedded.tests.conformance.handed import Handed

_MAKING = ("Create", "Put", "Register", "Add", "Set", "Import", "Attach", "Enable", "Start")
_ENDING = ("Delete", "Deregister", "Remove")
_EXTRA = (0, 0, 1, 2, 4)
"""How many optional members a request has."""


def walk(api: Api, operations: Sequence[OperationModel], seed: int, handed: Handed) -> Iterator[Case]:
    """What makes things twice, what looks and changes, what ends them, and what looks again."""
    rng = random.Random(f"{seed}:{api.key}")  # noqa: S311  nothing is secret
    shuffled = rng.sample(operations, len(operations))
    making = [of for of in shuffled if of.name.startswith(_MAKING)]
    ending = [of for of in shuffled if of.name.startswith(_ENDING)]
    others = [of for of in shuffled if of not in making and of not in ending]
    for number, of in enumerate((*making, *making, *others, *making, *others, *ending, *others)):
        yield Case(api=api, operation=of, kind="walk", path=str(number), request=_request(api, of, rng, handed))


def _request(api: Api, of: OperationModel, rng: random.Random, handed: Handed) -> HttpRequest:
    shape = of.input_shape
    given = (values.valid(shape, rng, inside=False) if shape else {}) | values.NEEDED.get(of.name, {})
    optional = [name for name in (shape.members if shape else ()) if name not in given and name != "DryRun"]
    more = rng.sample(optional, min(len(optional), rng.choice(_EXTRA)))
    given |= {name: values.member(name, shape, rng) for name in more}
    return wire.request(api, of, handed.given_back(shape, given, rng) if shape else given)
