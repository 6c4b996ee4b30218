"""An environment is what its file says, and a wrong file or name is refused with all that is wrong."""

from pathlib import Path

import pytest

from infrastructure import environment
from infrastructure.errors import UsageError


def test_dev_and_shared_target_the_embedded_cloud_and_the_others_aws() -> None:
    targets = {name: environment.load(name).target for name in environment.names()}
    assert targets == {"dev": "embedded", "shared": "embedded", "staging": "aws", "prod": "aws"}


def test_where_the_machine_is_shared_only_latencies_are_judged_otherwise() -> None:
    dev, shared = environment.load("dev"), environment.load("shared")
    own = {"name": "dev", "suffix": "dev", "slo": dev.slo}
    assert shared.model_copy(update=own) == dev
    assert shared.slo == environment.SloScale(latency_scale=3.0)


def test_an_unknown_environment_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"no environment is called 'qa'; known: dev, prod, shared, staging"):
        environment.load("qa")


@pytest.mark.parametrize("name", ["../dev", "", "dev.toml"], ids=["path", "empty", "file"])
def test_a_name_never_leaves_the_folder(name: str) -> None:
    with pytest.raises(UsageError):
        environment.load(name)


def test_all_problems_of_a_file_are_reported_together(tmp_path: Path) -> None:
    (tmp_path / "odd.toml").write_text(
        'target = "moon"\nregion = "nowhere"\nsuffix = "odd"\ncolour = "red"\n[sizes]\norder_task_count = 9\n',
        encoding="utf-8",
    )
    with pytest.raises(UsageError) as refusal:
        environment.load("odd", tmp_path)
    for problem in ("target", "region", "colour", "sizes", "'moon'", "order_task_count_max 4 is below"):
        assert problem in str(refusal.value)


def test_a_file_that_is_not_toml_says_where(tmp_path: Path) -> None:
    (tmp_path / "odd.toml").write_text("target = \n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"odd.toml is not TOML: .*line 1"):
        environment.load("odd", tmp_path)


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "odd.toml").write_bytes(b'target = "\xff"\n')
    with pytest.raises(UsageError, match=r"odd.toml is not TOML: .*0xff"):
        environment.load("odd", tmp_path)


def test_prod_permits_no_experiment_that_it_does_not_list() -> None:
    with pytest.raises(UsageError, match=r"'prod' does not permit the experiment '06'.*\[experiments\] permitted"):
        environment.load("prod").check_permits("06")


@pytest.mark.parametrize(
    ("permitted", "allowed"),
    [(["*"], True), (["06"], True), (["01", "04"], False), ([], False)],
    ids=["any", "listed", "others", "none"],
)
def test_an_experiment_is_permitted_by_its_id(permitted: list[str], allowed: bool) -> None:
    changed = environment.load("dev").model_copy(
        update={"experiments": environment.Experiments(permitted=tuple(permitted))}
    )
    assert changed.permits("06") is allowed


def test_sizes_become_the_parameters_of_their_names() -> None:
    parameters = environment.load("dev").parameters()
    assert parameters["EnvironmentName"] == "dev"
    assert parameters["OrderTaskCpu"] == "256"
    assert parameters["CacheNodeType"] == "cache.t4g.small"
