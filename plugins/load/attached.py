"""The platform a locustfile loads: the one that is up, or one brought up for the occasion."""

import json
import subprocess
import sys
from dataclasses import dataclass

from infrastructure import cloud, environment
from infrastructure.environment import Target
from infrastructure.errors import EnvironmentFault

_CAFE = "from infrastructure.cli import main; main()"
"""The `cafe` command of this interpreter, whether or not its script is on the PATH."""

_DOWN_WITHIN_S = 30.0


@dataclass(slots=True)
class Attached:
    """A load balancer's URL, and the platform behind it if it was brought up here. `close` takes that one down.

    The platform lives as long as the other end of its standard input: however this process ends, that closes.
    """

    url: str
    _keeper: subprocess.Popen[str] | None = None

    def close(self) -> None:
        """Safe to call twice."""
        keeper, self._keeper = self._keeper, None
        if keeper is None:
            return
        for pipe in (keeper.stdin, keeper.stdout):
            if pipe is not None:
                pipe.close()
        try:
            keeper.wait(_DOWN_WITHIN_S)
        except subprocess.TimeoutExpired:
            keeper.kill()
            keeper.wait()


def attach_or_up(name: str, target: Target | None) -> Attached:
    """The platform of environment `name`: the one that is up, else a new one.

    `UsageError` for an unknown environment, `EnvironmentFault` when a new one does not come up.
    """
    chosen = environment.load(name)
    try:
        return Attached(cloud.attach(chosen, target or chosen.target).endpoint("alb"))
    except EnvironmentFault:
        return _up(name, target)


def _up(name: str, target: Target | None) -> Attached:
    command = [sys.executable, "-c", _CAFE, "up", "--attached", "--env", name]
    keeper = subprocess.Popen(
        [*command, *(("--target", target) if target else ())],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # a Ctrl-C is Locust's to act on: the last orders are still answered
    )
    try:
        line = keeper.stdout.readline() if keeper.stdout else ""
    except BaseException:  # Ctrl-C: it listens to its standard input only once the platform is up
        keeper.terminate()
        Attached("", keeper).close()
        raise
    if not line:
        Attached("", keeper).close()
        raise EnvironmentFault(f"the platform of {name!r} did not come up (exit code {keeper.returncode}); see above")
    return Attached(json.loads(line)["CAFE_ALB_URL"], keeper)
