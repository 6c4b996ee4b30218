import pytest

from infrastructure.embedded.engines.functions.ends import error_document, read_error

DOCUMENTS: dict[str, tuple[bytes, tuple[str, str]]] = {
    "the runtime's own": (
        error_document("Runtime.ImportModuleError", "no module"),
        ("Runtime.ImportModuleError", "no module"),
    ),
    "without a type": (b'{"errorMessage": "broken"}', ("Runtime.Unknown", "broken")),
    "no object": (b"[1]", ("Runtime.Unknown", "[1]")),
    "no JSON": (b"\xff{", ("Runtime.Unknown", "\ufffd{")),
    "nothing": (b"", ("Runtime.Unknown", "")),
}


@pytest.mark.parametrize(("document", "expected"), DOCUMENTS.values(), ids=DOCUMENTS)
def test_whatever_a_sandbox_posts_is_told_as_an_error(document: bytes, expected: tuple[str, str]) -> None:
    assert read_error(document) == expected
