"""A fleet makes what is wanted, lets it take steps, and removes what is not; each object for itself."""

from typing import Any

import pytest

from infrastructure.embedded.control.fleet import Fleet

pytestmark = pytest.mark.anyio


class Yard:
    """Records are numbers by name, and so are members, which remember what they were made from."""

    def __init__(self, **records: int) -> None:
        self.records = records
        self.events: list[str] = []
        self.defects: dict[str, Exception] = {}
        self.fleet: Fleet[int, list[Any]] = Fleet(
            wanted=lambda: self.records,
            make=lambda key, record: [key, record],
            step=self._step,
            remove=self._remove,
            changed=lambda: self.events.append(f"changed {','.join(self.fleet.running)}"),
            is_of=lambda record, member: record == member[1],
        )

    async def _step(self, record: int, member: list[Any]) -> float:
        self._note("step", member)
        return float(record)

    async def _remove(self, member: list[Any]) -> None:
        self._note("remove", member)

    def _note(self, what: str, member: list[Any]) -> None:
        self.events.append(f"{what} {member[0]}{member[1]}")
        if what in self.defects:
            raise self.defects.pop(what)


async def test_what_is_wanted_is_made_and_takes_a_step_at_each_pass() -> None:
    yard = Yard(cafe=1)
    assert await yard.fleet.reconcile("cafe") == 1.0
    assert await yard.fleet.reconcile("cafe") == 1.0
    assert yard.events == ["changed cafe", "step cafe1", "changed cafe"] * 2


async def test_what_is_no_longer_wanted_is_shown_to_nobody_and_removed() -> None:
    yard = Yard(cafe=1)
    await yard.fleet.reconcile("cafe")
    yard.records.clear()
    yard.events.clear()
    assert list(yard.fleet.keys()) == ["cafe"]
    await yard.fleet.reconcile("cafe")
    assert (yard.events, list(yard.fleet.keys())) == (["changed ", "remove cafe1", "changed "], [])
    assert await yard.fleet.reconcile("cafe") is None, "what is gone is nobody's"


async def test_a_step_that_fails_is_told_and_its_changes_are_shown() -> None:
    yard = Yard(cafe=1)
    yard.defects["step"] = RuntimeError("no memory")
    with pytest.raises(RuntimeError, match="no memory"):
        await yard.fleet.reconcile("cafe")
    assert yard.events[-1] == "changed cafe"


async def test_a_removal_that_fails_is_done_again() -> None:
    yard = Yard(cafe=1)
    await yard.fleet.reconcile("cafe")
    yard.records.clear()
    yard.defects["remove"] = RuntimeError("it does not end")
    with pytest.raises(RuntimeError, match="it does not end"):
        await yard.fleet.reconcile("cafe")
    assert "cafe" in yard.fleet
    await yard.fleet.reconcile("cafe")
    assert "cafe" not in yard.fleet


async def test_a_namesake_is_made_once_the_old_one_has_left() -> None:
    yard = Yard(cafe=1)
    await yard.fleet.reconcile("cafe")
    yard.records["cafe"] = 2
    assert yard.fleet.matched() == [], "the old member is not the new record's"
    assert await yard.fleet.reconcile("cafe") == 0.0
    await yard.fleet.reconcile("cafe")
    assert yard.fleet.matched() == [(2, ["cafe", 2])]
    events = [event for event in yard.events if not event.startswith("changed")]
    assert events == ["step cafe1", "remove cafe1", "step cafe2"]


async def test_whoever_ends_all_gets_those_that_are_leaving_too() -> None:
    yard = Yard(cafe=1, other=1)
    for key in yard.records:
        await yard.fleet.reconcile(key)
    del yard.records["other"]
    yard.defects["remove"] = RuntimeError("it does not end")
    with pytest.raises(RuntimeError):
        await yard.fleet.reconcile("other")
    assert yard.fleet.clear() == (["cafe", 1], ["other", 1])
    assert "cafe" not in yard.fleet
