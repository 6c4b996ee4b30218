"""The folders that platforms keep their files in are nobody else's to read."""

import os
import shutil
import stat
from pathlib import Path

import pytest

from infrastructure import packages
from infrastructure.distributions import File
from infrastructure.state import StateFolder


def test_what_first_makes_a_folder_makes_all_of_its_way_private(tmp_path: Path) -> None:
    """`cafe up` makes a package before anything else."""
    state = StateFolder.of("dev", tmp_path / "home")
    source = tmp_path / "one.py"
    source.touch()
    packages.archive("code", [File(path="one.py", source=source, hash="")], state.packages)
    state.create()
    made = (state.root.parent, state.packages, state.root, state.logs)
    assert {folder.name: stat.S_IMODE(folder.stat().st_mode) for folder in made} == {
        folder.name: 0o700 for folder in made
    }
    processes = state.run
    # Root's platforms run as other users, who come through and see no names.
    assert stat.S_IMODE(processes.stat().st_mode) == (0o711 if os.getuid() == 0 else 0o700)
    state.remove_run()
    assert not processes.exists()


@pytest.mark.skipif(os.getuid() != 0, reason="only root's platforms have files outside of the state folder")
def test_what_a_forsaken_platform_of_roots_left_is_removed_by_the_next(tmp_path: Path) -> None:
    forsaken, kept, following = (StateFolder(tmp_path / name) for name in ("forsaken", "kept", "following"))
    for state in (forsaken, kept):
        state.create()
    shutil.rmtree(forsaken.root)
    following.create()
    assert [state.run.exists() for state in (forsaken, kept, following)] == [False, True, True]
    for state in (kept, following):
        state.remove_run()
