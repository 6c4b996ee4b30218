"""The embedded cloud's fixtures: a state folder, and asyncio alone."""

from infrastructure.embedded.conftest import anyio_backend, state

__all__ = ["anyio_backend", "state"]
