"""What a run of pytest is about, as far as its command line says so."""

import pytest

_JUDGES_NOTHING = ("plan", "collectonly", "help", "version", "markers", "showfixtures", "show_fixtures_per_test")


def runs_suites(config: pytest.Config) -> bool:
    """Does it collect anything of `suites/`? The framework's own tests do not."""
    suites = config.rootpath / "suites"
    places = ((config.invocation_params.dir / arg.split("::")[0]).resolve() for arg in config.args)
    return any(
        place == suites or suites in place.parents or place in suites.parents for place in places if place.exists()
    )


def judges_nothing(config: pytest.Config) -> bool:
    """Does it only list, explain, or plan?"""
    return any(getattr(config.option, name, False) for name in _JUDGES_NOTHING)


def is_worker(config: pytest.Config) -> bool:
    """Is this a worker of xdist?"""
    return hasattr(config, "workerinput")
