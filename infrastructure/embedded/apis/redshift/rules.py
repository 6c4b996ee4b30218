"""What Redshift refuses of a request by itself.

Source: Amazon Redshift API Reference, "CreateCluster"; Management Guide, "Amazon Redshift quotas and limits", "Naming".
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from infrastructure.embedded.gateway.refused import Refused

Members = Mapping[str, Any]

_IDENTIFIER = re.compile(r"(?!.*--)[A-Za-z]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_USER = re.compile(r"[a-z][a-z0-9_+.@-]{0,127}")
_DATABASE = re.compile(r"[a-z_][a-z0-9_$]{0,126}")
_NODE = re.compile(r"(dc2\.(large|8xlarge)|ra3\.(large|xlplus|4xlarge|16xlarge)|rg\.(large|xlarge|4xlarge|16xlarge))")
_PASSWORD_NEEDS = (("lower case letter", "[a-z]"), ("upper case letter", "[A-Z]"), ("decimal digit", "[0-9]"))
_NOT_IN_PASSWORD = re.compile(r"[^!-~]|[/@\"'\\]")
_RESERVED = frozenset({"public", "rdsdb", "admin_", "select", "table", "user", "default", "all", "any", "order"})
_MOST_NODES = 128


def _identifier(member: str) -> Callable[[Members], None]:
    def check(given: Members) -> None:
        if not _IDENTIFIER.fullmatch(given[member]):
            raise invalid(
                f"The parameter {member} is not a valid identifier. Identifiers must begin with a letter; must contain "
                "only ASCII letters, digits, and hyphens; and must not end with a hyphen or contain two consecutive "
                f"hyphens: {given[member]}"
            )

    return check


def _check_create(given: Members) -> None:
    _identifier("ClusterIdentifier")(given)
    if not _NODE.fullmatch(given["NodeType"]):
        raise invalid(f"Invalid node type: {given['NodeType']}")
    if not _USER.fullmatch(given["MasterUsername"]) or given["MasterUsername"] in _RESERVED:
        raise invalid(f"The parameter MasterUsername is not valid: {given['MasterUsername']}")
    if not _DATABASE.fullmatch(given.get("DBName", "dev")):
        raise invalid(f"The parameter DBName is not a valid database name: {given['DBName']}")
    port = given.get("Port")
    if port is not None and not 1150 <= port <= 65535:
        raise invalid(f"The parameter Port must be between 1150 and 65535: {port}")
    check_nodes(given)
    check_password(given)
    if "MasterUserPassword" not in given and not given.get("ManageMasterPassword"):
        raise Refused(
            "InvalidParameterCombination", "Either MasterUserPassword or ManageMasterPassword must be specified."
        )


def check_nodes(given: Members) -> None:
    """Refuse a number of nodes that the type of the cluster cannot have."""
    kind, nodes = given.get("ClusterType"), given.get("NumberOfNodes")
    if kind not in (None, "single-node", "multi-node"):
        raise invalid("Invalid cluster type. Cluster type can be one of multi-node or single-node")
    if kind == "multi-node" and (nodes or 0) < 2:
        raise Refused(
            "InvalidParameterCombination",
            "Number of nodes for cluster type multi-node must be greater than or equal to 2",
        )
    if nodes is not None and not 1 <= nodes <= _MOST_NODES:
        raise invalid(f"NumberOfNodes must be between 1 and {_MOST_NODES}: {nodes}")


def check_password(given: Members) -> None:
    """Refuse a password that Redshift does not take; what it is stays out of the message."""
    password = given.get("MasterUserPassword")
    if password is None:
        return
    if given.get("ManageMasterPassword"):
        raise Refused(
            "InvalidParameterCombination",
            "You can't specify MasterUserPassword with ManageMasterPassword enabled.",
        )
    if not 8 <= len(password) <= 64:
        raise invalid("The parameter MasterUserPassword must be between 8 and 64 characters long.")
    for what, pattern in _PASSWORD_NEEDS:
        if not re.search(pattern, password):
            raise invalid(f"The parameter MasterUserPassword must contain at least one {what}.")
    if _NOT_IN_PASSWORD.search(password):
        raise invalid(
            "The parameter MasterUserPassword is not a valid password. Only printable ASCII characters besides '/', "
            "'@', '\"', ' ', '\\', ''' may be used."
        )


def invalid(message: str) -> Refused:
    """Redshift's refusal of a value."""
    return Refused("InvalidParameterValue", message)


RULES: Mapping[str, Callable[[Members], None]] = {
    "CreateCluster": _check_create,
    "ModifyCluster": check_password,
    "CreateClusterSubnetGroup": lambda given: _check_group(given["ClusterSubnetGroupName"]),
}


def _check_group(name: str) -> None:
    if len(name) > 255 or name.lower() == "default" or not re.fullmatch(r"[A-Za-z0-9. _-]+", name):
        raise invalid(f"The parameter ClusterSubnetGroupName is not valid: {name}")
