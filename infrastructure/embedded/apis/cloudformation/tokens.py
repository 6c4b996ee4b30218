"""The client request token of a stack operation stands in each of its events, as on AWS.

Adds to `moto.cloudformation` (moto 5.2), whose events have a place for it that nothing fills: `Event.__init__` and, of
CloudFormationResponse, `create_stack`, `update_stack` and `delete_stack`. What goes on in the event loop after the call
keeps the call's context. Source: AWS CloudFormation API Reference, CreateStack, ClientRequestToken.
"""

from contextvars import ContextVar
from typing import Any

from moto.cloudformation import models, responses

_token: ContextVar[str | None] = ContextVar("client_request_token", default=None)
_moto_event = models.Event.__init__


def _event(self: Any, *arguments: Any, **named: Any) -> None:
    _moto_event(self, *arguments, **named)
    self.client_request_token = _token.get()


def _within(method: Any) -> Any:
    def answer(response: Any) -> Any:
        was = _token.set(response._get_param("ClientRequestToken"))  # moto's way to read a parameter
        try:
            return method(response)
        finally:
            _token.reset(was)

    return answer


def install() -> None:
    """Fill it."""
    models.Event.__init__ = _event
    response = responses.CloudFormationResponse
    for name in ("create_stack", "update_stack", "delete_stack"):
        setattr(response, name, _within(getattr(response, name)))
