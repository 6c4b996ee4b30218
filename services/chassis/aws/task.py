"""Which ECS task this process is: no template can tell it, so it asks where ECS answers that.

Source: Amazon ECS Developer Guide, "Amazon ECS task metadata endpoint version 4".
"""

import http.client
import json
import sys
from typing import Final
from urllib.parse import urlsplit

LOCAL: Final = "local"
"""The name of a task that runs outside ECS."""
_ANSWER_S: Final = 2.0


def task_arn(metadata_uri: str) -> str:
    """The ARN that `metadata_uri` (ECS_CONTAINER_METADATA_URI_V4) gives; `LOCAL` where there is none to ask.

    Blocks, 2 s at most. An endpoint that does not answer is reported on standard error and keeps no task from its
    work: the ARN is for logs and reports, and the end of the address tells tasks apart as well.
    """
    if not metadata_uri:
        return LOCAL
    address = urlsplit(metadata_uri)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=_ANSWER_S)
    try:
        connection.request("GET", f"{address.path}/task")
        return str(json.loads(connection.getresponse().read())["TaskARN"])
    except (OSError, http.client.HTTPException, ValueError, KeyError) as problem:
        print(f"{metadata_uri}/task did not tell the task's ARN: {problem!r}", file=sys.stderr)  # noqa: T201 - no log yet
        return address.path.rsplit("/", 1)[-1] or LOCAL
    finally:
        connection.close()


def task_id(arn: str) -> str:
    """The last part of a task's ARN, which tells it from every other."""
    return arn.rsplit("/", 1)[-1]
