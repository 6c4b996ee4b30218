"""How an instance's metadata may be asked for: set at launch, changed at any time, in force at once.

What a launch does not say, its template does; what neither says, the image: Amazon Linux 2023 asks for tokens.
Source: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-options.html
"""

from collections.abc import Mapping
from typing import Any

from infrastructure.embedded.gateway.operations import Members, Output, operation
from infrastructure.embedded.gateway.refused import Refused

Record = Any  # moto's, which publishes no types

_FIELDS: Mapping[str, str] = {
    "HttpTokens": "http_tokens",
    "HttpPutResponseHopLimit": "http_put_response_hop_limit",
    "HttpEndpoint": "http_endpoint",
    "HttpProtocolIpv6": "http_protocol_ipv6",
    "InstanceMetadataTags": "instance_metadata_tags",
}
"""AWS's members, and what moto calls them."""
_VALUES: Mapping[str, tuple[str, ...]] = {
    "HttpTokens": ("optional", "required"),
    "HttpEndpoint": ("enabled", "disabled"),
    "HttpProtocolIpv6": ("enabled", "disabled"),
    "InstanceMetadataTags": ("enabled", "disabled"),
}
_MOST_HOPS = 64
OF_THE_IMAGE: Mapping[str, str | int] = {
    "HttpTokens": "required",
    "HttpPutResponseHopLimit": 2,
    "HttpEndpoint": "enabled",
    "HttpProtocolIpv6": "disabled",
    "InstanceMetadataTags": "disabled",
}
"""Those of an image registered with `imds-support v2.0`, as the one is that there is."""


def require_valid(given: Mapping[str, Any]) -> None:
    """Refuses values that AWS does not know, in its words."""
    for member, allowed in _VALUES.items():
        if given.get(member) is not None and given[member] not in allowed:
            text = f"Value ({given[member]}) for parameter {member} is invalid. Allowed: {', '.join(allowed)}."
            raise Refused("InvalidParameterValue", text)
    hops = given.get("HttpPutResponseHopLimit")
    if hops is not None and not 1 <= int(hops) <= _MOST_HOPS:
        text = f"Value ({hops}) for parameter HttpPutResponseHopLimit is invalid. Allowed: 1 to {_MOST_HOPS}."
        raise Refused("InvalidParameterValue", text)


def launched(instance: Record, template: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Put down what a new instance's options are."""
    _change(instance, {**OF_THE_IMAGE, **_said(template), **_said(given)})


def _said(options: Mapping[str, Any]) -> dict[str, Any]:
    return {member: options[member] for member in _FIELDS if options.get(member) is not None}


def _change(instance: Record, said: Mapping[str, Any]) -> None:
    for member, value in said.items():
        kept = int(value) if member == "HttpPutResponseHopLimit" else value
        setattr(instance.metadata_options, _FIELDS[member], kept)


class OptionsApi:
    """The call that changes them; `backend` holds the instances."""

    def __init__(self, backend: Record) -> None:
        self._backend = backend

    @operation(
        "ModifyInstanceMetadataOptions", effect="from now on the instance's metadata answers, asks for tokens, or not"
    )
    def _modify(self, given: Members) -> Output:
        """What is not given stays. At least one option must be."""
        [instance] = self._backend.get_multi_instances_by_id([given["InstanceId"]])
        said = _said(given)
        if not said:
            raise Refused("MissingParameter", "The request must contain at least one metadata option")
        require_valid(said)
        if instance.state in ("shutting-down", "terminated"):
            text = f"The instance '{instance.id}' is not in a state from which its options can be changed."
            raise Refused("IncorrectInstanceState", text)
        if given.get("DryRun"):
            raise Refused("DryRunOperation", "Request would have succeeded, but DryRun flag is set.", status=412)
        _change(instance, said)
        kept = {member: getattr(instance.metadata_options, name) for member, name in _FIELDS.items()}
        return {"InstanceId": instance.id, "InstanceMetadataOptions": {**kept, "State": "pending"}}
