"""The database's login: what its secret must say, and that nothing shows the password."""

import traceback

import pytest

from infrastructure.errors import EnvironmentFault
from infrastructure.login import DatabaseLogin, read_login


class Secrets:
    """Secrets Manager with one secret."""

    def __init__(self, text: str) -> None:
        self._text = text

    def get_secret_value(self, *, SecretId: str) -> dict[str, str]:  # noqa: N803 - the API's spelling
        assert SecretId == "arn:database"
        return {"SecretString": self._text}


def test_the_login_is_what_the_secret_says() -> None:
    login = read_login(Secrets('{"username": "cafe", "password": "hush", "engine": "postgres"}'), "arn:database")
    assert login == DatabaseLogin(username="cafe", password="hush")


def test_a_login_does_not_show_its_password() -> None:
    login = DatabaseLogin(username="cafe", password="hush")
    assert (repr(login), str(login)) == ("DatabaseLogin(username='cafe')",) * 2


@pytest.mark.parametrize(
    "text", ["hush", "[]", '"hush"', '{"username": "hush"}', '{"password": "hush"}'], ids=lambda text: text or "empty"
)
def test_a_secret_without_a_login_is_refused_and_not_quoted(text: str) -> None:
    with pytest.raises(EnvironmentFault, match="arn:database must hold") as refused:
        read_login(Secrets(text), "arn:database")
    assert "hush" not in "".join(traceback.format_exception_only(refused.value))
    assert refused.value.__suppress_context__
