"""How a server of the cluster is set up, as the text of its files. Pure: the same node gives the same text.

The files lie beside the data directory, not in it, so that neither a copy nor a rewind brings another node's along.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass

ADMIN = "rdsadmin"
"""The superuser nobody but the platform is, as on RDS."""
REPLICATOR = "rdsrepladmin"
"""The one by which servers copy each other, as on RDS. They know its password; the system may not know their user."""
CLIENTS = f"backend_type = 'client backend' AND usename NOT IN ('{ADMIN}', '{REPLICATOR}')"
"""Which rows of `pg_stat_activity` are sessions of others."""
WAL_KEPT_MB = 48
"""Log that a primary keeps for standbys that come back; one that was away for longer is copied anew.

No more, since a rewind copies all of it.
"""
_SCRAM_ITERATIONS = 4096

GIB = 1024**3
CLASSES: Mapping[str, tuple[float, float]] = {
    "db.t3.medium": (2, 4),
    "db.t3.large": (2, 8),
    "db.t4g.medium": (2, 4),
    "db.t4g.large": (2, 8),
    "db.r5.large": (2, 16),
    "db.r6g.large": (2, 16),
    "db.r6g.xlarge": (4, 32),
    "db.r7g.large": (2, 16),
    "db.r7g.xlarge": (4, 32),
    "db.r8g.large": (2, 16),
}
"""vCPUs and GiB per instance class.

Source: https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Concepts.DBInstanceClass.Summary.html
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """What an instance class provides."""

    vcpu: float
    memory_bytes: float

    @classmethod
    def of(cls, instance_class: str) -> "Size":
        """That of the class; of the smallest one when it is not known here."""
        vcpu, gib = CLASSES.get(instance_class, (2, 4))
        return cls(vcpu=vcpu, memory_bytes=gib * GIB)

    @property
    def connections(self) -> int:
        """Aurora PostgreSQL's default max_connections: LEAST({DBInstanceClassMemory/9531392}, 5000).

        Source: https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/AuroraPostgreSQL.Managing.html
        """
        return int(min(self.memory_bytes // 9_531_392, 5000))


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """One server's own. `standbys` are the application names whose confirmation every commit waits for."""

    name: str
    port: int
    sockets: str
    folder: str
    connections: int
    version: int
    passwords: str
    """The file in which `REPLICATOR`'s is (libpq's passfile)."""
    primary: int | None = None
    """Port of the server to follow; None for a primary."""
    standbys: tuple[str, ...] = ()


def configuration(settings: ServerSettings) -> str:
    """postgresql.conf."""
    values: dict[str, str] = {
        "listen_addresses": "127.0.0.1",
        "port": str(settings.port),
        "unix_socket_directories": settings.sockets,
        "hba_file": f"{settings.folder}/pg_hba.conf",
        "ident_file": f"{settings.folder}/pg_ident.conf",
        "max_connections": str(settings.connections),
        "shared_buffers": "64MB",
        # Left behind in the kernel by a SIGKILL otherwise; so they lie in the data directory.
        "dynamic_shared_memory_type": "mmap",
        # The end of a process loses nothing of the page cache, and the machine's own end ends the platform anyway.
        "fsync": "off",
        "full_page_writes": "on",  # pg_rewind's condition
        "wal_level": "replica",
        "wal_keep_size": f"{WAL_KEPT_MB}MB",
        "min_wal_size": "8MB",
        "max_wal_senders": "10",
        "hot_standby": "on",
        "synchronous_commit": "on",
        "synchronous_standby_names": synchronous(settings.standbys),
        "primary_conninfo": _conninfo(settings),
        # A standby that hangs holds up every commit: it is soon known, and goes on as one that is lost.
        "wal_sender_timeout": "5s",
        "wal_receiver_status_interval": "1s",
        "wal_retrieve_retry_interval": "50ms",
        # An instance whose process crashed is a dead instance: the controller decides what happens next.
        "restart_after_crash": "off",
        "password_encryption": "scram-sha-256",
        "max_logical_replication_workers": "0",
        "jit": "off",
        "log_line_prefix": "%m [%p] %u@%d ",
        "log_timezone": "UTC",
        "log_checkpoints": "off",
    }
    if settings.version >= 18:
        values["io_method"] = "sync"  # no worker processes for devices this cloud does not have
    return "".join(f"{name} = {_quoted(value)}\n" for name, value in values.items())


def synchronous(standbys: tuple[str, ...]) -> str:
    """All of them must confirm, so that each may be promoted."""
    names = ", ".join(f'"{name}"' for name in sorted(standbys))
    return f"FIRST {len(standbys)} ({names})" if standbys else ""


def access(superuser: str) -> tuple[str, str]:
    """pg_hba.conf and pg_ident.conf: the platform by its system user on the unix socket, all others by password."""
    rules = (
        f"local all {ADMIN} peer map=platform",
        f"local all,replication {REPLICATOR} scram-sha-256",
        f"host all {ADMIN},{REPLICATOR} all reject",
        "host all all 127.0.0.0/8 scram-sha-256",
    )
    return "\n".join(rules) + "\n", f"platform {superuser} {ADMIN}\n"


def verifier(password: str, salt: bytes) -> str:
    """What the server keeps of a password, so that the password itself never gets near its log. `salt` of 16 bytes.

    Source: https://www.postgresql.org/docs/current/catalog-pg-authid.html, RFC 5803
    """
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, _SCRAM_ITERATIONS)
    stored = hashlib.sha256(_hmac(salted, b"Client Key")).digest()
    texts = [base64.b64encode(part).decode() for part in (salt, stored, _hmac(salted, b"Server Key"))]
    return f"SCRAM-SHA-256${_SCRAM_ITERATIONS}:{texts[0]}${texts[1]}:{texts[2]}"


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.new(key, message, hashlib.sha256).digest()


def _conninfo(settings: ServerSettings) -> str:
    if settings.primary is None:
        return ""
    who = f"user={REPLICATOR} passfile='{settings.passwords}' application_name={settings.name}"
    return f"host={settings.sockets} port={settings.primary} {who}"


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
