"""Names of the folders that runs leave."""

import time
import uuid


def run_name(what: str) -> str:
    """`what`, the local time to a second, and what keeps apart two runs that begin within one."""
    return f"{what}-{time.strftime('%Y%m%d-%H%M%S')}-{uuid.uuid4().hex[:6]}"
