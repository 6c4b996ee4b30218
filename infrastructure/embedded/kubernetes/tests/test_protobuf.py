"""What kubectl writes in protobuf is read; what nobody would write is refused, whatever it is."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infrastructure.embedded.kubernetes.api.protobuf import Unreadable, decoded

KINDS = ("Deployment", "Event", "HorizontalPodAutoscaler", "Namespace", "Pod", "Secret")


def part(number: int, content: bytes) -> bytes:
    """A member with a length, of less than 128 bytes."""
    return bytes((number << 3 | 2, len(content))) + content


def envelope(kind: str, raw: bytes) -> bytes:
    return b"k8s\x00" + part(1, part(1, b"v1") + part(2, kind.encode())) + part(2, raw)


def test_an_object_is_read_as_json_has_it() -> None:
    meta = part(1, b"prices") + part(11, part(1, b"app") + part(2, b"menu"))
    body = envelope("ConfigMap", part(1, meta) + part(2, part(1, b"espresso") + part(2, b"2.50")))
    assert decoded(body) == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "prices", "labels": {"app": "menu"}},
        "data": {"espresso": "2.50"},
    }


@pytest.mark.parametrize(
    "raw", [b"\x0a\xff", b"\x08", b"\x0b", part(1, b"\x08\x01")[:-1]], ids=["length", "number", "wire", "cut"]
)
def test_half_an_object_is_refused(raw: bytes) -> None:
    with pytest.raises(Unreadable):
        decoded(envelope("Namespace", raw))


def test_a_time_that_no_calendar_has_is_refused() -> None:
    never = part(8, b"\x08" + b"\xff" * 8 + b"\x7f")
    with pytest.raises(Unreadable):
        decoded(envelope("Namespace", part(1, never)))


@given(st.sampled_from(KINDS), st.binary(max_size=100))
def test_nothing_but_unreadable_comes_of_what_is_no_object(kind: str, raw: bytes) -> None:
    with contextlib.suppress(Unreadable):
        assert decoded(envelope(kind, raw))["kind"] == kind
