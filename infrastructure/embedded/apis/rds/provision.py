"""What a new cluster's database holds before its owner comes: the master user, its role, its database."""

import secrets

from infrastructure.embedded.apis.rds.member import Credentials
from infrastructure.embedded.engines.postgres.engine import PostgresNode
from infrastructure.embedded.engines.postgres.settings import verifier
from infrastructure.embedded.engines.postgres.wire import identifier, literal

SUPERUSER = "rds_superuser"
"""The role RDS gives its master users, with what they may do beyond their own objects.

Source: https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Appendix.PostgreSQL.CommonDBATasks.Roles.rds_superuser.html
"""
_GRANTED = ("pg_monitor", "pg_signal_backend", "pg_checkpoint")
_CREATE_S = 30.0


async def provision(node: PostgresNode, credentials: Credentials) -> None:
    """Create what is missing on this writer. What is there stays as it is, the password included."""
    name = credentials.username
    if not await node.query(f"SELECT 1 FROM pg_roles WHERE rolname = {literal(name)}"):  # noqa: S608  quoted
        await node.query(
            f"CREATE ROLE {SUPERUSER} NOLOGIN; GRANT {', '.join(_GRANTED)} TO {SUPERUSER}; "
            f"CREATE ROLE {identifier(name)} LOGIN CREATEDB CREATEROLE PASSWORD {_secret(credentials.password)}; "
            f"GRANT {SUPERUSER} TO {identifier(name)} WITH ADMIN OPTION"
        )
    database = credentials.database
    if database and not await node.query(f"SELECT 1 FROM pg_database WHERE datname = {literal(database)}"):  # noqa: S608
        await node.query(f"CREATE DATABASE {identifier(database)} OWNER {identifier(name)}", timeout_s=_CREATE_S)


async def set_password(node: PostgresNode, username: str, password: str) -> None:
    """The user's password from now on; sessions that are open stay open."""
    await node.query(f"ALTER ROLE {identifier(username)} PASSWORD {_secret(password)}")


def _secret(password: str) -> str:
    return literal(verifier(password, secrets.token_bytes(16)))
