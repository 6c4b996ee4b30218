"""The environment moto reads while it is imported: nothing slow, nothing random, no network."""

import os
from collections.abc import Mapping

SETTINGS: Mapping[str, str] = {
    "MOTO_EC2_LOAD_DEFAULT_AMIS": "false",  # a 600 kB JSON file, parsed for images that nothing here starts
    "MOTO_IAM_LOAD_MANAGED_POLICIES": "false",  # 8 MB of Python literals
    "MOTO_DISABLE_GLOBAL_CORS": "true",  # a web page has no business here
}


def apply(account: str) -> None:
    """Set them for this process. Must run before the first `import moto`; running it again changes nothing."""
    os.environ["MOTO_ACCOUNT_ID"] = account
    os.environ.update(SETTINGS)
