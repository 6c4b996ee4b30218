"""What becomes of messages that cannot be worked off: those given up, with the reason, and those that come again."""

import logging
from collections.abc import Sequence

from services.chassis.aws.errors import AwsError
from services.chassis.figures.counters import Figures
from services.chassis.web import correlation
from services.payment.messages import Batch, Message
from services.payment.publish import DeadLetters

_log = logging.getLogger(__name__)


class Setbacks:
    """Of one queue: `buried` is the figure that counts what was given up, `dead_letters` where it goes."""

    def __init__(self, dead_letters: DeadLetters, figures: Figures, *, buried: str) -> None:
        self._dead_letters = dead_letters
        self._figures = figures
        self._buried = buried
        figures.declare(buried)

    def bury(self, batch: Batch, message: Message, reason: str) -> None:
        """`message` would only come back: to the dead letters, or again when these do not take it."""
        try:
            self._dead_letters.bury(message, reason)
        except AwsError as error:
            self.defer(batch, [message], "the dead-letter queue does not take a message", error)
            return
        self._figures.count(self._buried)
        with correlation.bound(message.correlation_id):
            details = {"reason": reason, "message_id": message.message_id, "body": message.body}
            _log.error("dead-lettered", extra=details)

    def defer(self, batch: Batch, messages: Sequence[Message], why: str, error: Exception | None) -> None:
        """A line for each message, under its own correlation id: an order's whole story is found by that."""
        details = {} if error is None else {"error": str(error)}
        for message in messages:
            batch.fail(message)
            with correlation.bound(message.correlation_id):
                _log.warning(why, extra={**details, "message_id": message.message_id})
