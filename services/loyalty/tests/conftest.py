"""A real Redis, as MemoryDB is one."""

from services.chassis.conftest import redis_url as redis_url
