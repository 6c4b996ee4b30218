"""What a pod says that cannot start."""

import pytest

from services.chassis.settings import EXIT_CONFIGURATION
from services.menu.app import serve

GOOD = {
    "PORT": "8080",
    "CAFE_ENVIRONMENT": "dev",
    "CAFE_POD_NAME": "menu-7d5b9c6f4-x2x7p",
    "CAFE_DOCUMENTDB_URL": "mongodb://127.0.0.1:27017/?replicaSet=rs0&retryWrites=true",
    "CAFE_ELASTICACHE_URL": "redis://127.0.0.1:6379/0",
    "DATABASE_SECRET": "documentdb",
    "OPERATOR_TOKEN_SECRET": "operator",
    "AWS_ACCESS_KEY_ID": "id",
    "AWS_SECRET_ACCESS_KEY": "key",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:4566",
}


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("AWS_ENDPOINT_URL", "nonsense", "nonsense"),
        ("AWS_PROFILE", "nobody", "nobody"),
        ("CAFE_ELASTICACHE_URL", "redis://host:abc", "CAFE_ELASTICACHE_URL"),
        ("CAFE_DOCUMENTDB_URL", "mongodb://user:secret@host:27017/", "CAFE_DOCUMENTDB_URL"),
        ("CAFE_DOCUMENTDB_URL", "mongodb://host:abc/", "CAFE_DOCUMENTDB_URL"),
        ("CAFE_DOCUMENTDB_URL", "mongodb://host/?retryWrites=often", "retrywrites"),
        ("CAFE_DOCUMENTDB_URL", "mongodb://host/?tls=true&tlsCAFile=/nowhere/a.pem", "tlscafile file is not readable"),
        ("CAFE_DOCUMENTDB_URL", "http://host:27017", "CAFE_DOCUMENTDB_URL"),
        ("DATABASE_SECRET", "", "DATABASE_SECRET"),
    ],
)
def test_an_environment_that_is_not_usable_is_one_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, value: str, said: str
) -> None:
    for each, good in {**GOOD, name: value}.items():
        monkeypatch.setenv(each, good)
    with pytest.raises(SystemExit) as ended:
        serve()
    assert ended.value.code == EXIT_CONFIGURATION
    told = capsys.readouterr().err
    assert told.startswith("the environment is not usable:\n  ")
    assert said in told
    assert "secret@" not in told
    assert "Traceback" not in told
