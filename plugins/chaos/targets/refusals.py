"""What a service refused on the way to an answer: the caller of a client sees the last try only."""

from collections.abc import Collection, Mapping
from typing import Any

from botocore import xform_name
from botocore.exceptions import ClientError


def refused(client: Any, operation: str, codes: Collection[str], **request: object) -> str | None:
    """Call `operation` ("GetItem") once, tries of botocore's own included: the first of `codes` it was refused with.

    `ClientError` where it was refused in the end with any other code.
    """
    seen: list[str] = []

    def note(parsed_response: Mapping[str, Any] | None, **_event: object) -> None:
        seen.append((parsed_response or {}).get("Error", {}).get("Code", ""))  # None: no answer came

    event = f"response-received.{client.meta.service_model.service_id.hyphenize()}.{operation}"
    client.meta.events.register(event, note)
    try:
        getattr(client, xform_name(operation))(**request)
    except ClientError as last:
        seen.append(last.response["Error"]["Code"])
        if seen[-1] not in codes:
            raise
    finally:
        client.meta.events.unregister(event, note)
    return next((code for code in seen if code in codes), None)
