"""The interpreter that Lambda sandboxes are forked from: `python -I -S functions_runtime.py FORKING RUNTIME SOCKET`.

It holds ready what AWS's own image does, its runtime client and nothing of the function, and sees nothing but the
standard library and the folder RUNTIME. The handler's module is imported after the fork, in the sandbox's Init phase.
FORKING is the path of host/forking.py, loaded by it, since no package of ours can be imported here.
"""

import gc
import importlib
import importlib.util
import os
import sys
from types import ModuleType
from typing import Any

ROOTS = "CAFE_SANDBOX_ROOTS"
"""Folders to import from, before the runtime's own; gone before the function's code runs."""
_C_PART = "runtime_client"


def preload() -> None:
    """Import the runtime client without its C part: that reads the sandbox's address as it is loaded, once for good."""
    stand_in = sys.modules[_C_PART] = ModuleType(_C_PART)
    vars(stand_in)["initialize_client"] = lambda _user_agent: None
    importlib.import_module("awslambdaric.bootstrap")
    del sys.modules[_C_PART]


def sandbox() -> None:
    """Be one sandbox: what `python -m awslambdaric HANDLER` does, from an import that is already made."""
    from awslambdaric import bootstrap, lambda_runtime_client

    client = lambda_runtime_client.runtime_client = importlib.import_module(_C_PART)
    client.initialize_client(lambda_runtime_client._user_agent())
    sys.path[:0] = [root for root in os.environ.pop(ROOTS, "").split(os.pathsep) if root]
    sys.dont_write_bytecode = True  # the code's folder is read only on AWS
    os.chdir(os.environ["LAMBDA_TASK_ROOT"])
    _reread_environment(bootstrap)
    runtime = lambda_runtime_client.LambdaRuntimeClient(os.environ["AWS_LAMBDA_RUNTIME_API"])
    _collect_after_init(runtime)
    bootstrap.run(os.environ["_HANDLER"], runtime)


def _collect_after_init(client: Any) -> None:
    """No garbage collection while the handler's module is imported: nearly all that makes is kept (a tenth of Init)."""
    wait = client.wait_next_invocation

    def first_wait() -> Any:
        client.wait_next_invocation = wait
        gc.enable()
        return wait()

    gc.disable()
    client.wait_next_invocation = first_wait


def _reread_environment(bootstrap: Any) -> None:
    """The bootstrap takes the log's format and level from the environment as it is imported."""
    log_format = os.environ.get("AWS_LAMBDA_LOG_FORMAT")
    bootstrap._AWS_LAMBDA_LOG_FORMAT = bootstrap.LogFormat.from_str(log_format)
    bootstrap._AWS_LAMBDA_LOG_LEVEL = bootstrap._get_log_level_from_env_var(os.environ.get("AWS_LAMBDA_LOG_LEVEL"))


def main(arguments: list[str]) -> int:
    """Serve forks until the socket closes."""
    forking, runtime, descriptor = arguments
    sys.path.append(runtime)
    spec = importlib.util.spec_from_file_location("forking", forking)
    if spec is None or spec.loader is None:
        raise ImportError(f"{forking} cannot be loaded")
    module = sys.modules["forking"] = importlib.util.module_from_spec(spec)  # a dataclass looks its module up
    spec.loader.exec_module(module)
    return int(module.main([descriptor], preload))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
