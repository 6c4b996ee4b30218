"""Second line of defence: takes secrets out of whatever is about to be written into a report.

The first is never to put them there. What looks like a credential in a key, a header or a URL is replaced by its
length.
"""

import re

_SECRET = re.compile(
    r"(?P<key>(?:aws_)?secret[a-z_]*key|password|passwd|session_?token|operator_?token|authorization|api_?key)"
    r"(?P<glue>\\*[\"']?\s*[:=]\s*\\*[\"']?)(?P<value>(?:(?:bearer|basic)\s+)?[^\s\"',;&}]{6,})",
    re.IGNORECASE,
)

_IN_URL = re.compile(r"(?P<user>\b[a-z][a-z0-9+.-]*://[^\s/:@]*:)(?P<value>[^\s/@]+)(?=@)", re.IGNORECASE)


def redact(text: str) -> str:
    """`text` with the values of credential-like keys replaced; everything else untouched."""
    text = _IN_URL.sub(lambda m: f"{m['user']}[{len(m['value'])} characters withheld]", text)
    return _SECRET.sub(lambda m: f"{m['key']}{m['glue']}[{len(m['value'])} characters withheld]", text)
