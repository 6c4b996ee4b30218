"""A call that is refused, in AWS's words and with its code."""


class Refused(Exception):
    """`code` and `message` go to the caller in the shape of its protocol; `more` are further members of the error."""

    def __init__(self, code: str, message: str, *, status: int = 400, **more: object) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.more = more


def unsupported(what: str) -> Refused:
    """The refusal of what AWS does and the embedded cloud does not; 501 because no SDK retries it."""
    return Refused("UnsupportedOperation", f"not provided by the embedded cloud: {what}; see PARITY.md", status=501)
