import io
import json
import logging
from collections.abc import Iterator

import pytest

from services.chassis import log
from services.chassis.web import correlation


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    log.configure(service="order", task="arn:aws:ecs:us-east-1:1:task/cafe-dev/abc", level="INFO", stream=stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)


def test_a_line_is_one_json_object_with_the_context(stream: io.StringIO) -> None:
    correlation.bind("corr-1")
    logging.getLogger("some.part").info("order %s", "o1", extra={"ms": 1.5})
    [line] = stream.getvalue().splitlines()
    fields = json.loads(line)
    at = fields.pop("at")
    assert at.endswith("+00:00")
    assert fields == {
        "level": "INFO",
        "logger": "some.part",
        "message": "order o1",
        "correlation_id": "corr-1",
        "service": "order",
        "task": "abc",
        "ms": 1.5,
    }


def test_an_exception_stays_on_its_line(stream: io.StringIO) -> None:
    logging.getLogger("x").error("failed", exc_info=KeyError("boom"))
    [line] = stream.getvalue().splitlines()
    assert "KeyError: 'boom'" in json.loads(line)["exception"]


def test_a_forged_line_break_does_not_make_a_line(stream: io.StringIO) -> None:
    logging.getLogger("x").info("a\n{}", extra={"path": "/x\n{}"})
    assert len(stream.getvalue().splitlines()) == 1


def test_a_concealed_secret_appears_nowhere(stream: io.StringIO) -> None:
    secret = "s3cr3t-operator-token"
    log.conceal(secret)
    extra = {"header": f"Bearer {secret}"}
    logging.getLogger("x").error("with %s", secret, exc_info=ValueError(secret), extra=extra)
    assert secret not in stream.getvalue()
    assert stream.getvalue().count("[secret]") >= 3


def test_what_cannot_be_json_is_written_as_text(stream: io.StringIO) -> None:
    logging.getLogger("x").info("odd", extra={"thing": {1, 2} & {1}})
    assert json.loads(stream.getvalue())["thing"] == "{1}"


@pytest.mark.parametrize("secret", ['quoted"password', "back\\slash\\password", "tab\tand\nlines"])
def test_a_secret_that_json_or_python_escapes_is_concealed_as_well(stream: io.StringIO, secret: str) -> None:
    log.conceal(secret)
    logging.getLogger("x").error(
        "with %s", secret, exc_info=ValueError([secret]), extra={"thing": {"as": repr(secret)}}
    )
    [line] = stream.getvalue().splitlines()
    fields = json.loads(line)
    assert fields["message"] == "with [secret]"
    assert fields["thing"] == {"as": "'[secret]'"}
    assert "ValueError: ['[secret]']" in fields["exception"]
