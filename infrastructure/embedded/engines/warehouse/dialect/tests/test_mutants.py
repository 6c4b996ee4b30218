"""Whatever is written is read or refused: no text makes the dialect fail otherwise."""

import random
import re

import pytest

from infrastructure.embedded.engines.warehouse.dialect import DialectError, translate
from infrastructure.embedded.engines.warehouse.dialect.tests.test_commands import KINDS
from infrastructure.embedded.engines.warehouse.dialect.tests.test_functions import AGGREGATES, VALUES
from infrastructure.embedded.engines.warehouse.dialect.tests.test_queries import CHANGES
from infrastructure.embedded.engines.warehouse.dialect.tests.test_tables import REVENUE

STATEMENTS = (
    *KINDS,
    *(f"SELECT {expression}" for expression, _ in VALUES.values()),
    *(query for query, _ in AGGREGATES.values()),
    *(change for change, _ in CHANGES.values()),
    REVENUE,
    "COPY t (a) FROM 's3://b/p' IAM_ROLE 'r' FORMAT AS CSV IGNOREHEADER 1 NULL AS ''",
    "UNLOAD ('SELECT 1') TO 's3://b/p' IAM_ROLE 'r' PARALLEL OFF MAXFILESIZE 1 GB",
    "SELECT a.n FROM a, b WHERE a.n = b.n(+)",
    "SELECT CAST(a AS VARCHAR(5)), s.b[0].c FROM t, t.s AS i",
)
_TOKEN = re.compile(r"\w+|'[^']*'|\s+|[^\w\s]")
_WORDS = sorted({token for statement in STATEMENTS for token in _TOKEN.findall(statement)})
EACH = 400


def mutant(drawn: random.Random) -> str:
    """A statement with one to three tokens left out, replaced, added or swapped."""
    tokens = _TOKEN.findall(drawn.choice(STATEMENTS))
    for _ in range(drawn.randint(1, 3)):
        at, other = drawn.randrange(len(tokens)), drawn.randrange(len(tokens))
        match drawn.randrange(4):
            case 0:
                tokens[at] = " "
            case 1:
                tokens[at] = drawn.choice(_WORDS)
            case 2:
                tokens.insert(at, f" {drawn.choice(_WORDS)} ")
            case _:
                tokens[at], tokens[other] = tokens[other], tokens[at]
    return "".join(tokens)


@pytest.mark.parametrize("seed", range(5))
def test_a_mutant_is_read_or_refused(seed: int) -> None:
    drawn = random.Random(seed)  # noqa: S311  nothing is kept secret by it
    refused = 0
    for _ in range(EACH):
        text = mutant(drawn)
        try:
            translate(text)
        except DialectError:
            refused += 1
        except Exception as failure:
            raise AssertionError(f"seed {seed}: {text!r}") from failure
    assert 0 < refused < EACH
