"""What moto does for every call of any API, at a fraction of its cost.

Replaces in `moto.core` (moto 5.2):

- `responses.method_names_from_class`, which inspects the whole class for every call (0.15 ms), by a look at the one
  name that is asked for; `responses.gen_amzn_requestid_long`, 52 draws from a random generator, by a UUID;
  `responses.camelcase_to_underscores`, letter by letter, by what it said of the same name before;
- `responses.BaseResponse.setup_class`, which looks for a form and a query in every JSON body, then for the region
  and the date in its head (0.1 ms), by what the gateway knows of the call;
- `responses.BaseResponse.parse_parameters`, which reads a JSON body once more, shape by shape (0.1 ms for ten metrics),
  by what the gateway has read;
- `serialize.XFormedAttributePicker.__call__`, which works out anew under which of six spellings a dictionary may hold
  each member of an answer (0.1 ms for five records), by a look that keeps them;
- in `utils` the loader of service models, which lists all of botocore's data anew for each service (15 ms), by one that
  keeps the list.
"""

from functools import cache, lru_cache
from inspect import isfunction
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from moto.core import responses, serialize, utils

from infrastructure.embedded.moto.direct import READ

_moto_pick = serialize.XFormedAttributePicker.__call__
_moto_setup_class = responses.BaseResponse.setup_class
_moto_parse_parameters = responses.BaseResponse.parse_parameters


class _MethodNames:
    """The names of a class's methods, as far as `in` goes."""

    __slots__ = ("_class",)

    def __init__(self, response_class: type) -> None:
        self._class = response_class

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and isfunction(getattr(self._class, name, None))


def _request_id(headers: dict[str, str] | None = None) -> str:
    request_id = str(uuid4())
    if headers is not None:
        headers["x-amzn-requestid"] = request_id
    return request_id


def _setup_class(
    self: Any, request: Any, full_url: str | None = None, headers: Any = None, use_raw_body: bool | None = None
) -> None:
    from moto.iam.models import mark_account_as_visited  # heavy, and there with the first call only

    call = request.environ.get(READ)
    if call is None or call.request.query or self.use_raw_body or use_raw_body:
        _moto_setup_class(self, request, full_url, headers, use_raw_body)
        return
    self.is_werkzeug_request = request.from_wsgi_server
    self.normalized_request, self.headers = request, request.headers
    self.raw_body = call.request.body
    self.body = self.raw_body.decode()
    self.uri = full_url
    self.path = self.raw_path = call.request.path
    self.parsed_url = urlsplit(full_url)
    self.querystring = self.data = {"Action": [call.action]}
    self.form_data = self.uri_match = {}
    self.method, self.region = call.request.method, call.region
    self.partition = responses.get_partition(self.region)
    self.response_headers = {}
    if self.automated_parameter_parsing:
        self.parse_parameters(request)
    self.access_key = self.get_access_key()
    self.current_account = self.get_current_account()
    mark_account_as_visited(self.current_account, self.access_key, self.service_name, self.region)


def _parse_parameters(self: Any, request: Any) -> None:
    call = request.environ.get(READ)
    if call is None:
        _moto_parse_parameters(self, request)
    else:
        self.params = call.typed


def _pick(self: Any, context: Any) -> Any:
    held = context.obj
    if type(held) is not dict or self.response_transformers:
        return _moto_pick(self, context)
    for spelling in _spellings(context.key, context.shape):
        if spelling in held:
            return held[spelling]
    return None


@cache
def _spellings(key: str, shape: Any) -> tuple[str, ...]:
    """The names under which a dictionary may hold the member, in moto's order; `shape` knows the structure it is in."""
    context = serialize.AttributePickerContext(obj={}, key=key, shape=shape)
    return tuple(serialize.XFormedAttributePicker().get_possible_keys(context))


def install() -> None:
    """Replace them where they are called."""
    serialize.XFormedAttributePicker.__call__ = _pick
    responses.BaseResponse.setup_class = _setup_class
    responses.BaseResponse.parse_parameters = _parse_parameters
    responses.method_names_from_class = _MethodNames
    responses.gen_amzn_requestid_long = _request_id
    responses.camelcase_to_underscores = lru_cache(2_000)(responses.camelcase_to_underscores)
    utils.create_loader = cache(utils.create_loader)
