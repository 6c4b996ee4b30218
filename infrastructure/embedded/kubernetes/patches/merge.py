"""JSON merge patch. Source: https://www.rfc-editor.org/rfc/rfc7396"""

from typing import Any


def apply(document: Any, patch: Any) -> Any:
    """The document with what the patch says in it; null takes away. Nothing given is changed."""
    if not isinstance(patch, dict):
        return patch
    made = dict(document) if isinstance(document, dict) else {}
    for name, value in patch.items():
        if value is None:
            made.pop(name, None)
        else:
            made[name] = apply(made.get(name), value)
    return made
