"""A real PostgreSQL and a real Redis, as Aurora and ElastiCache are."""

from services.chassis.conftest import redis_url as redis_url
from services.loyalty.tests.conftest import server as server
