"""Becomes one service of the catalogue: `python -m services.serve NAME`. Settings come from the environment."""

import importlib
import sys

from services import catalog


def main(arguments: list[str]) -> int:
    """Serve until SIGTERM; 64 (EX_USAGE of sysexits.h) for a name that is none."""
    try:
        [name] = arguments
        service = catalog.http_service(name)
    except (ValueError, KeyError) as wrong:
        sys.stderr.write(f"usage: python -m services.serve NAME: {wrong}\n")
        return 64
    module, _, function = service.entry.partition(":")
    getattr(importlib.import_module(module), function)()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
