"""What can go wrong outside the system under test, by whose fault it was, and the exit code that says so.

    0 passed   1 failed   2 interrupted   3 our defect   4 usage   5 nothing ran   6 environment   7 inconclusive

0 to 5 are pytest's own; `cafe` uses the same table. A failed Locust threshold exits 99 (the convention k6 set).
"""

from enum import IntEnum


class ExitCode(IntEnum):
    """What the process's exit status means; the same for `pytest` and `cafe`."""

    PASSED = 0
    FAILED = 1
    INTERRUPTED = 2
    INTERNAL = 3
    USAGE = 4
    NOTHING_RAN = 5
    ENVIRONMENT = 6
    INCONCLUSIVE = 7
    THRESHOLD = 99


class CafeError(Exception):
    """Root of what the framework raises on purpose. The text is for a person: what, the value, the next step."""

    exit_code = ExitCode.INTERNAL


class UsageError(CafeError):
    """The caller asked for something that does not exist or is not allowed. Shown without a traceback."""

    exit_code = ExitCode.USAGE


class EnvironmentFault(CafeError):
    """The machine, the account or the platform could not do what was asked. Shown without a traceback.

    `log` holds the last lines of the log that explains it, if there is one.
    """

    exit_code = ExitCode.ENVIRONMENT

    def __init__(self, message: str, *, log: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.log = log

    @classmethod
    def of_system(cls, problem: OSError) -> "EnvironmentFault":
        """What the system refuses about our files: a full disk, a folder that is somebody else's, or none."""
        return cls(
            f"the system refuses: {problem}. Next: see that the disk has room and that CLOUDCAFE_HOME (or this folder)"
            " is yours to write; `cafe doctor` checks both"
        )

    def __str__(self) -> str:
        tail = "".join(f"\n    | {line}" for line in self.log)
        return f"{super().__str__()}{tail}"
