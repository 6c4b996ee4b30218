"""From a function's version on record to what its sandboxes run with; the catalogue's services are known by handler."""

from typing import TYPE_CHECKING

from infrastructure.embedded.apis.lambda_.record import Configuration
from infrastructure.embedded.engines.functions.engine import FunctionSpec
from infrastructure.embedded.engines.workload import Surroundings
from infrastructure.embedded.network.edges import Place
from services import catalog

if TYPE_CHECKING:
    from infrastructure.embedded.control.context import Context


def spec_of(configuration: Configuration, context: "Context") -> FunctionSpec:
    """What the engine runs for this version."""
    service = service_of(configuration.handler)
    arn = configuration.arn if configuration.version == "$LATEST" else f"{configuration.arn}:{configuration.version}"
    return FunctionSpec(
        name=configuration.name,
        version=configuration.version,
        arn=arn,
        handler=configuration.handler,
        timeout_s=float(configuration.timeout_s),
        memory_mb=configuration.memory_mb,
        code=configuration.folder,
        layers=tuple(layer.folder for layer in configuration.layers),
        environment=_environment(configuration, service, context),
        service=service.name if service is not None else None,
    )


def service_of(handler: str) -> catalog.FunctionService | None:
    """The catalogue's service with this handler."""
    return next((each for each in catalog.functions() if each.handler == handler), None)


def _environment(
    configuration: Configuration, service: catalog.FunctionService | None, context: "Context"
) -> dict[str, str]:
    logging = configuration.details.get("LoggingConfig") or {}
    log = {
        "AWS_LAMBDA_LOG_FORMAT": logging.get("LogFormat"),
        "AWS_LAMBDA_LOG_GROUP_NAME": logging.get("LogGroup"),
        "AWS_LAMBDA_LOG_LEVEL": logging.get("ApplicationLogLevel"),
    }
    given = {**configuration.environment, **{name: str(value) for name, value in log.items() if value}}
    caller = service.name if service is not None else configuration.name
    return Surroundings.of(context).environment(given, caller, service, configuration.role, _place(configuration))


def _place(configuration: Configuration) -> Place:
    network = configuration.details.get("VpcConfig") or {}
    return Place(groups=tuple(network.get("SecurityGroupIds", ())), subnets=tuple(network.get("SubnetIds", ())))
