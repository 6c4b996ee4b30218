"""Ends a generator twice, as Locust does, while its sink is slow; prints what came after what. A process of its own."""

import gevent
from gevent.event import Event

from plugins.load.arrivals import Constant
from plugins.load.generator import Generator, now
from plugins.load.plan import LoadPlan
from plugins.load.recorder import Lines

NOBODY = "http://127.0.0.1:9"


class SlowSink:
    """Takes its time over the last lines."""

    def __init__(self, story: list[str]) -> None:
        self._story = story
        self.is_writing, self.may_write = Event(), Event()

    def write(self, lines: Lines) -> None:
        self._story.append(f"writes {len(lines.samples)} line")
        self.is_writing.set()
        self.may_write.wait()
        self._story.append("has written")


def main() -> None:
    story: list[str] = []
    sink = SlowSink(story)
    plan = LoadPlan(arrivals=Constant(per_s=1, duration_s=0.1), timeout_s=1.0)
    generator = Generator(plan, NOBODY, sink, defect=lambda error: story.append(repr(error)))
    generator.run(now())

    def finish(name: str) -> None:
        generator.finish()
        story.append(name)

    first = gevent.spawn(finish, "first")
    sink.is_writing.wait()
    second = gevent.spawn(finish, "second")
    gevent.sleep(0)  # it runs as far as it can
    sink.may_write.set()
    gevent.joinall([first, second])
    print(*story, sep="\n")  # noqa: T201 - its answer to the test


if __name__ == "__main__":
    main()
