"""AWS's word that it does something later, or nobody's word at all."""

from services.chassis.aws.errors import AwsError


def throttled(operation: str) -> AwsError:
    """Refused: nothing was done."""
    return AwsError(operation=operation, code="ThrottlingException", message="slow", status=400)


def unreachable(operation: str) -> AwsError:
    """Nobody was there to be asked."""
    return AwsError(operation=operation, code="Unreachable", message="no")
