"""The loyalty service over HTTP."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Final, Protocol

from fastapi import FastAPI, Path, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from services.chassis.aws.data_api import WarehouseAway
from services.chassis.postgres.pool import StoreUnavailable
from services.chassis.web.api import json_response
from services.chassis.web.problems import HttpProblem, unavailable
from services.loyalty.domain import MAX_CENTS, MAX_POINTS, TIERS, Account
from services.loyalty.store import EntryConflict, NoSuchAccount, NotEnoughPoints, Store
from services.loyalty.tiers import TierReport

ROUTE: Final = "/loyalty"
AGAIN_S: Final = 5
"""When to ask for the tiers again while the warehouse is away: it takes its time."""
_ID: Final = r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$"
Customer = Annotated[str, Path(pattern=_ID)]


class _Wire(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class AccountRequest(_Wire):
    """An account to open."""

    customer_id: str = Field(pattern=_ID, examples=["customer-4711"])


class AccrualRequest(_Wire):
    """An order whose points are to be added. The same order adds them once, however often it is sent."""

    customer_id: str = Field(pattern=_ID)
    order_id: str = Field(pattern=_ID)
    total_cents: int = Field(ge=0, le=MAX_CENTS)


class RedemptionRequest(_Wire):
    """Points to take away, once under this id."""

    customer_id: str = Field(pattern=_ID)
    redemption_id: str = Field(pattern=_ID)
    points: int = Field(ge=1, le=MAX_POINTS)


class Leaderboard(Protocol):
    """Who has earned most, as far as it is known."""

    @property
    def is_stale(self) -> bool: ...  # somebody's points may be missing
    async def note(self, *accounts: Account) -> None: ...  # never fails
    async def fill(self, leaders: list[Account]) -> None: ...  # begins anew
    async def top(self, count: int) -> list[tuple[str, int]] | None: ...  # None: cannot say


class Analytics(Protocol):
    """What the tiers are worth. Raises `WarehouseAway`."""

    async def report(self) -> TierReport: ...


def add_routes(app: FastAPI, store: Store, board: Leaderboard, analytics: Analytics) -> None:
    """Add the loyalty endpoints to `app`."""
    _add_accounts(app, store)
    _add_changes(app, store, board)
    _add_leaderboard(app, store, board)
    _add_analytics(app, analytics)


def _add_accounts(app: FastAPI, store: Store) -> None:
    @app.post(f"{ROUTE}/accounts", tags=["accounts"], summary="Open an account; 200 for one that is open already")
    async def open_account(asked: AccountRequest) -> Response:
        with _as_problems():
            account, is_new = await store.open(asked.customer_id)
        return json_response(_shown(account), 201 if is_new else 200)

    @app.get(f"{ROUTE}/points/{{customer_id}}", tags=["points"], summary="Points to spend, and those ever earned")
    async def points(customer_id: Customer) -> Response:
        with _as_problems():
            return json_response(_shown(await store.find(customer_id)))

    @app.get(
        f"{ROUTE}/tier/{{customer_id}}", tags=["tiers"], summary="The customer's tier, and what the next one takes"
    )
    async def tier(customer_id: Customer) -> Response:
        with _as_problems():
            account = await store.find(customer_id)
        higher = next((each for each in TIERS if each.least > account.earned), None)
        return json_response(
            {
                "customer_id": customer_id,
                "tier": account.tier.name,
                "multiplier": account.tier.percent / 100,
                "next_tier": higher.name if higher else None,
                "points_to_next": higher.least - account.earned if higher else None,
            }
        )


def _add_changes(app: FastAPI, store: Store, board: Leaderboard) -> None:
    @app.post(f"{ROUTE}/points/accrue", tags=["points"], summary="Add the points of an order, once")
    async def accrue(asked: AccrualRequest) -> Response:
        with _as_problems():
            account, points = await store.accrue(asked.customer_id, asked.order_id, asked.total_cents)
        await board.note(account)
        return json_response({**_shown(account), "points": points})

    @app.post(f"{ROUTE}/points/redeem", tags=["points"], summary="Take points away, once")
    async def redeem(asked: RedemptionRequest) -> Response:
        with _as_problems():
            return json_response(_shown(await store.redeem(asked.customer_id, asked.redemption_id, asked.points)))


def _add_leaderboard(app: FastAPI, store: Store, board: Leaderboard) -> None:
    @app.get(f"{ROUTE}/leaderboard", tags=["leaderboard"], summary="Who has earned most")
    async def leaderboard(limit: Annotated[int, Query(ge=1, le=100)] = 10) -> Response:
        """Degraded: the database said it, since MemoryDB could not."""
        found = None if board.is_stale else await board.top(limit)
        is_degraded = found is None
        if found is None:
            with _as_problems():
                accounts = await store.leaders(max(limit, 100))
            await board.fill(accounts)
            is_degraded = board.is_stale
            found = [(each.customer_id, each.earned) for each in accounts[:limit]]
        leaders = [{"customer_id": name, "earned": earned} for name, earned in found]
        return json_response({"degraded": is_degraded, "leaders": leaders})


def _add_analytics(app: FastAPI, analytics: Analytics) -> None:
    @app.get(f"{ROUTE}/analytics/tiers", tags=["analytics"], summary="Members, points and revenue of each tier")
    async def tiers() -> Response:
        """As the warehouse knows them, some time after the accounts: `as_of` in Unix seconds."""
        try:
            report = await analytics.report()
        except WarehouseAway as error:
            detail = "the warehouse does not answer; points and tiers are not concerned"
            raise unavailable(detail, retry_after_s=AGAIN_S) from error
        worths = [
            {
                "tier": each.tier,
                "members": each.members,
                "balance": each.balance,
                "earned": each.earned,
                "revenue": f"{each.revenue_cents // 100}.{each.revenue_cents % 100:02d}",
            }
            for each in report.tiers
        ]
        return json_response({"as_of": report.as_of, "tiers": worths})


def _shown(account: Account) -> dict[str, object]:
    return {
        "customer_id": account.customer_id,
        "balance": account.balance,
        "earned": account.earned,
        "tier": account.tier.name,
    }


@contextmanager
def _as_problems() -> Iterator[None]:
    try:
        yield
    except NoSuchAccount as error:
        raise HttpProblem(404, "no-such-account", f"customer {error} has no account") from error
    except NotEnoughPoints as error:
        raise HttpProblem(409, "not-enough-points", str(error)) from error
    except EntryConflict as error:
        raise HttpProblem(409, "id-in-use", str(error)) from error
    except StoreUnavailable as error:
        raise unavailable("the accounts cannot be reached; nothing was lost, send it again", retry_after_s=1) from error
