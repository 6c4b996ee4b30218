"""The folders that platforms keep their files in are nobody else's to read."""

import stat
from pathlib import Path

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
    made = (state.root.parent, state.packages, state.root, state.run, state.logs)
    assert {folder.name: stat.S_IMODE(folder.stat().st_mode) for folder in made} == {
        folder.name: 0o700 for folder in made
    }
