"""What can go wrong with a load test itself, as against the system it loads."""

from infrastructure.errors import EnvironmentFault


class LoadError(EnvironmentFault):
    """The generator did not start, crashed, or left nothing to read. `log` holds its last lines; it proves nothing."""
