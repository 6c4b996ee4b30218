"""Which object, or list of objects, a path is about.

Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-uris
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote

from infrastructure.embedded.kubernetes.schema import kinds
from infrastructure.embedded.kubernetes.schema.kinds import Kind
from infrastructure.embedded.kubernetes.store import errors
from infrastructure.embedded.kubernetes.store.objects import Key


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What a path names. `name` is empty for all objects of a kind, `subresource` for the object itself."""

    kind: Kind
    namespace: str = ""
    name: str = ""
    subresource: str = ""

    @property
    def key(self) -> Key:
        return self.namespace, self.name


def place(path: str) -> Place:
    """The place a path names. `ApiError` 404 when there is no such kind, or nothing of that kind lies there."""
    parts = [unquote(part) for part in path.strip("/").split("/")]
    group, parts = ("", parts[1:]) if parts[0] == "api" else (parts[1] if len(parts) > 1 else "", parts[2:])
    version, parts = (parts[0] if parts else ""), parts[1:]
    namespace = ""
    if len(parts) >= 3 and parts[0] == "namespaces" and kinds.at(group, version, parts[2]) is not None:
        namespace, parts = parts[1], parts[2:]
    kind = kinds.at(group, version, parts[0]) if parts else None
    if kind is None or len(parts) > 3 or (namespace and not kind.is_namespaced):
        raise errors.unknown_path()
    name, subresource = [*parts[1:], "", ""][:2]
    if name and kind.is_namespaced and not namespace:
        raise errors.unknown_path()
    if subresource and subresource not in [each.name for each in kinds.subresources(kind)]:
        raise errors.unknown_path()
    return Place(kind=kind, namespace=namespace, name=name, subresource=subresource)


@dataclass(frozen=True, slots=True)
class Query:
    """The parameters of a request, as text and with the types they have."""

    given: Mapping[str, str]

    @classmethod
    def of(cls, text: str) -> "Query":
        return cls(dict(parse_qsl(text, keep_blank_values=True)))

    def text(self, name: str) -> str:
        return self.given.get(name, "")

    def flag(self, name: str) -> bool:
        """As Go reads a boolean; given without a value it is true."""
        return name in self.given and self.given[name].lower() not in ("0", "f", "false")

    def number(self, name: str) -> int | None:
        """A whole number, None where none is given. `ApiError` 400 for what is none."""
        text = self.given.get(name, "")
        if not text:
            return None
        try:
            return int(text)
        except ValueError:
            raise errors.bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax') from None

    @property
    def is_dry(self) -> bool:
        """Whether only to try it out. `ApiError` 400 for another value than `All`."""
        value = self.given.get("dryRun", "")
        if value not in ("", "All"):
            raise errors.bad_request(f'Invalid value: "{value}": dryRun: Unsupported value: supported values: "All"')
        return value == "All"
