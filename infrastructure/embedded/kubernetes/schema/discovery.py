"""What a client asks first: which kinds there are. Both forms: one document of all, and a list for each group.

Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#discovery-api
"""

from typing import Any

from infrastructure.embedded.kubernetes.schema import kinds
from infrastructure.embedded.kubernetes.schema.kinds import Kind

VERSION = {"major": "1", "minor": "37", "gitVersion": "v1.37.1-eks-cafe"}
AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
Document = dict[str, Any]


def version() -> Document:
    """What `kubectl version` shows; the members that a client must find are all there."""
    build = {"gitCommit": "", "gitTreeState": "clean", "buildDate": "2026-11-01T00:00:00Z"}
    return {**VERSION, **build, "goVersion": "", "compiler": "", "platform": "linux/amd64"}


def aggregated(*, is_core: bool) -> Document:
    """All groups with all kinds: what `/api` and `/apis` answer to those who can read it."""
    groups = {"": ["v1"]} if is_core else kinds.groups()
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {},
        "items": [
            {
                "metadata": {"name": group, "creationTimestamp": None} if group else {"creationTimestamp": None},
                "versions": [
                    {
                        "version": version,
                        "resources": [_discovered(kind) for kind in kinds.of_group(group, version)],
                        "freshness": "Current",
                    }
                    for version in versions
                ],
            }
            for group, versions in groups.items()
        ],
    }


def _discovered(kind: Kind) -> Document:
    optional = {"shortNames": list(kind.short), "categories": list(kind.categories)}
    below = [
        {
            "subresource": each.name,
            "responseKind": {
                "group": each.group or kind.group,
                "version": each.version or kind.version,
                "kind": each.kind,
            },
            "verbs": list(each.verbs),
        }
        for each in kinds.subresources(kind)
    ]
    return {
        "resource": kind.plural,
        "responseKind": {"group": kind.group, "version": kind.version, "kind": kind.name},
        "scope": "Namespaced" if kind.is_namespaced else "Cluster",
        "singularResource": kind.singular,
        "verbs": list(kind.verbs),
        **{name: value for name, value in optional.items() if value},
        **({"subresources": below} if below else {}),
    }


def core_versions(address: str) -> Document:
    """`/api`, in the older form."""
    served = [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}]
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": served}


def group_list() -> Document:
    """`/apis`, in the older form."""
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group(name) for name in kinds.groups()]}


def group(name: str) -> Document | None:
    """`/apis/<group>`; None for an unknown one."""
    return {"kind": "APIGroup", "apiVersion": "v1", **_group(name)} if name in kinds.groups() else None


def _group(name: str) -> Document:
    versions = [{"groupVersion": f"{name}/{each}", "version": each} for each in kinds.groups()[name]]
    return {"name": name, "versions": versions, "preferredVersion": versions[0]}


def resource_list(group: str, version: str) -> Document | None:
    """`/api/v1` and `/apis/<group>/<version>`: kinds and what lies below them; None for an unknown group."""
    found = kinds.of_group(group, version)
    if not found:
        return None
    resources: list[Document] = []
    for kind in found:
        resources.append(_resource(kind))
        resources += [
            {
                "name": f"{kind.plural}/{each.name}",
                "singularName": "",
                "namespaced": kind.is_namespaced,
                **({"group": each.group, "version": each.version} if each.version else {}),
                "kind": each.kind,
                "verbs": list(each.verbs),
            }
            for each in kinds.subresources(kind)
        ]
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": found[0].api_version,
        "resources": resources,
    }


def _resource(kind: Kind) -> Document:
    optional = {"shortNames": list(kind.short), "categories": list(kind.categories)}
    return {
        "name": kind.plural,
        "singularName": kind.singular,
        "namespaced": kind.is_namespaced,
        "kind": kind.name,
        "verbs": list(kind.verbs),
        **{name: value for name, value in optional.items() if value},
    }
