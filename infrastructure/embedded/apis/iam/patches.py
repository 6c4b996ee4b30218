"""AWS's own managed policies are there when somebody asks for one by its ARN.

Replaces in `moto.iam.models.IAMBackend` (moto 5.2): `attach_role_policy`, `attach_group_policy`, `attach_user_policy`
and `get_policy`, which know AWS's policies only when all 1,600 were loaded at the start, as a setting has it. Here each
is taken from moto's own collection when it is first named.
"""

import json
import re
from collections.abc import Callable
from typing import Any

from moto.iam.aws_managed_policies import aws_managed_policies_data
from moto.iam.models import AWSManagedPolicy, IAMBackend

_ARN = re.compile(r"arn:[\w-]+:iam::aws:policy/(?:[\w+=,.@/-]+/)?([\w+=,.@-]+)")
_DECODER = json.JSONDecoder()


def _load(backend: Any, arn: str) -> None:
    """Have the policy on record, if it is one of AWS's."""
    named = _ARN.fullmatch(arn)
    if named is None or arn in backend.managed_policies:
        return
    begin = re.search(rf'^\s*"{re.escape(named[1])}":\s*', aws_managed_policies_data, re.MULTILINE)
    if begin is None:
        return
    data, _ = _DECODER.raw_decode(aws_managed_policies_data, begin.end())
    made = AWSManagedPolicy.from_data(named[1], backend.account_id, backend.region_name, data)
    if made.arn == arn:
        backend.managed_policies[arn] = made


def _after_loading(moto: Callable[..., Any]) -> Callable[..., Any]:
    def answer(self: Any, policy_arn: str, *more: Any, **named: Any) -> Any:
        _load(self, policy_arn)
        return moto(self, policy_arn, *more, **named)

    return answer


def install() -> None:
    """Replace them."""
    for name in ("attach_role_policy", "attach_group_policy", "attach_user_policy", "get_policy"):
        setattr(IAMBackend, name, _after_loading(getattr(IAMBackend, name)))
