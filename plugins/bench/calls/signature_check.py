"""What it costs to know who calls: the signature of a DynamoDB PutItem of 1 KiB, as the services send it."""

import time
from collections.abc import Iterator
from typing import ClassVar

from infrastructure.cloud import Platform
from infrastructure.embedded.gateway.call import HttpRequest
from infrastructure.embedded.gateway.signing.authentication import Authentication
from infrastructure.embedded.gateway.signing.credentials import Keyring
from infrastructure.embedded.gateway.signing.sigv4 import Signer

_CALLS = 1000
_BODY = b'{"TableName": "orders", "Item": {"note": {"S": "' + b"x" * 960 + b'"}}}'
_HEADERS = {
    "host": "127.0.0.1:4566",
    "content-type": "application/x-amz-json-1.0",
    "x-amz-target": "DynamoDB_20120810.PutItem",
}


class SignatureCheck:
    """Time of one check, as the mean of a thousand in a row."""

    name: ClassVar[str] = "signature_check"
    unit: ClassVar[str] = "us"
    needs_platform: ClassVar[bool] = False

    def samples(self, platform: Platform | None, repeats: int) -> Iterator[float]:
        del platform
        keyring = Keyring("123456789012")
        check = Authentication(keyring, "us-east-1").check
        signer = Signer(keyring.workload("caller"), "dynamodb", "us-east-1")
        for _ in range(repeats):
            now = time.time()
            headers = signer.sign("POST", "/", _HEADERS, _BODY, now) | {"content-length": str(len(_BODY))}
            requests = [
                HttpRequest(method="POST", path="/", query="", headers=headers, body=_BODY) for _ in range(_CALLS)
            ]
            started = time.perf_counter()
            for request in requests:
                check(request, now)
            yield (time.perf_counter() - started) / _CALLS * 1e6
