import pytest

from services.chassis.environment import ConfigurationError, Variables


def test_what_is_there_is_read() -> None:
    environ = {"NAME": " cafe ", "RATE": "0.25", "MODE": "off"}
    with Variables(environ) as read:
        found = (
            read.text("NAME"),
            read.text("OTHER", "default"),
            read.number("RATE", least=0, most=1),
            read.number("PERIOD", least=0, most=60, default=5.0),
            read.choice("MODE", ("on", "off")),
            read.converted("RATE", lambda text: text.upper() * 2, ""),
        )
    assert found == ("cafe", "default", 0.25, 5.0, "off", "0.250.25")


def test_every_problem_is_reported_at_once_and_no_value() -> None:
    environ = {"EMPTY": " ", "RATE": "s3cret", "PERIOD": "61", "MODE": "s3cret", "URL": "s3cret"}

    def refuse(_text: str) -> str:
        raise ValueError("must be a URL")

    with pytest.raises(ConfigurationError) as raised, Variables(environ) as read:  # noqa: PT012 - the block is what raises
        read.text("MISSING")
        read.text("EMPTY")
        read.number("RATE", least=0, most=1)
        read.number("PERIOD", least=0, most=60)
        read.choice("MODE", ("on", "off"))
        read.converted("URL", refuse, "")
    assert str(raised.value).splitlines()[1:] == [
        "  MISSING: is missing",
        "  EMPTY: must not be empty",
        "  RATE: must be a number",
        "  PERIOD: must be 0 to 60",
        "  MODE: must be one of on, off",
        "  URL: must be a URL",
    ]


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_a_number_that_is_none_is_refused(value: str) -> None:
    with pytest.raises(ConfigurationError), Variables({"RATE": value}) as read:
        read.number("RATE", least=0, most=1)


def test_an_exception_inside_is_not_covered_up() -> None:
    with pytest.raises(KeyError), Variables({}) as read:  # noqa: PT012 - as above
        read.text("MISSING")
        raise KeyError
