"""Requests as SDKs write them, by botocore's own serializers, and as no SDK would: wrong types, unknown members."""

import gzip
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

import botocore.serialize
from botocore.model import OperationModel

from infrastructure.embedded.gateway.api import Api
from infrastructure.embedded.gateway.call import HttpRequest
from infrastructure.embedded.tests.control import headers_of

serialize: Any = botocore.serialize  # its stubs know no hooks
UNKNOWN = "Nope"
"""A member that no operation has."""


@dataclass(frozen=True, slots=True)
class Raw:
    """What stands on the wire in place of a value, whatever its type there is."""

    wire: Any


class _Json(serialize.JSONSerializer):  # type: ignore[misc]
    def _serialize(self, serialized: Any, value: Any, shape: Any, key: Any = None) -> None:
        if isinstance(value, Raw):
            serialized[key] = value.wire
        else:
            super()._serialize(serialized, value, shape, key)

    def _serialize_type_structure(self, serialized: Any, value: Any, shape: Any, key: Any) -> None:
        known, unknown = _split(value)
        super()._serialize_type_structure(serialized, known, shape, key)
        (serialized if key is None else serialized[key]).update(unknown)


class _Query(serialize.QuerySerializer):  # type: ignore[misc]
    def _serialize(self, serialized: Any, value: Any, shape: Any, prefix: str = "") -> None:
        if isinstance(value, Raw):
            serialized[prefix] = value.wire
        else:
            super()._serialize(serialized, value, shape, prefix)

    def _serialize_type_structure(self, serialized: Any, value: Any, shape: Any, prefix: str = "") -> None:
        known, unknown = _split(value)
        super()._serialize_type_structure(serialized, known, shape, prefix)
        serialized.update({f"{prefix}.{name}".lstrip("."): text for name, text in unknown.items()})


class _Ec2(_Query, serialize.EC2Serializer):  # type: ignore[misc]
    pass


class _Rest(serialize.BaseRestSerializer):  # type: ignore[misc]
    def _partition_parameters(self, partitioned: Any, name: str, value: Any, members: Any) -> None:
        if name == UNKNOWN:
            partitioned["body_kwargs"][name] = value
        else:
            super()._partition_parameters(partitioned, name, value, members)

    def _get_uri_and_query_string_value(self, value: Any, member: Any) -> Any:
        return value.wire if isinstance(value, Raw) else super()._get_uri_and_query_string_value(value, member)

    def _convert_header_value(self, shape: Any, value: Any) -> Any:
        return value.wire if isinstance(value, Raw) else super()._convert_header_value(shape, value)


class _RestJson(_Rest, _Json, serialize.RestJSONSerializer):  # type: ignore[misc]
    pass


class _RestXml(_Rest, serialize.RestXMLSerializer):  # type: ignore[misc]
    def _serialize(self, shape: Any, value: Any, node: Any, name: str) -> None:
        if isinstance(value, Raw):
            ET.SubElement(node, name).text = str(value.wire)
        else:
            super()._serialize(shape, value, node, name)

    def _serialize_type_structure(self, node: Any, value: Any, shape: Any, name: str) -> None:
        known, unknown = _split(value)
        super()._serialize_type_structure(node, known, shape, name)
        for each, text in unknown.items():
            ET.SubElement(node[-1], each).text = text


_SERIALIZERS: Mapping[str, Any] = {
    "json": _Json(),
    "query": _Query(),
    "ec2": _Ec2(),
    "rest-json": _RestJson(),
    "rest-xml": _RestXml(),
}


def _split(value: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    return (
        {name: each for name, each in value.items() if name != UNKNOWN},
        {name: each for name, each in value.items() if name == UNKNOWN},
    )


def request(api: Api, of: OperationModel, members: Mapping[str, Any]) -> HttpRequest:
    """`members` as a request; `Raw` stands as it is, `UNKNOWN` goes into the body."""
    made = _SERIALIZERS[api.protocol].serialize_to_request(dict(members), of)
    path, _, fixed = made["url_path"].partition("?")
    query = urlencode(made["query_string"] or {}, doseq=True)
    body = made["body"]
    if isinstance(body, dict):
        body = urlencode(body).encode()
    body = body.encode() if isinstance(body, str) else body
    headers = {str(name).lower(): str(value) for name, value in made["headers"].items()}
    return HttpRequest(
        method=made["method"],
        path=path,
        query="&".join(part for part in (fixed, query) if part),
        headers={**headers_of(api.name), "content-length": str(len(body)), **headers},
        body=body,
    )


def gzipped(asked: HttpRequest) -> HttpRequest:
    """The same with a compressed body."""
    body = gzip.compress(asked.body, mtime=0)
    headers = {**asked.headers, "content-encoding": "gzip", "content-length": str(len(body))}
    return replace(asked, body=body, headers=headers)
