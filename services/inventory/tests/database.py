"""The tables of stock in a real PostgreSQL: looked at, set, and cut off by the tests."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg

from services.chassis.postgres.pool import WriterPool
from services.chassis.postgres.tests import pools
from services.chassis.postgres.tests.server import PASSWORD, USER, Server
from services.inventory.domain import Demand, Line, merged
from services.inventory.store import AuroraStock

STORE, OTHER_STORE = "store-001", "store-002"
BAGEL, LATTE, MOCHA = "bagel-piece", "latte-grande", "mocha-tall"


def demand(order_id: str, store_id: str = STORE, **quantities: int) -> Demand:
    """What an order wants; `latte_grande=2`."""
    lines = merged(Line(name.replace("_", "-"), quantity) for name, quantity in quantities.items())
    return Demand(order_id=order_id, store_id=store_id, lines=lines)


@dataclass(frozen=True)
class Database:
    """`retries` has one entry for each time that a statement had to be asked again: after a deadlock, for one."""

    server: Server
    retries: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"postgresql://127.0.0.1:{self.server.port}/postgres"

    def pool(self) -> WriterPool:
        return pools.pool_at(self.server.port, "inventory", on_retry=lambda: self.retries.append("again"))

    @asynccontextmanager
    async def pod(self) -> AsyncIterator[AuroraStock]:
        """One pod's stock, with connections of its own."""
        async with pools.opened(self.pool(), within_s=60.0) as pool:
            stock = AuroraStock(pool)
            await stock.prepare()
            yield stock

    def sql(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url, user=USER, password=PASSWORD) as connection:
            found = connection.execute(statement.encode(), parameters)
            return found.fetchall() if found.description else []

    def leave(self, pieces: int, *items: str, store_id: str = STORE) -> None:
        """So many pieces of `items`, as if all others had been sold."""
        self.sql(
            "WITH sold AS (UPDATE inventory.stock SET available = %s"
            " WHERE store_id = %s AND item_id = ANY (%s) RETURNING item_id)"
            " UPDATE inventory.stock_entries AS entry SET quantity = %s FROM sold"
            " WHERE kind = 'seed' AND entry.store_id = %s AND entry.item_id = sold.item_id",
            *(pieces, store_id, list(items), pieces, store_id),
        )

    def level(self, item_id: str, store_id: str = STORE) -> tuple[int, int]:
        """Pieces available and reserved."""
        [row] = self.sql(
            "SELECT available, reserved FROM inventory.stock WHERE (store_id, item_id) = (%s, %s)", store_id, item_id
        )
        return int(row[0]), int(row[1])

    def entries(self, order_id: str) -> list[tuple[str, str, int]]:
        """What came and went for an order: kind, item, pieces."""
        rows = self.sql(
            "SELECT kind, item_id, quantity FROM inventory.stock_entries WHERE order_id = %s ORDER BY seq", order_id
        )
        return [(kind, item_id, int(quantity)) for kind, item_id, quantity in rows]

    def age(self, *order_ids: str, by_s: float) -> None:
        """As if these orders had become what they are so much earlier."""
        self.sql(
            "UPDATE inventory.reservations SET changed_at = changed_at - %s * interval '1 s' WHERE order_id = ANY (%s)",
            by_s,
            list(order_ids),
        )

    def status(self, order_id: str) -> str | None:
        rows: Sequence[Any] = self.sql("SELECT status FROM inventory.reservations WHERE order_id = %s", order_id)
        return str(rows[0][0]) if rows else None

    def disagreements(self) -> Mapping[str, list[tuple[Any, ...]]]:
        """Where the tables contradict each other: stock and its entries, reserved and the holds, rows and entries."""
        return {what: rows for what, statement in _RULES.items() if (rows := self.sql(statement))}

    def cut(self) -> None:
        """End every session of the service, as a failover does."""
        self.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'inventory'")

    def empty(self) -> None:
        self.sql("DROP SCHEMA IF EXISTS inventory CASCADE")


_RULES = {
    "stock is the sum of its entries": """
        SELECT store_id, item_id, available, reserved, sum(quantity) FROM inventory.stock
        JOIN inventory.stock_entries USING (store_id, item_id)
        GROUP BY store_id, item_id HAVING available + reserved <> sum(quantity)""",
    "reserved is what is held": """
        SELECT store_id, item_id, reserved, coalesce(held, 0) FROM inventory.stock LEFT JOIN (
            SELECT store_id, item_id, sum(quantity) AS held FROM inventory.reservations,
                jsonb_to_recordset(items) AS line (item_id text, quantity bigint)
            WHERE status = 'held' GROUP BY store_id, item_id
        ) AS holds USING (store_id, item_id) WHERE reserved <> coalesce(held, 0)""",
    "an order has its entries": """
        SELECT order_id, status, items, kinds FROM inventory.reservations LEFT JOIN (
            SELECT order_id, string_agg(DISTINCT kind, ' ' ORDER BY kind) AS kinds, sum(quantity) AS pieces
            FROM inventory.stock_entries GROUP BY order_id
        ) AS entries USING (order_id)
        WHERE CASE status WHEN 'held' THEN kinds IS NOT NULL WHEN 'taken' THEN kinds IS DISTINCT FROM 'take'
            ELSE coalesce(kinds, 'release take') <> 'release take' OR coalesce(pieces, 0) <> 0 END""",
}
