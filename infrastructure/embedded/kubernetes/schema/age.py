"""How long ago something was, as kubectl's columns have it. Source: k8s.io/apimachinery, pkg/util/duration."""

_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
_YEAR = 365 * _DAY


def human(seconds: float) -> str:
    """`5s`, `2m3s`, `14m`, `3h4m`, `12h`, `3d4h`, `90d`, `2y10d`."""
    if seconds < -1:
        return "<invalid>"
    total = max(int(seconds), 0)
    if total < 2 * _MINUTE:
        return f"{total}s"
    if total < 10 * _MINUTE:
        return _two(total, _MINUTE, "m", 1, "s")
    if total < 3 * _HOUR:
        return f"{total // _MINUTE}m"
    if total < 8 * _HOUR:
        return _two(total, _HOUR, "h", _MINUTE, "m")
    if total < 2 * _DAY:
        return f"{total // _HOUR}h"
    if total < 8 * _DAY:
        return _two(total, _DAY, "d", _HOUR, "h")
    if total < 2 * _YEAR:
        return f"{total // _DAY}d"
    if total < 8 * _YEAR:
        return _two(total, _YEAR, "y", _DAY, "d")
    return f"{total // _YEAR}y"


def _two(total: int, unit: int, name: str, smaller: int, smaller_name: str) -> str:
    rest = total % unit // smaller
    return f"{total // unit}{name}{f'{rest}{smaller_name}' if rest else ''}"
