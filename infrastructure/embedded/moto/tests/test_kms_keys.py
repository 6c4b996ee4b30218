"""A key that only encrypts has no pair, and works; one that signs has its own."""

import pytest

from infrastructure.embedded.moto.imports import backend, models
from infrastructure.embedded.tests.control import ACCOUNT, REGION, fresh_backends


@pytest.mark.parametrize(
    ("spec", "usage", "has_pair"),
    [
        ("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", False),
        ("HMAC_256", "GENERATE_VERIFY_MAC", False),
        ("ECC_NIST_P256", "SIGN_VERIFY", True),
    ],
)
def test_only_keys_that_sign_have_a_pair(spec: str, usage: str, has_pair: bool) -> None:
    fresh_backends()
    models("dynamodb")
    kms = backend("kms", account=ACCOUNT, region=REGION)
    key = kms.create_key(policy=None, key_usage=usage, key_spec=spec, description="", tags=None)
    assert (key.private_key is not None) == has_pair


def test_a_symmetric_key_encrypts_and_decrypts() -> None:
    fresh_backends()
    models("dynamodb")
    kms = backend("kms", account=ACCOUNT, region=REGION)
    key = kms.create_key(
        policy=None, key_usage="ENCRYPT_DECRYPT", key_spec="SYMMETRIC_DEFAULT", description="", tags=None
    )
    secret, _ = kms.encrypt(key_id=key.id, plaintext=b"value", encryption_context={})
    assert kms.decrypt(ciphertext_blob=secret, encryption_context={})[0] == b"value"
