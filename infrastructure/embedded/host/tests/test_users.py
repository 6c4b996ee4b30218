"""User numbers: nobody's, the same for a name, given back last."""

import os
import pwd
from pathlib import Path

import pytest

from infrastructure.embedded.host import users
from infrastructure.embedded.host.claims import claim
from infrastructure.embedded.host.users import Users
from infrastructure.errors import EnvironmentFault


@pytest.fixture
def as_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """What decides is the number; that the kernel obeys is tested where processes are."""
    monkeypatch.setattr(os, "getuid", lambda: 0)
    monkeypatch.setattr(users, "taken_numbers", lambda: {70_000})
    monkeypatch.setattr(users, "_last_mapped", lambda: 2**32 - 2)


def test_anybody_but_root_runs_everything_as_himself(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 1000)
    nobody_else = Users()
    assert nobody_else.of("envoy") is None
    nobody_else.own(tmp_path / "data", "envoy")
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700
    nobody_else.release("envoy")
    nobody_else.close()


@pytest.mark.usefixtures("as_root")
def test_a_name_keeps_its_number_until_it_is_released() -> None:
    some = Users(blocks=(80_000,))
    assert (some.of("a"), some.of("b"), some.of("a")) == (80_000, 80_001, 80_000)
    some.release("a")
    some.release("unknown")
    assert (some.of("c"), some.of("a")) == (80_002, 80_003), "what was given back comes round last"
    some.close()


@pytest.mark.usefixtures("as_root")
def test_two_platforms_have_no_number_in_common() -> None:
    one, other = Users(blocks=(80_000, 90_000)), Users(blocks=(80_000, 90_000))
    assert (one.of("a"), other.of("a")) == (80_000, 90_000)
    one.close()
    again = Users(blocks=(80_000,))
    assert again.of("a") == 80_000
    again.close()
    other.close()


@pytest.mark.usefixtures("as_root")
def test_a_block_is_left_alone_in_which_somebody_is() -> None:
    some = Users(blocks=(69_000, 80_000))
    assert some.of("a") == 80_000  # 69,000 to 70,999 holds the number 70,000, which is taken
    some.close()


@pytest.mark.usefixtures("as_root")
def test_a_container_with_few_users_gets_none_that_it_does_not_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(users, "_last_mapped", lambda: 65_535)
    some = Users()
    assert some.of("a") == 50_000
    some.close()


@pytest.mark.usefixtures("as_root")
def test_when_all_are_taken_the_fault_says_what_to_do() -> None:
    held = claim("users-80000")
    assert held is not None
    try:
        with pytest.raises(EnvironmentFault, match="start this one as an ordinary user"):
            Users(blocks=(80_000,)).of("a")
    finally:
        held.close()


def test_who_has_a_name_or_a_process_is_taken() -> None:
    taken = users.taken_numbers()
    assert {entry.pw_uid for entry in pwd.getpwall()} | {os.getuid()} <= taken


def test_a_program_that_insists_on_a_name_gets_one_nobody_runs_as() -> None:
    first = pwd.getpwnam(users.idle_system_user(busy=()))
    second = pwd.getpwnam(users.idle_system_user(busy={first.pw_uid}))
    assert first.pw_uid != second.pw_uid
    assert 0 not in {first.pw_uid, second.pw_uid}
    assert users.idle_system_user(), "whoever has a process now, somebody has none"
    with pytest.raises(EnvironmentFault, match="every system user"):
        users.idle_system_user(busy={entry.pw_uid for entry in pwd.getpwall()})
