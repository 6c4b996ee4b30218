"""moto's objects can be freed: without this every message, item, record and metric datum stays in memory for good.

Replaces `moto.core.common_models.BaseModel.__new__` (moto 5.2), which appends every instance of every model to its
class's `instances_tracked`; moto's reset between decorated tests, which nothing here uses, is all that reads it.
"""

from typing import Any

from moto.core.common_models import BaseModel


def _untracked(cls: type, *_args: Any, **_kwargs: Any) -> Any:
    return object.__new__(cls)


def install() -> None:
    """Stop the tracking."""
    BaseModel.__new__ = _untracked
