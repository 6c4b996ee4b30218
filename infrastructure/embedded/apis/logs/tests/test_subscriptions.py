"""A log group is no destination of another one."""

from infrastructure.embedded.tests.control import ACCOUNT, REGION, Control, run

GROUP = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:orders:*"
FILTER = {"logGroupName": "orders", "filterName": "all", "filterPattern": "", "destinationArn": GROUP}


def test_a_group_that_subscribes_to_a_group_is_refused() -> None:
    async def refused() -> str:
        control = Control()
        await control.ask("logs", "CreateLogGroup", logGroupName="orders")
        return str((await control.refusal("logs", "PutSubscriptionFilter", **FILTER))["__type"])

    assert run(refused()) == "InvalidParameterException"
