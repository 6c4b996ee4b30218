"""moto's exceptions by name: raised from a call's answer they become AWS's own error documents.

moto is imported by `backends` alone and as late as possible, so its exceptions are looked up when they are needed.
"""

import importlib


def refusal(package: str, name: str, *arguments: str) -> Exception:
    """The exception `name` of `moto.<package>.exceptions`, built from `arguments`."""
    error: Exception = getattr(importlib.import_module(f"moto.{package}.exceptions"), name)(*arguments)
    return error
