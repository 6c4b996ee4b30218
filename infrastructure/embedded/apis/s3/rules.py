"""What S3 refuses of a request by itself. Source: Amazon S3 User Guide, "General purpose bucket naming rules"."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from infrastructure.embedded.gateway.refused import Refused

_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+")
_STARTS = ("xn--", "sthree-", "amzn-s3-demo-")
_ENDS = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")


def _check_bucket(given: Mapping[str, Any]) -> None:
    name = given["Bucket"]
    is_name = _NAME.fullmatch(name) and ".." not in name and not _ADDRESS.fullmatch(name)
    if not is_name or name.startswith(_STARTS) or name.endswith(_ENDS):
        raise Refused("InvalidBucketName", "The specified bucket is not valid.")


RULES: Mapping[str, Callable[[Mapping[str, Any]], None]] = {"CreateBucket": _check_bucket}
