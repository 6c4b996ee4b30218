"""What RDS's and DocumentDB's calls have in common: on AWS one control plane answers both, in the same words.

Source: Amazon RDS API Reference, CreateDBCluster, DeleteDBCluster, DescribeDBClusters, DescribeDBInstances.
"""

import re
from collections.abc import Sequence
from typing import Any

from infrastructure.embedded.gateway.operations import Members, Output
from infrastructure.embedded.gateway.paging import page
from infrastructure.embedded.gateway.refused import Refused

HOST, READER_HOST = "127.0.0.1", "127.0.0.2"
"""Where a cluster is reached: it has one port for both of its endpoints, so they differ in the host, as on AWS."""
_IDENTIFIER = re.compile(r"(?!.*--)[A-Za-z][A-Za-z0-9-]{0,61}[A-Za-z0-9]|[A-Za-z]")
_FEWEST, _MOST = 20, 100
"""Records that a page may have."""


def identifier(given: Members, member: str) -> str:
    """A new name, in small letters."""
    identity = str(given[member])
    if not _IDENTIFIER.fullmatch(identity):
        raise invalid(
            f"The parameter {member} is not a valid identifier. Identifiers must begin with a letter; "
            "must contain only ASCII letters, digits, and hyphens; "
            "and must not end with a hyphen or contain two consecutive hyphens."
        )
    return identity.lower()


def require_word_of_snapshot(given: Members) -> None:
    """A cluster's deletion says whether there is to be a last snapshot of it, and of which name."""
    is_skipped = bool(given.get("SkipFinalSnapshot"))
    if is_skipped == bool(given.get("FinalDBSnapshotIdentifier")):
        raise Refused(
            "InvalidParameterCombination",
            "FinalDBSnapshotIdentifier cannot be specified when deleting a cluster with SkipFinalSnapshot."
            if is_skipped
            else "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified.",
        )


def check_password_change(given: Members, *, was_managed: bool) -> None:
    """A modification may give a password, have Secrets Manager manage it or not, or rotate the managed one."""
    has_password, is_managed = "MasterUserPassword" in given, given.get("ManageMasterUserPassword", was_managed)
    if is_managed and has_password:
        reason = "You can't specify MasterUserPassword with ManageMasterUserPassword enabled."
    elif was_managed and not is_managed and not has_password:
        reason = "You must specify MasterUserPassword when you disable ManageMasterUserPassword."
    elif not given.get("RotateMasterUserPassword"):
        return
    elif not given.get("ApplyImmediately"):
        reason = "You must specify apply immediately when rotating the master user password."
    elif not was_managed or not is_managed:
        reason = "You can't rotate the master user password without ManageMasterUserPassword enabled."
    else:
        return
    raise Refused("InvalidParameterCombination", reason)


def require_status(cluster: str, status: str, wanted: str) -> None:
    """A cluster is stopped when it is available, and started when it is stopped."""
    if status != wanted:
        raise bad_state(f"DbCluster {cluster} is in {status} state but expected it to be {wanted}.")


def require_successor(cluster: str, status: str, readers: Sequence[str], wanted: str | None) -> str | None:
    """Who of `readers` is to follow the writer of an available cluster; None when `wanted` names none of them."""
    if status != "available":
        raise bad_state(f"DB cluster {cluster} is {status}; it must be available")
    if not readers:
        raise bad_state(f"DB cluster {cluster} has no reader to fail over to; it needs at least two instances")
    if wanted is not None and wanted.lower() not in readers:
        raise invalid(f"{wanted} is no reader of {cluster}; it has {', '.join(readers)}")
    return wanted.lower() if wanted else None


def paged(member: str, found: Sequence[Any], given: Members) -> Output:
    """The page of a listing that is asked for, below `member`."""
    most = given.get("MaxRecords", _MOST)
    if not _FEWEST <= most <= _MOST:
        raise invalid(f"Invalid value {most} for MaxRecords. Must be between {_FEWEST} and {_MOST}")
    try:
        shown, following = page(found, given.get("Marker"), most)
    except ValueError as unknown:
        raise invalid("Invalid or expired pagination token.") from unknown
    return {member: shown, "Marker": following}


def invalid(message: str) -> Refused:
    """Of a value that may not be."""
    return Refused("InvalidParameterValue", message)


def bad_state(message: str) -> Refused:
    """Of a cluster that is in no state for it."""
    return Refused("InvalidDBClusterStateFault", message)
