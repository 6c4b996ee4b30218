import pytest

from infrastructure.suggest import did_you_mean

COMMANDS = ("up", "down", "status", "env", "logs", "validate", "doctor", "restore", "report")
SCENARIOS = ("01-alb-routing-failure", "03-rds-failover", "04-dynamodb-throttle", "06-ecs-task-kill")


@pytest.mark.parametrize(
    ("given", "known", "meant"),
    [
        ("stauts", COMMANDS, " Did you mean status?"),
        ("esc", SCENARIOS, " Did you mean 06-ecs-task-kill?"),
        ("trottle and not slow", SCENARIOS, " Did you mean 04-dynamodb-throttle?"),
        ("dve", ("dev", "prod", "staging"), " Did you mean dev?"),
        ("loyalty", SCENARIOS, ""),
        ("foo", COMMANDS, ""),
        ("", COMMANDS, ""),
        ("x", (), ""),
    ],
)
def test_what_somebody_may_have_meant(given: str, known: tuple[str, ...], meant: str) -> None:
    assert did_you_mean(given, known) == meant
