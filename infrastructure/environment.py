"""An environment by its name: what `--env NAME` means, read from `environments/NAME.toml`.

The file decides the target; nothing is ever guessed from credentials that happen to be there.
"""

import tomllib
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from infrastructure.errors import UsageError
from infrastructure.suggest import did_you_mean

Target = Literal["embedded", "aws"]

ENVIRONMENTS = Path(__file__).parent / "environments"
ANY_EXPERIMENT = "*"

_Count = Annotated[int, Field(ge=1, le=100)]
_Capacity = Annotated[int, Field(ge=1, le=40_000)]
_STRICT = ConfigDict(extra="forbid", frozen=True)


class Sizes(BaseModel):
    """How big the platform is. Each field is the template parameter of its name: `order_task_cpu` is `OrderTaskCpu`."""

    model_config = _STRICT

    order_task_cpu: Literal[256, 512, 1024, 2048, 4096] = 512
    """ECS CPU units, 1024 a vCPU."""
    order_task_memory: Annotated[int, Field(ge=512, le=30_720)] = 1024
    """MiB."""
    order_task_count: Annotated[int, Field(ge=2, le=100)] = 2
    order_task_count_max: _Count = 4
    table_read_capacity: _Capacity = 1000
    table_write_capacity: _Capacity = 1000
    cache_node_type: Annotated[str, Field(pattern=r"^cache\.[a-z0-9]+\.[a-z0-9]+$")] = "cache.t4g.small"
    memory_node_type: Annotated[str, Field(pattern=r"^db\.[a-z0-9]+\.[a-z0-9]+$")] = "db.t4g.small"
    aurora_instance_class: Annotated[str, Field(pattern=r"^db\.[a-z0-9]+\.[a-z0-9]+$")] = "db.t4g.medium"
    document_instance_class: Annotated[str, Field(pattern=r"^db\.[a-z0-9]+\.[a-z0-9]+$")] = "db.t4g.medium"
    node_instance_type: Annotated[str, Field(pattern=r"^[a-z0-9-]+\.[a-z0-9]+$")] = "t3.medium"
    """Of the cluster's nodes."""
    node_count: Annotated[int, Field(ge=2, le=100)] = 2
    node_count_max: _Count = 4
    loyalty_instance_type: Annotated[str, Field(pattern=r"^[a-z0-9-]+\.[a-z0-9]+$")] = "t3.small"
    loyalty_requests_per_instance: Annotated[int, Field(ge=1, le=10_000)] = 150
    """Requests a second, on average; beyond that another instance starts."""
    loyalty_instance_count: Annotated[int, Field(ge=2, le=100)] = 2
    loyalty_instance_count_max: _Count = 4
    analytics_instance_type: Annotated[str, Field(pattern=r"^[a-z0-9-]+\.[a-z0-9]+$")] = "t3.small"
    analytics_instance_count: Annotated[int, Field(ge=2, le=100)] = 2
    analytics_instance_count_max: _Count = 4
    warehouse_node_type: Annotated[str, Field(pattern=r"^[a-z0-9]+\.[a-z0-9]+$")] = "ra3.large"
    stream_shard_count: _Count = 2
    payment_memory: Annotated[int, Field(ge=128, le=10_240)] = 512
    """MiB of a sandbox; Lambda gives CPU in proportion."""
    payment_concurrency: Annotated[int, Field(ge=2, le=1000)] = 10
    """The most invocations that the queue has at one time; each holds a connection to the database."""
    log_retention_days: Literal[1, 3, 5, 7, 14, 30, 60, 90, 180, 365] = 7

    @model_validator(mode="after")
    def _leaves_room_to_scale(self) -> Self:
        if self.order_task_count_max < self.order_task_count:
            raise ValueError(
                f"order_task_count_max {self.order_task_count_max} is below order_task_count {self.order_task_count}"
            )
        return self


class SloScale(BaseModel):
    """How the objectives written in the suites stretch here: latencies are multiplied by `latency_scale`."""

    model_config = _STRICT

    latency_scale: Annotated[float, Field(gt=0, le=100)] = 1.0


class Experiments(BaseModel):
    """Which experiments may inject their fault here, by scenario id; `*` permits all, an empty list none."""

    model_config = _STRICT

    permitted: tuple[str, ...] = ()


class Environment(BaseModel):
    """One deployment of the platform: where it runs, what it is called, how big it is, what may be done to it."""

    model_config = _STRICT

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,15}$")]
    target: Target
    region: Annotated[str, Field(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")]
    suffix: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,15}$")]
    """What every resource name ends in."""
    accounts: tuple[Annotated[str, Field(pattern=r"^\d{12}$")], ...] = ()
    """AWS accounts that may be deployed into; the target aws refuses any other."""
    is_protected: bool = Field(default=False, alias="protected")
    """The platform is never taken down."""
    experiments: Experiments = Experiments()
    slo: SloScale = SloScale()
    sizes: Sizes = Sizes()

    def parameters(self) -> dict[str, str]:
        """Template parameters this environment sets: `EnvironmentName` and one for each size."""
        sizes = {_camel(field): str(value) for field, value in self.sizes.model_dump().items()}
        return {"EnvironmentName": self.suffix, **sizes}

    def permits(self, experiment: str) -> bool:
        """May `experiment` (a scenario id) inject its fault here?"""
        return ANY_EXPERIMENT in self.experiments.permitted or experiment in self.experiments.permitted

    def check_permits(self, *experiments: str) -> None:
        """Refuse experiments this environment does not list; `UsageError` names the file to list them in."""
        refused = [repr(experiment) for experiment in experiments if not self.permits(experiment)]
        if refused:
            raise UsageError(
                f"environment {self.name!r} does not permit the experiment{'s' * (len(refused) > 1)}"
                f" {', '.join(refused)}; permitted: {', '.join(self.experiments.permitted) or 'none'}. If they may run"
                f" here, list their ids under [experiments] permitted in {self.file}"
            )

    @property
    def file(self) -> Path:
        """What it is written down in."""
        return ENVIRONMENTS / f"{self.name}.toml"


def names(folder: Path = ENVIRONMENTS) -> tuple[str, ...]:
    """The known environments, from the names of their files."""
    return tuple(sorted(file.stem for file in folder.glob("*.toml")))


def load(name: str, folder: Path = ENVIRONMENTS) -> Environment:
    """Read environment `name`; `UsageError` names the known ones, or every problem of its file at once."""
    if name not in names(folder):
        known = names(folder)
        meant = did_you_mean(name, known)
        raise UsageError(f"no environment is called {name!r};{meant.lower()} known: {', '.join(known) or 'none'}")
    file = folder / f"{name}.toml"
    try:
        return Environment.model_validate({**tomllib.loads(file.read_text(encoding="utf-8")), "name": name})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise UsageError(f"{file} is not TOML: {problem}") from problem
    except ValidationError as problems:
        raise UsageError(f"{file} cannot be used:{_listed(problems)}") from problems


def _listed(problems: ValidationError) -> str:
    lines = []
    for problem in problems.errors(include_url=False):
        where = ".".join(str(part) for part in problem["loc"]) or "file"
        lines.append(f"\n  {where}: {problem['msg']} (found {problem['input']!r})")
    return "".join(lines)


def _camel(field: str) -> str:
    return "".join(part.capitalize() for part in field.split("_"))
