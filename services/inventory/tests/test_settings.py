import pytest
from pydantic import ValidationError

from services.inventory.settings import InventorySettings

ENVIRON = {
    "port": 8080,
    "cafe_environment": "test",
    "cafe_pod_name": "inventory-6d5f8c7b9-x2x4q",
    "cafe_aurora_writer_url": "postgresql://127.0.0.1:5432/cafe?sslmode=require",
    "cafe_elasticache_url": "rediss://127.0.0.1:6379/0",
    "database_secret": "rds!cluster-test",
    "operator_token_secret": "operator-test",
}


def test_a_complete_environment_is_read() -> None:
    assert InventorySettings.model_validate(ENVIRON).cafe_pod_name == "inventory-6d5f8c7b9-x2x4q"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cafe_aurora_writer_url", "mysql://127.0.0.1/cafe"),
        ("cafe_elasticache_url", "redis://h:0/0"),
        ("database_secret", ""),
        ("cafe_pod_name", "a\nb"),
        ("reservation_retention_s", 3600.0),
    ],
)
def test_what_is_wrong_is_named(name: str, value: object) -> None:
    with pytest.raises(ValidationError, match=name):
        InventorySettings.model_validate({**ENVIRON, name: value})
