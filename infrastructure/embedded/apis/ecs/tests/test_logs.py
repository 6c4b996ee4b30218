"""What a task writes is in CloudWatch Logs: whole lines, each the same event whenever it is read, and bounded."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from infrastructure.embedded.apis.ecs import logs
from infrastructure.embedded.apis.ecs.tests.platform import Ecs, platform
from infrastructure.embedded.apis.logs.controller import LogsController
from infrastructure.state import StateFolder

pytestmark = pytest.mark.anyio
GROUP = "/cafe/order-test"
LONG_AGO = 1_795_900_000.0


def driver(**options: str) -> dict[str, Any]:
    given = {"awslogs-group": GROUP, "awslogs-region": "us-east-1", "awslogs-stream-prefix": "order"}
    return {"logDriver": "awslogs", "options": {**given, **{k.replace("_", "-"): v for k, v in options.items()}}}


def state(folder: Path) -> StateFolder:
    made = StateFolder(folder)
    made.create()
    return made


def line(at: float, text: str) -> str:
    return f'{{"at":"{datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")}","message":"{text}"}}\n'


class Written:
    """A platform with one task, which has written `text`."""

    def __init__(self, ecs: Ecs, state: StateFolder, task: Any) -> None:
        self._ecs = ecs
        self.stream = f"order/order/{task.id}"
        self.file = state.logs / f"{ecs.running[-1].spec.id}.log"

    def call(self, name: str, **members: Any) -> Any:
        return self._ecs.world.backends.operations.call("logs", name, logGroupName=GROUP, **members)

    def messages(self, **wanted: Any) -> list[str]:
        return [event["message"] for event in self.call("FilterLogEvents", **wanted)["events"]]


async def written(ecs: Ecs, state: StateFolder, text: str = "", **options: str) -> Written:
    if GROUP not in ecs.world.backends.logs.groups:
        ecs.world.backends.operations.call("logs", "CreateLogGroup", logGroupName=GROUP)
    task = ecs.run(taskDefinition=ecs.define(logConfiguration=driver(**options)))
    await ecs.settle()
    found = Written(ecs, state, task)
    found.file.write_text(text, encoding="utf-8")
    return found


async def test_lines_are_events_of_the_tasks_own_stream(tmp_path: Path) -> None:
    async with platform(state(tmp_path)) as ecs:
        lines = [line(LONG_AGO, "opened"), "a traceback, say\n", line(LONG_AGO + 2, "closed")]
        found = await written(ecs, state(tmp_path), "".join(lines))
        events = found.call("GetLogEvents", logStreamName=found.stream)["events"]
        assert [event["message"] for event in events] == [each.rstrip("\n") for each in lines]
        assert [event["timestamp"] - LONG_AGO * 1000 for event in events] == [0, 0, 2000], "or of the line before"
        [stream] = found.call("DescribeLogStreams")["logStreams"]
        assert stream["logStreamName"] == found.stream
        assert (stream["firstEventTimestamp"], stream["lastEventTimestamp"]) == (
            LONG_AGO * 1000,
            LONG_AGO * 1000 + 2000,
        )
        assert stream["lastIngestionTime"] == stream["lastEventTimestamp"]
        assert stream["storedBytes"] == len("".join(lines))


async def test_filters_see_them_and_so_does_who_follows(tmp_path: Path) -> None:
    async with platform(state(tmp_path)) as ecs:
        found = await written(ecs, state(tmp_path), line(LONG_AGO, "tea") + line(LONG_AGO + 1, "coffee"))
        assert len(found.messages(filterPattern='{ $.message = "tea" }')) == 1
        assert len(found.messages(filterPattern="coffee", logStreamNames=[found.stream])) == 1
        assert found.messages(startTime=int(LONG_AGO * 1000) + 1, filterPattern="tea") == []
        seen = [event["eventId"] for event in found.call("FilterLogEvents")["events"]]
        with found.file.open("a") as log:
            log.write(line(LONG_AGO + 2, "milk"))
        again = [event["eventId"] for event in found.call("FilterLogEvents")["events"]]
        assert (again[:2], len(set(again))) == (seen, 3)


async def test_insights_asks_them(tmp_path: Path) -> None:
    async with platform(state(tmp_path)) as ecs:
        now = [LONG_AGO]
        LogsController(ecs.world.context, lambda: now[0])
        found = await written(ecs, state(tmp_path), line(LONG_AGO, "tea") + line(LONG_AGO + 1, "coffee"))
        times = {"startTime": int(LONG_AGO) - 10, "endTime": int(LONG_AGO) + 10}
        query = found.call("StartQuery", queryString="fields message | filter message like /o/", **times)["queryId"]
        now[0] += 60
        [row] = ecs.world.backends.operations.call("logs", "GetQueryResults", queryId=query)["results"]
        assert row[0] == {"field": "message", "value": "coffee"}


async def test_a_line_is_there_after_the_drivers_next_batch_and_not_before_its_end(tmp_path: Path) -> None:
    async with platform(state(tmp_path)) as ecs:
        now = [LONG_AGO]
        found = await written(ecs, state(tmp_path), line(LONG_AGO, "tea") + '{"at":"half')
        stream = ecs.world.backends.logs.groups[GROUP].streams[found.stream]
        shown = logs.LinesOf(stream.log_group, "x", found.file, 5.0, lambda: now[0])
        assert shown.events == []
        now[0] = LONG_AGO + 5
        assert [event.message for event in shown.events] == [line(LONG_AGO, "tea").rstrip("\n")]


async def test_of_a_long_file_the_end_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "WINDOW_BYTES", 300)
    monkeypatch.setattr(logs, "LONGEST_BYTES", 50)
    async with platform(state(tmp_path)) as ecs:
        found = await written(ecs, state(tmp_path), "".join(line(LONG_AGO + n, f"number {n:03d}") for n in range(100)))
        messages = found.messages()
        assert 3 <= len(messages) <= 4
        assert all(len(message) == 50 and message.startswith('{"at":') for message in messages)


async def test_what_is_put_stays_beside_the_lines(tmp_path: Path) -> None:
    async with platform(state(tmp_path)) as ecs:
        found = await written(ecs, state(tmp_path), line(LONG_AGO, "tea"))
        put = [{"timestamp": int(LONG_AGO * 1000), "message": "by hand"}]
        for _ in range(2):
            found.call("PutLogEvents", logStreamName=found.stream, logEvents=put)
        assert [message[-7:] for message in found.messages()] == [':"tea"}', "by hand", "by hand"]


async def test_a_task_whose_group_is_not_there_does_not_start(tmp_path: Path) -> None:
    async with platform(state(tmp_path)) as ecs:
        ecs.run(taskDefinition=ecs.define(logConfiguration=driver()))
        await ecs.settle()
        assert ecs.running == []
        assert "The specified log group does not exist: /cafe/order-test" in ecs.ended().stopped_reason


async def test_the_driver_makes_the_group_where_it_may(tmp_path: Path) -> None:
    async with platform(state(tmp_path)) as ecs:
        ecs.run(taskDefinition=ecs.define(logConfiguration=driver(awslogs_create_group="true")))
        await ecs.settle()
        assert len(ecs.running) == 1
        assert list(ecs.world.backends.logs.groups) == [GROUP]


@pytest.mark.parametrize("configured", [None, {"logDriver": "json-file"}], ids=["none", "another"])
async def test_without_the_driver_there_is_no_stream(tmp_path: Path, configured: Any) -> None:
    async with platform(state(tmp_path)) as ecs:
        ecs.run(taskDefinition=ecs.define(**({"logConfiguration": configured} if configured else {})))
        await ecs.settle()
        assert len(ecs.running) == 1
        assert not ecs.world.backends.logs.groups


async def test_streams_of_the_newest_tasks_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "KEPT_STREAMS", 2)
    async with platform(state(tmp_path)) as ecs:
        names = [(await written(ecs, state(tmp_path))).stream for _ in range(3)]
        assert list(ecs.world.backends.logs.groups[GROUP].streams) == names[1:]
