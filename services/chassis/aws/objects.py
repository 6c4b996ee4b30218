"""Objects of one bucket of S3, each written or deleted as a whole. REST, not JSON; the client around it is the same."""

import hashlib
import logging
import re
from datetime import UTC, datetime
from typing import Final, Protocol

from services.chassis.aws.client import AwsApi
from services.chassis.aws.errors import AwsError, read_error
from services.chassis.aws.json_apis import Json, JsonApi, Wire
from services.chassis.aws.sigv4 import Keys

S3: Final = JsonApi(
    name="s3",
    signing_name="s3",
    endpoint_prefix="s3",
    target="",
    version="",
    variable="AWS_ENDPOINT_URL_S3",
)
_PLAIN: Final = re.compile(r"[A-Za-z0-9._=/-]{1,1024}")
"""Keys that are written the same in a path and in its signature."""
_CODE: Final = re.compile(rb"<Code>([A-Za-z0-9.]{1,100})</Code>")
_MESSAGE: Final = re.compile(rb"<Message>([^<]{0,500})</Message>")
_log = logging.getLogger(__name__)


class Files(Protocol):
    """What is written into one bucket and taken away again. Raises `AwsError`."""

    @property
    def bucket(self) -> str: ...
    async def put(self, key: str, body: bytes) -> None: ...
    async def delete(self, key: str) -> None: ...


async def forget(files: Files, key: str) -> None:
    """Delete a file that was loaded, or never will be. That it stays does no harm: nobody loads it again."""
    try:
        await files.delete(key)
    except AwsError as error:
        _log.warning("a loaded file stays", extra={"key": key, "error": str(error)})


class RestWire(Wire):
    """An operation is a method and a path: `PUT /bucket/key`."""

    def request(self, operation: str, body: bytes, keys: Keys) -> bytes:
        method, path = operation.split(" ")
        headers = {"host": self._host, "x-amz-content-sha256": hashlib.sha256(body).hexdigest()}
        signed = self._signer.sign(headers, body, keys, datetime.now(UTC), f"{method}\n{path}")
        head = "".join(f"{name}: {value}\r\n" for name, value in signed.items())
        return f"{method} {path} HTTP/1.1\r\n{head}content-length: {len(body)}\r\n\r\n".encode("latin-1") + body

    @staticmethod
    def answer(operation: str, status: int, body: bytes) -> Json:
        """Nothing; `AwsError` with the code and message of S3's document."""
        if status < 400:
            return {}
        found = {"__type": _CODE.search(body), "message": _MESSAGE.search(body)}
        document = {name: match[1].decode(errors="replace") for name, match in found.items() if match}
        raise read_error(operation, status, document)


class Objects:
    """The objects of `bucket`. Keys are letters, digits and `. _ = / -`; a write of the same key replaces it."""

    def __init__(self, s3: AwsApi, bucket: str) -> None:
        self._s3 = s3
        self.bucket = bucket

    async def put(self, key: str, body: bytes) -> None:
        """Write an object; `AwsError`."""
        await self._s3.send(f"PUT {self._path(key)}", body)

    async def delete(self, key: str) -> None:
        """Delete an object, if it is there; `AwsError`."""
        await self._s3.send(f"DELETE {self._path(key)}", b"")

    def _path(self, key: str) -> str:
        if not _PLAIN.fullmatch(key):
            raise ValueError(f"{key!r} is no plain key")
        return f"/{self.bucket}/{key}"
