"""A function's version as sandboxes run it, and the process that one sandbox is: roots, environment. Pure.

Source: AWS Lambda Developer Guide, "Defined runtime environment variables", "Layer paths for each Lambda runtime".
"""

import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from infrastructure.embedded.engines.functions.runtime import ROOTS
from infrastructure.embedded.host.process import ProcessSpec

PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"
"""The only runtime there is here: this interpreter's."""
ZYGOTE = "zygote-lambda"
KIND = "lambda-sandbox"


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionSpec:
    """One function's version as sandboxes run it. `roots` are the folders to import from, `code` the first of them."""

    name: str
    version: str
    arn: str
    handler: str
    timeout_s: float
    memory_mb: int
    code: Path
    layers: tuple[Path, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    service: str | None = None
    """The catalogue's service whose handler this is."""

    @property
    def roots(self) -> tuple[Path, ...]:
        """In AWS's order: the package, then the layers, the last one first, since it would cover the others' files."""
        inside = (f"python/lib/{PYTHON}/site-packages", "python")
        return (self.code, *(layer / part for layer in reversed(self.layers) for part in inside))


def process_spec(spec: FunctionSpec, sandbox_id: str, address: str, folder: Path) -> ProcessSpec:
    """The sandbox's process. `address` is its Runtime API's, `folder` its own for temporary files."""
    given = spec.environment
    stream = f"{time.strftime('%Y/%m/%d', time.gmtime())}/[{spec.version}]{sandbox_id}"
    return ProcessSpec(
        id=sandbox_id,
        kind=KIND,
        resource=spec.arn,
        service=spec.service,
        entry="__main__:sandbox",
        zygote=ZYGOTE,
        reads=tuple(folder.name for folder in (spec.code, *spec.layers)),
        env={
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
            "TMPDIR": str(folder),
            **given,
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{PYTHON}",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(spec.memory_mb),
            "AWS_LAMBDA_FUNCTION_NAME": spec.name,
            "AWS_LAMBDA_FUNCTION_VERSION": spec.version,
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": given.get("AWS_LAMBDA_LOG_GROUP_NAME", f"/aws/lambda/{spec.name}"),
            "AWS_LAMBDA_LOG_STREAM_NAME": stream,
            "AWS_LAMBDA_RUNTIME_API": address,
            "LAMBDA_TASK_ROOT": str(spec.code),
            "_HANDLER": spec.handler,
            ROOTS: os.pathsep.join(str(root) for root in spec.roots if root.is_dir()),
        },
    )
