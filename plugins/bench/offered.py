"""What a load has to be for a figure to be read off it."""

from infrastructure.errors import EnvironmentFault
from plugins.load.result import Window


def all_answered(window: Window) -> Window:
    """`window`, if every arrival was offered and answered well: a request that fails fast makes every figure better.

    `EnvironmentFault` names what went wrong otherwise.
    """
    wrong = {"dropped": window.dropped, "unanswered": window.unanswered, **window.errors}
    errors = ", ".join(f"{count} x {kind}" for kind, count in wrong.items() if count)
    if errors or not window.due:
        raise EnvironmentFault(
            f"of {window.due} requests offered {errors or 'none'}: no figure can be read off this run"
        )
    return window
