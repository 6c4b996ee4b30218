"""Writes `types.json` from Kubernetes' own descriptions: `python generate.py FOLDER PROTO… > types.json`.

FOLDER is `kubernetes_validate/kubernetes-json-schema/v1.37.0-local` of the package `kubernetes-validate` (Apache
License 2.0; made from Kubernetes' OpenAPI document), installed in an environment of its own: it is a hundred times as
large as what is kept. Of each type that our kinds are made of that is its fields, each as one word: `[Container~name`
is a list of containers that a strategic merge joins by name. See `types.py` for how they are read. PROTO are the files
`generated.proto` of k8s.io/api and k8s.io/apimachinery of the same release, from which the numbers of the fields are.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

ROOTS = (
    "api.core.v1: Namespace Node Pod PodTemplateSpec Service ConfigMap Secret ServiceAccount Event Binding",
    "api.apps.v1: Deployment ReplicaSet DaemonSet",
    "api.batch.v1: Job CronJob",
    "api.policy.v1: PodDisruptionBudget Eviction",
    "api.autoscaling.v1: Scale",
    "api.autoscaling.v2: HorizontalPodAutoscaler",
    "api.discovery.v1: EndpointSlice",
    "api.coordination.v1: Lease",
    "api.rbac.v1: Role RoleBinding ClusterRole ClusterRoleBinding",
    "api.authorization.v1: SelfSubjectAccessReview",
    "api.authentication.v1: SelfSubjectReview TokenRequest TokenReview",
    "apimachinery.pkg.apis.meta.v1: DeleteOptions",
)
_SCALARS = {"Time": "time", "MicroTime": "time", "Quantity": "quantity", "IntOrString": "intorstring"}
_OPEN = frozenset({"FieldsV1", "RawExtension", "JSON"})


_MESSAGE = re.compile(r"^message (\w+) \{(.*?)^\}", re.MULTILINE | re.DOTALL)
_MEMBER = re.compile(r"^\s*(?:optional|repeated)?\s*(map<[^>]*>|[\w.]+) (\w+) = (\d+);", re.MULTILINE)
Messages = dict[str, dict[str, tuple[str, str]]]


def main(folder: str, protos: list[str]) -> None:
    """Print every type that is reached from `ROOTS`."""
    messages = _messages(protos)
    definitions: dict[str, Any] = json.loads((Path(folder) / "_definitions.json").read_text(encoding="utf-8"))["$defs"]
    roots = [root.partition(": ") for root in ROOTS]
    todo = [f"io.k8s.{package}.{name}" for package, _, names in roots for name in names.split()]
    types: dict[str, dict[str, str]] = {}
    full_names: dict[str, str] = {}
    while todo:
        full = todo.pop()
        if full_names.setdefault(_short(full), full) != full:
            raise ValueError(f"{full} and {full_names[_short(full)]} share a name")
        if _short(full) not in types:
            types[_short(full)] = {
                name: _word(schema, todo, is_required=name in definitions[full].get("required", ()))
                + _numbered(messages, full, name)
                for name, schema in sorted(definitions[full].get("properties", {}).items())
            }
    lines = [f'"{name}":{json.dumps(types[name], separators=(",", ":"))}' for name in sorted(types)]
    sys.stdout.write("{\n" + ",\n".join(lines) + "\n}\n")


def _messages(protos: list[str]) -> Messages:
    """Of each message by its full name its members: their types and numbers."""
    found: Messages = {}
    for each in protos:
        text = Path(each).read_text(encoding="utf-8")
        [package] = re.findall(r"^package ([\w.]+);", text, re.MULTILINE)
        for name, body in _MESSAGE.findall(text):
            found[f"{package}.{name}"] = {member: (kind, number) for kind, member, number in _MEMBER.findall(body)}
    return found


def _numbered(messages: Messages, full: str, member: str) -> str:
    """`=3`, or `=2.5` for a member of a message that lies in the third: JSON has no such level."""
    path = _numbers(messages, "k8s.io." + full.removeprefix("io.k8s."), member)
    return f"={path}" if path else ""


def _numbers(messages: Messages, message: str, member: str) -> str:
    members = messages.get(message, {})
    if member in members:
        return members[member][1]
    for kind, number in members.values():
        inner = kind.removeprefix(".") if kind.startswith(".") else f"{message.rpartition('.')[0]}.{kind}"
        is_inline = kind.endswith(("Source", "Handler", "Common", "LocalObjectReference", "ActionHandler"))
        if is_inline and (below := _numbers(messages, inner, member)):
            return f"{number}.{below}"
    return ""


def _short(full: str) -> str:
    """`Container`: no two of the types that are reached share that; `main` makes sure."""
    return full.rpartition(".")[2]


def _word(schema: dict[str, Any], todo: list[str], *, is_required: bool) -> str:
    word = _type(schema, todo)
    strategy = schema.get("x-kubernetes-patch-strategy", "")
    keys = schema.get("x-kubernetes-list-map-keys", [])
    if "merge" in strategy:
        word += "~" + schema.get("x-kubernetes-patch-merge-key", "")
    if "retainKeys" in strategy:
        word += "^"
    if keys:
        word += "@" + ",".join(keys)
    elif schema.get("x-kubernetes-list-type") == "set":
        word += "@"
    return word + ("!" if is_required else "")


def _type(schema: dict[str, Any], todo: list[str]) -> str:
    reference = schema.get("$ref", "").rpartition("/")[2]
    name = reference.rpartition(".")[2]
    if name in _SCALARS:
        return _SCALARS[name]
    if name in _OPEN:
        return "any"
    if reference:
        todo.append(reference)
        return _short(reference)
    kind = schema.get("type", "object")
    kind = kind if isinstance(kind, str) else next(each for each in kind if each != "null")
    if kind == "array":
        return "[" + _type(schema["items"], todo)
    if kind == "object":
        inner = schema.get("additionalProperties")
        return "{" + _type(inner, todo) if inner else "any"
    return "bytes" if schema.get("format") == "byte" else str(kind)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
