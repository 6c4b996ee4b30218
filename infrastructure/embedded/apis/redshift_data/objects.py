"""Objects of the embedded S3, as COPY and UNLOAD read and write them: by moto's records, without a wire."""

import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from infrastructure.embedded.moto.records import Backends


class Missing(Exception):
    """What S3 does not have; the text is Redshift's."""


class Objects:
    """Reads and writes them."""

    def __init__(self, backends: Backends) -> None:
        self._backends = backends

    def keys(self, bucket: str, prefix: str) -> list[str]:
        """The keys that begin with `prefix`, in order; `Missing` when there are none."""
        found = sorted(key for key in self._bucket(bucket).keys if key.startswith(prefix) and not key.endswith("/"))
        if not found:
            raise Missing(f"The specified S3 prefix '{prefix}' does not exist")
        return found

    def keys_or_none(self, bucket: str, prefix: str) -> list[str]:
        """The keys that begin with `prefix`, be there any or none."""
        return [key for key in self._bucket(bucket).keys if key.startswith(prefix)]

    def listed(self, bucket: str, key: str) -> list[tuple[str, str]]:
        """Bucket and key of each entry of a manifest; a mandatory one that is missing is `Missing`."""
        text = self.read(bucket, key)
        try:
            entries = json.loads(text)["entries"]
            urls = [(urlsplit(each["url"]), bool(each.get("mandatory", False))) for each in entries]
        except (ValueError, KeyError, TypeError) as problem:
            raise Missing(f"Manifest file s3://{bucket}/{key} is not in correct json format") from problem
        found = []
        for url, is_mandatory in urls:
            name = url.path.lstrip("/")
            if name in self._bucket(url.netloc).keys:
                found.append((url.netloc, name))
            elif is_mandatory:
                raise Missing(
                    f"Problem reading manifest file - S3ServiceException: s3://{url.netloc}/{name}: Not Found"
                )
        return found

    def read(self, bucket: str, key: str) -> bytes:
        """All of an object."""
        held = self._bucket(bucket).keys
        if key not in held:
            raise Missing(f"S3ServiceException:The specified key does not exist.,Status 404,Error NoSuchKey,Key {key}")
        content: bytes = held[key].value
        return content

    def write(self, bucket: str, key: str, content: bytes) -> None:
        self._bucket(bucket)
        self._backends.s3.put_object(bucket, key, content)

    def delete(self, bucket: str, keys: Sequence[str]) -> None:
        for key in keys:
            self._backends.s3.delete_object(bucket, key)

    def _bucket(self, name: str) -> Any:
        buckets = self._backends.s3.buckets
        if name not in buckets:
            raise Missing("S3ServiceException:The specified bucket does not exist,Status 404,Error NoSuchBucket")
        return buckets[name]
