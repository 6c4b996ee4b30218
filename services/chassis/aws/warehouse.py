"""A warehouse's address, and COPY of files from S3 into it: what stands in a statement's text is checked first."""

import re
from dataclasses import dataclass
from typing import Final

ROLE_PATTERN: Final = r"default|arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9+=,.@_/-]{1,512}"
"""Whom a cluster reads a bucket as: the role that it has by default, or one by its ARN."""
_ROLE: Final = re.compile(ROLE_PATTERN)
_URL: Final = re.compile(r"s3://[a-z0-9.-]{3,63}/[A-Za-z0-9._=/-]{1,1024}")


@dataclass(frozen=True, slots=True, kw_only=True)
class WarehouseAddress:
    """Which cluster, database and login: by the ARN of the secret that holds it."""

    cluster: str
    database: str
    secret: str


def checked(pattern: "re.Pattern[str]", text: str) -> str:
    """`text`, all of which is `pattern`; otherwise `ValueError`."""
    if not pattern.fullmatch(text):
        raise ValueError(f"{text[:80]!r} does not belong into a statement")
    return text


def copying(table: str, columns: str, url: str, role: str) -> str:
    """COPY of the CSV files at or below `url`, read as `role`; `ValueError` for a value that is none of these."""
    reader = "default" if role == "default" else f"'{checked(_ROLE, role)}'"
    return f"COPY {table} ({columns}) FROM '{checked(_URL, url)}' IAM_ROLE {reader} FORMAT AS CSV"
