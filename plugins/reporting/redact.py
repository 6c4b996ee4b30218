"""Second line of defence: takes secrets out of whatever is about to be written into a report.

The first is never to put them there. What looks like a credential in a key, a header or a URL is replaced by its
length.
"""

import re

_KEY = r"(?P<key>(?:aws_)?secret[a-z_]*key|password|passwd|session_?token|operator_?token|authorization|api_?key)"
_GLUE = r"(?P<glue>\\*[\"']?\s*[:=]\s*)"
_QUOTED = re.compile(
    _KEY + _GLUE + r"(?P<quote>(?P<escape>\\*)(?P<mark>[\"']))"
    r"(?P<value>(?:(?!(?<!\\)(?P=escape)(?P=mark)).)+)",
    re.IGNORECASE,
)
"""Up to the quote that closes it, escaped as the one that opens it is: in JSON within JSON both are."""

_BARE = re.compile(
    _KEY + _GLUE + r"(?!\\*[\"']|(?:null|none|true|false)\b)"
    r"(?P<value>\[\d+ characters withheld\]|(?:(?:bearer|basic)\s+)?[^\s\"']+?)(?=[,;}\])]*(?:[\s\"']|$))",
    re.IGNORECASE,
)
"""Up to the next blank, less what closes a list or an object there. Any other separator is legal in a password."""

_IN_URL = re.compile(r"(?P<user>\b[a-z][a-z0-9+.-]*://[^\s/:@]*:)(?P<value>[^\s/@]+)(?=@)", re.IGNORECASE)
_IS_WITHHELD = re.compile(r"\[\d+ characters withheld\]")


def redact(text: str) -> str:
    """`text` with the values of credential-like keys replaced, however short; everything else untouched."""
    text = _IN_URL.sub(lambda m: f"{m['user']}{_withheld(m)}", text)
    text = _QUOTED.sub(lambda m: f"{m['key']}{m['glue']}{m['quote']}{_withheld(m)}", text)
    return _BARE.sub(lambda m: f"{m['key']}{m['glue']}{_withheld(m)}", text)


def _withheld(found: re.Match[str]) -> str:
    value = found["value"]
    return value if _IS_WITHHELD.fullmatch(value) else f"[{len(value)} characters withheld]"
