import base64

import pytest

from services.chassis.postgres.scram import Scram, ScramError

# RFC 7677, section 3; its user name is in the first message, where PostgreSQL's is empty, so the proof is our own.
NONCE = "rOprNGfwEbeRWgbNEkqO"
CHALLENGE = f"r={NONCE}%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096".encode()


def test_the_conversation_goes_as_the_rfc_has_it() -> None:
    scram = Scram("pencil", NONCE)
    assert scram.first() == f"n,,n=,r={NONCE}".encode()
    final = scram.final(CHALLENGE).decode()
    assert final.startswith(f"c=biws,r={NONCE}%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=")
    assert len(base64.b64decode(final.partition(",p=")[2])) == 32


@pytest.mark.parametrize(
    "challenge",
    [
        pytest.param(b"r=someone-else,s=W22Z,i=4096", id="another's nonce"),
        pytest.param(f"r={NONCE}x,i=4096".encode(), id="no salt"),
        pytest.param(f"r={NONCE}x,s=W22Z,i=many".encode(), id="no number of rounds"),
        pytest.param(f"r={NONCE}x,s=W22Z,i=0".encode(), id="no rounds"),
        pytest.param(f"r={NONCE}x,s=W22Z,i=2147483647".encode(), id="rounds without end"),
        pytest.param(b"\xff\x00", id="noise"),
    ],
)
def test_a_challenge_that_is_none_is_refused(challenge: bytes) -> None:
    with pytest.raises(ScramError):
        Scram("pencil", NONCE).final(challenge)


@pytest.mark.parametrize("last", [b"v=AAAA", b"e=invalid-proof", b"", b"v=\xff"])
def test_a_server_that_does_not_know_the_password_is_not_believed(last: bytes) -> None:
    scram = Scram("pencil", NONCE)
    scram.final(CHALLENGE)
    with pytest.raises(ScramError, match="does not know"):
        scram.verify(last)
    assert not scram.is_proven


def test_a_server_cannot_skip_the_proof() -> None:
    with pytest.raises(ScramError):
        Scram("pencil", NONCE).verify(b"v=")
