"""What the campaign sees of the machine: the run's processes, the journal, the state the faults touch."""

import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from infrastructure.cloud import Platform
from infrastructure.embedded.host import proctree
from infrastructure.state import StateFolder
from plugins.chaos.faults.dynamodb_throttle import DynamoDbThrottle
from services.catalog import functions, http_services

CAMPAIGN = "CLOUDCAFE_CAMPAIGN"
"""Environment variable of every process a run starts. The platform's own processes carry the platform's marker."""

_TICK_S = 0.002


def carrying(variable: str, value: str) -> dict[int, str]:
    """Command line by pid of every living process whose environment holds `variable=value`."""
    wanted = f"{variable}={value}".encode()
    found = {}
    for pid in _pids():
        try:
            environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
            command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:  # it ended, or is not ours to read
            continue
        if wanted in environment and command:
            found[pid] = command.strip()
    return found


def journals(state: StateFolder) -> frozenset[Path]:
    """The files of all experiments."""
    return frozenset(state.journal.glob("*.jsonl"))


def open_events(state: StateFolder, besides: frozenset[Path] = frozenset()) -> tuple[str, ...]:
    """The events of every experiment that is not closed, as text; reading a line that is being written is harmless."""
    texts = []
    for path in sorted(journals(state) - besides):
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:  # closed between the look and the read
            continue
        if '"event": "closed"' not in text:
            texts.append(text)
    return tuple(texts)


def last_event(texts: tuple[str, ...]) -> str:
    """What happened last in the experiment that is open, by its journal; "" where none is. A torn line is no event."""
    events = [found[1] for text in texts for found in re.finditer(r'"event": "([a-z-]+)".*\n', text)]
    return events[-1] if events else ""


def touched(platform: Platform) -> dict[str, object]:
    """The state that the reversible faults change: where the rule leads, the capacity, the concurrency, the nodes."""
    routed, run, table_output = http_services()[0], functions()[0], DynamoDbThrottle().table_output
    rule = platform.client("elbv2").describe_rules(RuleArns=[platform.output(routed.key("RuleArn"))])["Rules"][0]
    table = platform.client("dynamodb").describe_table(TableName=platform.output(table_output))["Table"]
    capacity = table["ProvisionedThroughput"]
    function = platform.client("lambda").get_function_concurrency(FunctionName=platform.output(run.key("FunctionName")))
    nodes = platform.kubernetes().core.list_node().items
    return {
        "rule": [action.get("TargetGroupArn") for action in rule["Actions"]],
        "capacity": (capacity["ReadCapacityUnits"], capacity["WriteCapacityUnits"]),
        "concurrency": function.get("ReservedConcurrentExecutions"),
        "cordoned": [each.metadata.name for each in nodes if each.spec.unschedulable],
    }


def until(condition: Callable[[], bool], limit_s: float) -> float | None:
    """Seconds until `condition` held, None if it did not within `limit_s`.

    This watches processes from outside: there is no event to wait for, so it looks every 2 ms.
    """
    started = time.monotonic()
    while time.monotonic() - started < limit_s:
        if condition():
            return time.monotonic() - started
        time.sleep(_TICK_S)
    return None


def is_alive(pid: int) -> bool:
    """Whether there is such a process, and it is no zombie."""
    return proctree.start_ticks(pid) is not None


def end(pids: Iterator[int] | list[int]) -> None:
    """SIGKILL each; one that has ended already is fine."""
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def _pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
