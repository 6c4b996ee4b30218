"""Why a resource could not be made, changed or deleted; the texts are for the stack's events."""


class Refused(Exception):
    """A resource cannot be made, changed or deleted as the template says."""


class Unchangeable(Refused):
    """A change that cannot be made. It is known before anything is called: there is nothing to put back."""


class ApiError(Exception):
    """An AWS API refused a call: its error's code and message."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
