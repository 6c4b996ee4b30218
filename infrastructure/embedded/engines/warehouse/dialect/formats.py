"""The pictures of TO_CHAR, TO_DATE and TO_TIMESTAMP as DuckDB's.

Source: https://docs.aws.amazon.com/redshift/latest/dg/r_FORMAT_strings.html, …/r_Numeric_formating.html
"""

import re

from infrastructure.embedded.engines.warehouse.dialect.macros import INTERNAL
from infrastructure.embedded.engines.warehouse.dialect.statement import not_here

_CODES = {
    "YYYY": "%Y", "YY": "%y", "IYYY": "%G", "MM": "%m", "DD": "%d", "DDD": "%j", "HH24": "%H", "HH12": "%I", "HH": "%I",
    "MI": "%M", "SS": "%S", "MS": "%g", "US": "%f", "AM": "%p", "PM": "%p", "IW": "%V", "MON": "%b", "MONTH": "%B",
    "DY": "%a", "DAY": "%A", "TZ": "UTC", "OF": "+00",
}  # fmt: skip
"""strftime's code for each part of a picture."""
_COMPUTED = {
    "Q": "CAST(quarter({x}) AS VARCHAR)",
    "D": "CAST(dayofweek({x}) + 1 AS VARCHAR)",
    "WW": "lpad(CAST((dayofyear({x}) - 1) // 7 + 1 AS VARCHAR), 2, '0')",
    "W": "CAST((day({x}) - 1) // 7 + 1 AS VARCHAR)",
    "CC": "lpad(CAST((year({x}) - 1) // 100 + 1 AS VARCHAR), 2, '0')",
    "J": "CAST(CAST(julian({x}) AS BIGINT) AS VARCHAR)",
    "Y,YYY": "format('{{:,}}', year({x}))",
}
"""Those for which strftime has none."""
_WORDS = ("MONTH", "MON", "DAY", "DY")
_PADDED = ("MONTH", "DAY")
_PICTURE = re.compile(
    r'"(?P<quoted>[^"]*)"|(?P<fill>FM)?(?P<code>'
    + "|".join(re.escape(code) for code in sorted([*_CODES, *_COMPUTED], key=len, reverse=True))
    + r")(?P<ordinal>TH)?|(?P<other>.)",
    re.IGNORECASE | re.DOTALL,
)
_NUMBER = re.compile(r"(FM)?[\s09,.GDLSMIPV$R]*", re.IGNORECASE)


def is_number(picture: str) -> bool:
    """Whether the picture is a number's: it has digit places and no part of a time."""
    return bool(re.search(r"[09]", picture)) and _NUMBER.fullmatch(picture) is not None


def time_to_text(x: str, picture: str) -> str:
    """DuckDB's expression for `TO_CHAR(x, picture)` of a time. `x` is SQL."""
    parts: list[str] = []
    codes = ""
    for match in _PICTURE.finditer(picture):
        if (code := _code(match)) is not None:
            codes += code
            continue
        if codes:
            parts.append(f"strftime({x}, {_quoted(codes)})")
            codes = ""
        parts.append(_part(x, match))
    if codes or not parts:
        parts.append(f"strftime({x}, {_quoted(codes)})")
    return " || ".join(parts)


def text_to_time(x: str, picture: str) -> str:
    """DuckDB's expression for the TIMESTAMP that `x` is in the words of `picture`."""
    codes = ""
    for match in _PICTURE.finditer(picture):
        if match["code"] is None:
            codes += _literally(match)
        elif (code := _CODES.get(match["code"].upper())) is None:
            raise not_here(f"TO_DATE with {match[0]}")
        else:
            codes += code
    return f"strptime({x}, {_quoted(codes)})"


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _literally(match: re.Match[str]) -> str:
    """A part of the picture that stands for itself, as strftime's."""
    return str(match["other"] if match["quoted"] is None else match["quoted"]).replace("%", "%%")


def _code(match: re.Match[str]) -> str | None:
    """strftime's code for a part of a picture; None if it takes more than one."""
    if match["code"] is None:
        return _literally(match)
    if match["ordinal"]:
        raise not_here(f"TO_CHAR with {match[0]}")
    upper = match["code"].upper()
    return None if upper in _COMPUTED or upper in _WORDS or match["fill"] else _CODES[upper]


def _part(x: str, match: re.Match[str]) -> str:
    """DuckDB's expression for such a part. A word comes out in the letters it is written in: `MON`, `Mon`, `mon`."""
    code = match["code"]
    upper = code.upper()
    if upper in _COMPUTED:
        return _COMPUTED[upper].format(x=x)
    text = f"strftime({x}, '{_CODES[upper]}')"
    if upper not in _WORDS:
        return f"ltrim({text}, '0')"
    cased = f"upper({text})" if code.isupper() else f"lower({text})" if code.islower() else text
    return f"{INTERNAL}.padded({cased})" if upper in _PADDED and not match["fill"] else cased


def number_to_text(x: str, picture: str) -> str:
    """DuckDB's expression for `TO_CHAR(x, picture)` of a number. A number too large for its places comes out as `#`."""
    upper = picture.upper().replace("G", ",")
    body = re.sub(r"FM|SG|S|MI|PL|L|\$|\s", "", upper).replace("D", ".")
    whole, _, fraction = body.partition(".")
    if re.search(r"[^09,]", whole) or re.search(r"[^09]", fraction):
        raise not_here(f"TO_CHAR with {picture}")
    number = f"abs(CAST({x} AS DECIMAL(38, 10)))"
    limit = 10 ** len(whole.replace(",", ""))
    hashes = _quoted(" " + re.sub(r"[09]", "#", body))
    digits = _digits(f"round({number}, {len(fraction)})", whole, fraction, is_filled="FM" in upper)
    signed = _signed(x, digits, upper, len(body))
    is_over = f"round({number}, {len(fraction)}) >= {limit}"
    return f"CASE WHEN {x} IS NULL THEN NULL WHEN {is_over} THEN {hashes} ELSE {signed} END"


def _digits(number: str, whole: str, fraction: str, *, is_filled: bool) -> str:
    """The digits without sign. Leading zeros are there from the first `0` of the picture on; FM drops the last ones."""
    text = f"format('{{:{',' if ',' in whole else ''}.{len(fraction)}f}}', {number})"
    if "0" in whole:
        least = len(whole) - whole.index("0") + (len(fraction) + 1 if fraction else 0)
        text = f"lpad({text}, CAST(greatest({least}, length({text})) AS INT), '0')"
    elif fraction:
        text = f"if({number} < 1, substr({text}, 2), {text})"
    return f"rtrim({text}, '0')" if is_filled and fraction.endswith("9") else text


def _signed(x: str, digits: str, upper: str, width: int) -> str:
    """The digits with their sign where the picture has it: floating before them, if it does not say."""
    is_filled = "FM" in upper
    behind = "+" if re.search(r"S$", upper) else " " if upper.endswith("MI") else None
    if behind is not None:
        body = digits if is_filled else f"lpad({digits}, {width}, ' ')"
        return f"{body} || if({x} < 0, '-', '{behind}')"
    money = "$" if re.search(r"[$L]", upper) else ""
    plus = "+" if re.match(r"(FM)?S", upper) else ""
    text = f"if({x} < 0, '-', '{plus}') || '{money}' || {digits}"
    return text if is_filled else f"lpad({text}, {width + 1 + len(money)}, ' ')"
