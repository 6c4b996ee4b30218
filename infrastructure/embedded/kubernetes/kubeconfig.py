"""What kubectl and every client of Kubernetes read to find a cluster.

Source: https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/
"""

import base64
from pathlib import Path

import orjson

from infrastructure.state import write_private


def write(path: Path, *, name: str, server: str, authority: bytes, token: str) -> None:
    """Whole or not at all, for its owner alone: it holds the token. In JSON, which YAML is."""
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "preferences": {},
        "current-context": name,
        "clusters": [
            {
                "name": name,
                "cluster": {"server": server, "certificate-authority-data": base64.b64encode(authority).decode()},
            }
        ],
        "users": [{"name": name, "user": {"token": token}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
    }
    write_private(path, orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
