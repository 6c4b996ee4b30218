"""A real Redis, as ElastiCache is."""

from services.chassis.conftest import redis_url as redis_url
