"""Finds the platform that an experiment touched, and knows it from one that has taken its place."""

import json
import os

from infrastructure import cloud, environment
from infrastructure.errors import EnvironmentFault
from infrastructure.state import StateFolder
from plugins.chaos.fault import Cloud
from plugins.chaos.undo.journal import Entry


def reach(entry: Entry) -> Cloud | None:
    """The platform of `entry`; None when it is gone. `EnvironmentFault` when it is there and does not answer."""
    where = environment.load(entry.origin.environment)
    if entry.origin.target == "aws":
        return cloud.attach(where, "aws")
    if embedded_platform(cloud.state_folder(where)) != entry.origin.platform_id:
        return None
    return cloud.attach(where, "embedded")


def embedded_platform(state: StateFolder) -> str | None:
    """The id of the embedded platform that runs in `state`; None when none does."""
    try:
        record = json.loads(state.platform.read_text(encoding="utf-8"))
        os.kill(record["pid"], 0)
    except (FileNotFoundError, ProcessLookupError):
        return None
    except PermissionError:  # somebody else's process: alive
        pass
    except ValueError as torn:
        raise EnvironmentFault(f"{state.platform} cannot be read: {torn}; run `cafe down`") from torn
    return str(record["platform_id"])
