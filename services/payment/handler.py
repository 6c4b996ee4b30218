"""The function's entry point. Importing it is the sandbox's Init phase: settings are checked, connections made."""

import os
from collections.abc import Mapping

from services.payment.assembly import LambdaContext, start

_payment = start(os.environ)


def handle(event: Mapping[str, object], context: LambdaContext) -> dict[str, object]:
    """Answer one event: a batch of SQS messages, the operators' stress event, or a question after health."""
    return _payment.handle(event, context)
