"""What a program finds elsewhere, too, is what its source is called, and not where somebody's link leads."""

from dataclasses import replace
from pathlib import Path

import pytest

from infrastructure.embedded.host.supervisor import Supervisor
from infrastructure.embedded.tests.processes import program
from infrastructure.embedded.tests.supervisors import needs_views, run
from infrastructure.state import StateFolder

pytestmark = needs_views


@pytest.mark.parametrize(("source", "code", "said"), [("there", 0, "file"), ("link", 125, "by a link")])
def test_a_source_is_what_it_is_called(state: StateFolder, tmp_path: Path, source: str, code: int, said: str) -> None:
    folder = tmp_path.resolve()
    (folder / "there").mkdir(mode=0o755)
    (folder / "there" / "file").touch()
    (folder / "link").symlink_to("there")

    async def body(supervisor: Supervisor) -> None:
        spec = replace(program("ls", "/mnt/part"), mounts=((str(folder / source), "/mnt/part", False),))
        process = await supervisor.start(spec)
        assert await process.wait() == code
        assert said in supervisor.tail("program")[-1]

    run(state, body)
