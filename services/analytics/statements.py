"""The statements of the revenue table, as text. Pure. Every value in them is checked first: they take no parameters.

What keeps a row from being written twice, whoever dies and whoever wakes up late:

    one transaction:   loads.epoch := mine, if mine is not below it    two loads of a shard collide here
                       COPY into a table of the transaction's own
                       INSERT what revenue has not yet, if loads.epoch is still mine
"""

import re
from dataclasses import dataclass
from typing import Final

from services.analytics.domain import COLUMNS
from services.chassis.aws.warehouse import checked, copying

_SHARD: Final = re.compile(r"[A-Za-z0-9_.-]{1,128}")
_SEQUENCE: Final = re.compile(r"[0-9]{1,128}")

SCHEMA: Final = (
    """CREATE TABLE IF NOT EXISTS revenue (
    order_id varchar(128) NOT NULL,
    customer_id varchar(128) NOT NULL,
    store_id varchar(128) NOT NULL,
    amount_cents bigint NOT NULL,
    authorization_id varchar(128) NOT NULL,
    correlation_id varchar(256) NOT NULL,
    paid_at timestamp NOT NULL,
    loaded_at timestamp NOT NULL
) DISTKEY (order_id) SORTKEY (paid_at)""",
    """CREATE TABLE IF NOT EXISTS loads (
    shard_id varchar(128) NOT NULL,
    epoch bigint NOT NULL,
    sequence_number varchar(128) NOT NULL
)""",
)
"""`loads`: a row for every shard: who loaded it last, and up to which record."""

_FENCE: Final = """UPDATE loads SET epoch = {epoch:d}, sequence_number = '{last}'
WHERE shard_id = '{shard}' AND epoch <= {epoch:d}"""
_STAGE: Final = "CREATE TEMP TABLE staged AS SELECT {columns} FROM revenue WHERE 1 = 0"
_INSERT: Final = """INSERT INTO revenue ({columns}, loaded_at) SELECT {staged}, SYSDATE FROM staged
WHERE EXISTS (SELECT 1 FROM loads WHERE shard_id = '{shard}' AND epoch = {epoch:d})
AND NOT EXISTS (SELECT 1 FROM revenue WHERE revenue.order_id = staged.order_id)"""
_OPEN: Final = """INSERT INTO loads (shard_id, epoch, sequence_number) SELECT '{shard}', 0, '0'
WHERE NOT EXISTS (SELECT 1 FROM loads WHERE shard_id = '{shard}')"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Records of a shard up to `last`, whose rows lie at `url`, to be loaded by the holder of `epoch`."""

    shard: str
    epoch: int
    last: str
    url: str
    role: str

    def statements(self) -> tuple[str, ...]:
        """The transaction. The first one changes no row, and so nothing is inserted, when the epoch has passed.

        `FENCE` and `INSERT` are the places of those whose counts of rows tell what came of it.
        """
        shard, last = checked(_SHARD, self.shard), checked(_SEQUENCE, self.last)
        columns = ", ".join(COLUMNS)
        staged = ", ".join(f"staged.{name}" for name in COLUMNS)
        return (
            _FENCE.format(epoch=self.epoch, last=last, shard=shard),
            _STAGE.format(columns=columns),
            copying("staged", columns, self.url, self.role),
            _INSERT.format(columns=columns, staged=staged, shard=shard, epoch=self.epoch),
            "DROP TABLE staged",
        )


FENCE: Final = 0
INSERT: Final = 3


def opening(shard: str) -> str:
    """Gives a shard its row in `loads`. Two that are opened at once make two rows, which every load changes both."""
    return _OPEN.format(shard=checked(_SHARD, shard))
