"""Keys that only encrypt have no RSA key pair: making one takes up to half a CPU second of the platform's start.

Replaces `moto.kms.models.generate_private_key` (moto 5.2), which makes a pair for every key, also for the symmetric
one that encrypts tables by default. Those cannot sign (AWS KMS Developer Guide, "Key spec reference"); all others are
as before. Installed with DynamoDB, whose tables are the first to ask for a key.
"""

from typing import Any

from moto.kms import models

SYMMETRIC = ("SYMMETRIC_DEFAULT", "HMAC_")
"""How the specs of keys begin that have no pair."""
_moto_generate = models.generate_private_key


def _generate(key_spec: str) -> Any:
    return None if key_spec.startswith(SYMMETRIC) else _moto_generate(key_spec)


def install() -> None:
    """Replace it."""
    models.generate_private_key = _generate
