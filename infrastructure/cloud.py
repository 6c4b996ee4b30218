"""The platform: brought up, found again, taken down. The same code behind pytest's fixtures, Locust and `cafe`."""

import fcntl
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from infrastructure import deployer, manifests, packages, prefix_lists, stacks, templates
from infrastructure.artifacts import Uploads
from infrastructure.connection import Clients, Connection
from infrastructure.driver import Driver
from infrastructure.embedded.pace import Pace
from infrastructure.environment import Environment, Target
from infrastructure.errors import EnvironmentFault, UsageError
from infrastructure.kubernetes import Clusters, Kubernetes
from infrastructure.login import DatabaseLogin, read_login
from infrastructure.stacks import Talk
from infrastructure.state import StateFolder, make_private
from infrastructure.status import PlatformStatus


def _silent(_line: str) -> None:
    """Nobody listens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """A platform that is up and healthy, on either target.

    `outputs` are those of all stacks in one namespace; `metric_period_s` is how often CloudWatch gets a datum of the
    platform's own metrics. `is_new` says that this process brought it up, and so has to take it down.
    """

    environment: Environment
    target: Target
    metric_period_s: float
    state: StateFolder
    outputs: Mapping[str, str]
    is_new: bool
    _driver: Driver = field(repr=False)
    _connection: Connection = field(repr=False)
    _clients: Callable[[str], Any] = field(repr=False, compare=False)
    _clusters: Callable[[str], Kubernetes] = field(repr=False, compare=False)

    def client(self, service: str) -> Any:
        """The boto3 client of `service`, built once; safe to call from any thread."""
        return self._clients(service)

    def kubernetes(self) -> Kubernetes:
        """The API of the platform's Kubernetes cluster; safe to call from any thread."""
        return self._clusters(self.output("EksClusterName"))

    def endpoint(self, name: str) -> str:
        """URL of an endpoint (`alb`, `elasticache`) as reached from this machine; `UsageError` names the known ones."""
        return _lookup(self.endpoints(), name, "endpoint")

    def endpoints(self) -> Mapping[str, str]:
        """Every endpoint by its name."""
        return self._driver.endpoints(self.outputs)

    def output(self, key: str) -> str:
        """A stack output; `UsageError` names the known ones."""
        return _lookup(self.outputs, key, "stack output")

    def operator_token(self) -> str:
        """The bearer token of the operators' API. Never log it."""
        secret = self.client("secretsmanager").get_secret_value(SecretId=self.output("OperatorTokenSecretArn"))
        return str(secret["SecretString"])

    def database_login(self) -> DatabaseLogin:
        """The login of the Aurora cluster's owner at this moment: a rotation changes it."""
        return read_login(self.client("secretsmanager"), self.output("AuroraSecretArn"))

    def manifest_problems(self) -> tuple[str, ...]:
        """What the cluster would refuse of the services' manifests, asked of it; it changes nothing."""
        values = stacks.values(self.client("cloudformation"), self.environment.suffix)
        wanted = manifests.render(values)
        return manifests.check(self.kubernetes(), wanted) if wanted else ()

    def status(self) -> PlatformStatus:
        """Everything that runs, at this moment."""
        return self._driver.status(self._connection, self.outputs)

    def shell(self) -> Mapping[str, str]:
        """Environment variables that point any tool at this platform: what `cafe env` prints.

        With an embedded platform's go the passwords of its stores, which only this machine can reach. On AWS they stay
        in Secrets Manager.
        """
        connection = self._connection
        own = {
            "AWS_ENDPOINT_URL": connection.endpoint_url,
            "AWS_ACCESS_KEY_ID": connection.access_key,
            "AWS_SECRET_ACCESS_KEY": connection.secret_key,
            "AWS_REGION": connection.region,
            "AWS_DEFAULT_REGION": connection.region,
        }
        urls = {f"CAFE_{name.upper()}_URL": url for name, url in sorted(self.endpoints().items())}
        known = {key: value for key, value in own.items() if value is not None}
        return known | urls | self._psql() | self._kubectl()

    def _kubectl(self) -> dict[str, str]:
        """What lets kubectl in, while there is a cluster; on AWS `aws eks update-kubeconfig` does."""
        files = self.state.kubeconfigs if self._connection.is_embedded else ()
        return {"KUBECONFIG": os.pathsep.join(map(str, files))} if files else {}

    def _psql(self) -> dict[str, str]:
        """What lets `psql "$CAFE_AURORA_READER_URL"` in as it stands; a rotation changes it."""
        if not self._connection.is_embedded:
            return {}
        login = self.database_login()
        return {"PGUSER": login.username, "PGPASSWORD": login.password}


def up(
    environment: Environment,
    target: Target,
    pace: Pace,
    *,
    detached: bool,
    overrides: Mapping[str, str] | None = None,
    talk: Talk = _silent,
) -> Platform:
    """Bring the platform up until every service is healthy; one that is up is taken and brought to this description.

    Detached it outlives this process; otherwise an embedded platform dies with it, however it dies. `overrides` are
    template parameters that win over the environment's. A platform that does not come up is taken down again; one whose
    packages cannot be made is not begun.
    """
    made = packages.build_all(state_folder(environment).packages, for_aws=target == "aws")
    driver = _driver(environment, target, pace)
    with _one_at_a_time(state_folder(environment), talk):
        connection = _opened(driver, detached=detached)
        clients = Clients(connection)
        warming = manifests.warm() if manifests.files() else None
        with _warned_when_interrupted(environment, target, talk), _taken_down_on_failure(driver):
            deployment = stacks.deploy(
                clients("cloudformation"),
                environment=environment.suffix,
                parameters={
                    **environment.parameters(),
                    **deployer.parameters(clients),
                    **prefix_lists.parameters(clients("ec2"), connection.region),
                    "MetricPeriodSeconds": f"{driver.metric_period_s:g}",
                },
                overrides=overrides or {},
                supplier=Uploads(packages=made, s3=partial(clients, "s3"), talk=talk),
                poll_s=driver.poll_s,
                talk=talk,
            )
            is_new = driver.is_new or deployment.is_new
            platform = _platform(environment, target, driver, connection, clients, deployment.outputs, is_new=is_new)
            if warming is not None:
                warming.join()
                wanted = manifests.render(deployment.values)
                manifests.deploy(platform.kubernetes(), wanted, deployment.values, driver.patience_s, talk)
            driver.settle(connection, deployment.outputs)
    _warn_of_root(target, talk)
    return platform


def check_configured(environment: Environment, target: Target) -> None:
    """`EnvironmentFault` for what can be known to be missing without a call: on AWS, credentials and an account."""
    if target == "aws":
        from infrastructure.aws.target import check_configured

        check_configured(environment)


def attach(environment: Environment, target: Target) -> Platform:
    """The platform that is up, untouched; `EnvironmentFault` when there is none or it is not complete."""
    driver = _driver(environment, target, None)
    connection = driver.attach()
    clients = Clients(connection)
    outputs = stacks.outputs(clients("cloudformation"), environment.suffix)
    return _platform(environment, target, driver, connection, clients, outputs)


def planned(environment: Environment, target: Target, pace: Pace) -> Platform:
    """A platform to plan against and nothing else: outputs are placeholders, and any call is a `UsageError`."""

    def refuse(service: str) -> Any:
        raise UsageError(f"nothing is called while planning, and {service} was asked for")

    outputs = {name: f"<{name}>" for name in templates.output_names()}
    connection = Connection(region=environment.region)
    return _platform(environment, target, _driver(environment, target, pace), connection, refuse, outputs)


def down(environment: Environment, target: Target, *, talk: Talk = _silent) -> None:
    """Take the platform down and leave nothing, whoever brought it up; nothing happens when none is up.

    A protected environment is refused. Interrupted, it says that something may remain, and how to go on.
    """
    if environment.is_protected:
        raise UsageError(
            f"environment {environment.name!r} is protected and not taken down; if that is what you want, set"
            f" protected = false in {environment.file} first"
        )
    driver = _driver(environment, target, None)
    with _one_at_a_time(state_folder(environment), talk), _warned_when_interrupted(environment, target, talk):
        driver.destroy(talk)


def state_folder(environment: Environment) -> StateFolder:
    """Where this environment keeps its files: below `CLOUDCAFE_HOME`, or the checkout, or the working directory."""
    default = packages.ROOT if (packages.ROOT / "pyproject.toml").is_file() else Path.cwd()
    return StateFolder.of(environment.name, Path(os.environ.get("CLOUDCAFE_HOME") or default))


def _platform(
    environment: Environment,
    target: Target,
    driver: Driver,
    connection: Connection,
    clients: Callable[[str], Any],
    outputs: Mapping[str, str],
    *,
    is_new: bool = False,
) -> Platform:
    return Platform(
        environment=environment,
        target=target,
        metric_period_s=driver.metric_period_s,
        state=state_folder(environment),
        outputs=outputs,
        is_new=is_new,
        _driver=driver,
        _connection=connection,
        _clients=clients,
        _clusters=Clusters(clients, is_embedded=connection.is_embedded),
    )


def _driver(environment: Environment, target: Target, pace: Pace | None) -> Driver:
    if target == "embedded":
        from infrastructure.embedded.target import EmbeddedTarget

        return EmbeddedTarget(environment, state_folder(environment), pace)
    from infrastructure.aws.target import AwsTarget

    return AwsTarget(environment)


def _opened(driver: Driver, *, detached: bool) -> Connection:
    """The way to the cloud. One that has started ends again when somebody presses Ctrl-C before it is in use."""
    try:
        return driver.open(detached=detached)
    except BaseException:
        if driver.is_new:
            driver.close()
        raise


@contextmanager
def _taken_down_on_failure(driver: Driver) -> Iterator[None]:
    """What fails within takes its cloud with it, if that is new; a fault keeps the last lines of the logs."""
    try:
        yield
    except BaseException as problem:
        if isinstance(problem, EnvironmentFault) and not problem.log:
            problem.log = driver.evidence()  # now: the logs go with the platform
        if driver.is_new:
            driver.close()
        raise


@contextmanager
def _warned_when_interrupted(environment: Environment, target: Target, talk: Talk) -> Iterator[None]:
    """On AWS stacks outlive whoever works on them, and cost money: say so before the interruption goes on its way."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        if target == "aws":
            talk(
                f"interrupted: stacks of {environment.name!r} remain on AWS, and what is under way there goes on."
                f" Go on with the same command, or take them down: cafe down --env {environment.name} --target aws"
            )
        raise


@contextmanager
def _one_at_a_time(state: StateFolder, talk: Talk) -> Iterator[None]:
    """Hold off everybody else who would bring this environment up or down. The lock dies with its process."""
    make_private(state.root.parent)
    with state.root.with_suffix(".lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            talk(f"waiting for another process that brings {state.root.name} up or down")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _warn_of_root(target: Target, talk: Talk) -> None:
    """Say so when what runs here has to run as root."""
    from infrastructure.embedded.host import reach

    if target == "embedded" and os.getuid() == 0 and reach.unreachable():
        talk(f"warning: {reach.warning()}")


def _lookup(values: Mapping[str, str], key: str, kind: str) -> str:
    try:
        return values[key]
    except KeyError:
        raise UsageError(f"no {kind} is called {key!r}; known: {', '.join(sorted(values)) or 'none'}") from None
