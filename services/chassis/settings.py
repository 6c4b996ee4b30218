"""What every service reads from its environment, checked once at the start with every problem reported together."""

from typing import Annotated, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from services.chassis.aws.warehouse import ROLE_PATTERN, WarehouseAddress
from services.chassis.environment import ConfigurationError

EXIT_CONFIGURATION = 78
"""The exit status of a service whose settings are wrong: EX_CONFIG of sysexits.h."""


def with_a_port_if_any(url: str) -> str:
    """The URL of a store; `ValueError`, which does not repeat it, for a port that is none."""
    try:
        port = urlsplit(url).port
    except ValueError:  # its text repeats what may be a password
        port = 0
    if port == 0:
        raise ValueError("its port must be 1 to 65535; a password with / ? # or @ in it must be percent-encoded")
    return url


RedisUrl = Annotated[str, AfterValidator(with_a_port_if_any), Field(pattern=r"^rediss?://[^\s]+$")]
"""Where a Redis is: ElastiCache or MemoryDB."""


class ChassisSettings(BaseSettings):
    """The settings all services share; a service adds its own in a subclass. Lengths in seconds."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", case_sensitive=False)

    port: int = Field(ge=1, le=65535)
    cafe_listen: str = Field(default="127.0.0.1", pattern=r"^[0-9a-f.:]+$")
    """The address to listen on. Loopback by default; a container image sets 0.0.0.0."""
    aws_region: str = Field(default="us-east-1", pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")
    cafe_environment: str = Field(pattern=r"^[a-z][a-z0-9-]{0,30}$")
    cafe_vcpu: float = Field(default=0.5, gt=0, le=64)
    ecs_container_metadata_uri_v4: str = Field(default="", pattern=r"^(http://[^\s]+)?$", max_length=512)
    """Where ECS answers a task who it is (`chassis.task`); empty outside of ECS."""
    cafe_resilience: Literal["on", "off"] = "on"
    cafe_metric_period_s: float = Field(default=60.0, gt=0, le=3600)
    operator_token_secret: str = Field(min_length=1, max_length=2048)
    cafe_drain_min_s: float = Field(default=0.3, ge=0, le=60)
    """How long a task accepts after SIGTERM even if nothing arrives: the load balancer needs time to stop sending."""
    cafe_drain_max_s: float = Field(default=20.0, gt=0, le=110)
    """The end of patience: what is still in flight then is cut. Stay below the task's stop time-out."""
    cafe_log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"


class WarehouseSettings(BaseSettings):
    """Mixed into the settings of a service that writes into the warehouse."""

    warehouse_cluster: str = Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")
    warehouse_database: str = Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")
    warehouse_secret: str = Field(min_length=1, max_length=2048)
    """ARN of the secret with the cluster's login. Only Redshift reads it; the service never sees the password."""
    warehouse_role: str = Field(default="default", pattern=f"^({ROLE_PATTERN})$")
    """Whom the cluster reads the service's bucket as. It is written into statements: no quotes."""

    @property
    def warehouse(self) -> WarehouseAddress:
        return WarehouseAddress(
            cluster=self.warehouse_cluster, database=self.warehouse_database, secret=self.warehouse_secret
        )


S = TypeVar("S", bound=BaseSettings)


def load(kind: type[S]) -> S:
    """Read `kind` from the environment; `ConfigurationError` names every variable that is missing or wrong and why.

    Values are not repeated: an environment also carries credentials.
    """
    try:
        return kind()
    except ValidationError as wrong:
        lines = [f"{'.'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in wrong.errors(include_input=False)]
        raise ConfigurationError.of(lines) from None
