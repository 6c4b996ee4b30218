"""A container's environment: its own values, and those it takes from ConfigMaps, Secrets and its pod.

Source: https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/
"""

import base64
import re
from collections.abc import Mapping
from typing import Any

from infrastructure.embedded.kubernetes.schema import kinds
from infrastructure.embedded.kubernetes.store import objects, quantity
from infrastructure.embedded.kubernetes.store.objects import Object
from infrastructure.embedded.kubernetes.store.store import Store

_REFERENCE = re.compile(r"\$(\$|\((\w[\w.-]*)\))")
_SUBSCRIPT = re.compile(r"metadata\.(labels|annotations)\['([^']+)'\]")


class Unresolved(Exception):
    """A value is not to be had; the text is the kubelet's."""


def environment(container: Mapping[str, Any], pod: Object, store: Store) -> dict[str, str]:
    """All variables. `Unresolved` names what is missing."""
    found: dict[str, str] = {}
    for each in container.get("envFrom") or ():
        found |= _all_of(each, objects.namespace(pod), store)
    for each in container.get("env") or ():
        value = each.get("value")
        if value is None and "valueFrom" in each:
            value = _from(each["valueFrom"], container, pod, store)
            if value is None:
                continue
        found[each["name"]] = expanded(value or "", found)
    return found


def expanded(text: str, known: Mapping[str, str]) -> str:
    """`$(NAME)` is a variable that is known, `$$(NAME)` is no reference."""

    def value(match: re.Match[str]) -> str:
        return "$" if match[1] == "$" else known.get(match[2], match[0])

    return _REFERENCE.sub(value, text)


def data_of(kind: kinds.Kind, name: str, namespace: str, store: Store, *, optional: bool) -> Mapping[str, str] | None:
    """What is in a ConfigMap or a Secret, as text; None for an optional one that is not there."""
    found = store.get(kind.id, (namespace, name))
    if found is None:
        if optional:
            return None
        raise Unresolved(f'{kind.singular} "{name}" not found')
    return {key: value.decode("utf-8", "replace") for key, value in contents(found).items()}


def contents(of: Object) -> Mapping[str, bytes]:
    """The `data` of a ConfigMap or a Secret, which alone variables are made of."""
    data: Mapping[str, str] = of.get("data") or {}
    is_encoded = of["kind"] == kinds.SECRET.name
    return {key: base64.b64decode(value) if is_encoded else value.encode() for key, value in data.items()}


def _all_of(source: Mapping[str, Any], namespace: str, store: Store) -> dict[str, str]:
    prefix = source.get("prefix", "")
    for field, kind in (("configMapRef", kinds.CONFIG_MAP), ("secretRef", kinds.SECRET)):
        if field in source:
            reference = source[field]
            data = data_of(kind, reference["name"], namespace, store, optional=bool(reference.get("optional")))
            return {prefix + key: value for key, value in (data or {}).items()}
    return {}


def _from(source: Mapping[str, Any], container: Mapping[str, Any], pod: Object, store: Store) -> str | None:
    for field, kind, called in (
        ("configMapKeyRef", kinds.CONFIG_MAP, "ConfigMap"),
        ("secretKeyRef", kinds.SECRET, "Secret"),
    ):
        if field in source:
            reference, namespace = source[field], objects.namespace(pod)
            is_optional = bool(reference.get("optional"))
            data = data_of(kind, reference["name"], namespace, store, optional=is_optional)
            if data is not None and reference["key"] in data:
                return data[reference["key"]]
            if is_optional:
                return None
            raise Unresolved(f"couldn't find key {reference['key']} in {called} {namespace}/{reference['name']}")
    if "fieldRef" in source:
        return _field(source["fieldRef"]["fieldPath"], pod)
    return _resource(source.get("resourceFieldRef") or {}, container)


def downward(item: Mapping[str, Any], pod: Object) -> str:
    """What a file of the downward API has: a field of the pod, or what a container asks for."""
    if "fieldRef" in item:
        path = item["fieldRef"]["fieldPath"]
        if path in ("metadata.labels", "metadata.annotations"):
            found: Mapping[str, str] = objects.meta(pod).get(path.removeprefix("metadata.")) or {}
            return "\n".join(f'{key}="{value}"' for key, value in sorted(found.items()))
        return _field(path, pod)
    reference = item.get("resourceFieldRef") or {}
    named = [each for each in objects.spec(pod)["containers"] if each["name"] == reference.get("containerName")]
    return _resource(reference, named[0]) if named else ""


def _field(path: str, pod: Object) -> str:
    subscript = _SUBSCRIPT.fullmatch(path)
    if subscript:
        found: Mapping[str, str] = objects.meta(pod).get(subscript[1]) or {}
        return found.get(subscript[2], "")
    value: Any = pod
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return "" if value is None else str(value)


def _resource(reference: Mapping[str, Any], container: Mapping[str, Any]) -> str:
    """`limits.cpu` in whole cores, rounded up, as the divisor 1 has it; other divisors divide."""
    which, _, what = str(reference.get("resource", "")).partition(".")
    given = ((container.get("resources") or {}).get(which) or {}).get(what, 0)
    divisor = quantity.value(reference.get("divisor") or 1) or 1.0
    return str(-(-quantity.value(given) // divisor)).removesuffix(".0")
