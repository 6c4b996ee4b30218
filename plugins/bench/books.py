"""How long the books of a hundred thousand orders take to judge, once they are read."""

import time
from collections.abc import Iterator
from typing import ClassVar

from infrastructure.cloud import Platform
from infrastructure.errors import EnvironmentFault
from plugins.books.comparison import compare
from plugins.books.generated import world
from plugins.slo import Verdict

_ORDERS = 100_000
_SEED = 20261122


class Books100kOrders:
    """The comparison alone, on made-up books that balance: reading them depends on the platform, not on the judge."""

    name: ClassVar[str] = "books_100k_orders"
    unit: ClassVar[str] = "s"
    needs_platform: ClassVar[bool] = False

    def samples(self, platform: Platform | None, repeats: int) -> Iterator[float]:
        made = world(_ORDERS, seed=_SEED)
        for _ in range(repeats):
            started = time.perf_counter()
            report = compare(made.books, made.attempts, exclusive=True)
            took = time.perf_counter() - started
            if report.verdict is not Verdict.PASS:
                raise EnvironmentFault(f"books that balance by their making were judged {report.verdict}: {report}")
            yield took
