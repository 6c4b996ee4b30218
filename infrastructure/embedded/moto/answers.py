"""An answer of moto's, or one of ours that its objects are part of: for calls from outside and those of stacks."""

from collections.abc import Mapping
from typing import Any

from infrastructure.embedded.gateway import codec
from infrastructure.embedded.gateway.call import Answer, Call
from infrastructure.embedded.moto import direct, imports, wsgi


def of_moto(call: Call) -> Answer:
    """What moto answers; raises what moto raises, `NotImplementedError` where it keeps no records."""
    if call.api is None or not call.api.moto:
        raise NotImplementedError
    return direct.answer(call.api, call) if call.api.handler else wsgi.answer(call.api, call)


def of_output(call: Call, output: Mapping[str, Any] | Answer | None) -> Answer:
    """The answer to `call` whose members are `output`, unless that is one already."""
    if isinstance(output, Answer):
        return output
    api, of = call.api, call.operation
    if api is None or of is None:
        raise NotImplementedError
    # Where moto's objects keep members under other names than AWS.
    names = imports.handler(api.moto, api.handler).RESPONSE_KEY_PATH_TO_TRANSFORMER if api.handler else None
    return codec.answer(call.protocol, of, output or {}, names)
