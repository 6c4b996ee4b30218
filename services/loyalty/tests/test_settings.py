import pytest
from pydantic import ValidationError

from services.loyalty.settings import LoyaltySettings

ENVIRON = {
    "port": 8080,
    "cafe_environment": "test",
    "cafe_aurora_writer_url": "postgresql://127.0.0.1:5432/cafe",
    "cafe_memorydb_url": "redis://127.0.0.1:6379/0",
    "database_secret": "rds!cluster-test",
    "operator_token_secret": "operator-test",
    "members_bucket": "cafe-test",
    "warehouse_cluster": "cafe-test",
    "warehouse_database": "cafe",
    "warehouse_secret": "arn:aws:secretsmanager:us-east-1:123456789012:secret:redshift",
}


def settings(**changes: object) -> LoyaltySettings:
    return LoyaltySettings.model_validate({**ENVIRON, **changes})


@pytest.mark.parametrize("role", ["default", "arn:aws:iam::123456789012:role/path/cafe-warehouse-dev"])
def test_a_complete_environment_is_read(role: str) -> None:
    assert settings(warehouse_role=role).warehouse_role == role


@pytest.mark.parametrize("role", ["", "nobody", "arn:aws:iam::123456789012:role/a' CSV"])
def test_a_role_that_is_none_is_refused(role: str) -> None:
    with pytest.raises(ValidationError, match="warehouse_role"):
        settings(warehouse_role=role)
