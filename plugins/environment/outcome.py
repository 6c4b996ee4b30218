"""A run that proved nothing either way: neither passed nor failed, and never counted as a pass."""


class Inconclusive(Exception):
    """Raise it from a test whose claim could not be judged; the text is the reason, most important first.

    pytest shows such a test as `I`, and ends with exit code 7 when nothing failed besides.
    """
