"""STS: binds its calls to the gateway's keyring, and lets the keys of IAM's users be found there."""

import time
from functools import partial
from typing import ClassVar

from infrastructure.embedded.apis.sts import users
from infrastructure.embedded.apis.sts.api import Sts
from infrastructure.embedded.control.context import Context


class StsController:
    """Nothing of it runs: what it gives out is checked where calls come in."""

    name: ClassVar[str] = "sts"
    watches: ClassVar[frozenset[str]] = frozenset()
    PARTS: ClassVar[tuple[type, ...]] = (Sts,)

    def __init__(self, context: Context) -> None:
        iam = context.backends.iam
        context.keyring.users = partial(users.issued, iam)
        context.backends.operations.bind(self.name, Sts(context.keyring, iam, context.account, time.time))

    async def reconcile(self, _key: str, /) -> None:
        """There is no gap to close."""
