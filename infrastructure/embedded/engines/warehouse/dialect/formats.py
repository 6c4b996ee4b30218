"""The pictures of TO_CHAR, TO_DATE and TO_TIMESTAMP as DuckDB's.

Source: https://docs.aws.amazon.com/redshift/latest/dg/r_FORMAT_strings.html and …/r_Numeric_formating.html
"""

import re

from infrastructure.embedded.engines.warehouse.dialect.macros import INTERNAL
from infrastructure.embedded.engines.warehouse.dialect.statement import DialectError

_CODES = {
    "YYYY": "%Y", "YY": "%y", "IYYY": "%G", "MM": "%m", "DD": "%d", "DDD": "%j", "HH24": "%H", "HH12": "%I", "HH": "%I",
    "MI": "%M", "SS": "%S", "MS": "%g", "US": "%f", "AM": "%p", "PM": "%p", "IW": "%V", "MON": "%b", "MONTH": "%B", "DY": "%a",
    "DAY": "%A", "TZ": "UTC", "OF": "+00",
}  # fmt: skip
_COMPUTED = {
    "Q": "CAST(quarter({x}) AS VARCHAR)",
    "D": "CAST(dayofweek({x}) + 1 AS VARCHAR)",
    "WW": "lpad(CAST((dayofyear({x}) - 1) // 7 + 1 AS VARCHAR), 2, '0')",
    "W": "CAST((day({x}) - 1) // 7 + 1 AS VARCHAR)",
    "CC": "lpad(CAST((year({x}) - 1) // 100 + 1 AS VARCHAR), 2, '0')",
    "J": "CAST(CAST(julian({x}) AS BIGINT) AS VARCHAR)",
    "Y,YYY": "format('{{:,}}', year({x}))",
}
_WORDS = ("MONTH", "MON", "DAY", "DY")
_PADDED = ("MONTH", "DAY")
_PICTURE = re.compile(
    r'"(?P<quoted>[^"]*)"|(?P<fm>FM)?(?P<code>'
    + "|".join(re.escape(code) for code in sorted([*_CODES, *_COMPUTED], key=len, reverse=True))
    + r")(?P<th>TH)?|(?P<other>.)",
    re.IGNORECASE | re.DOTALL,
)
_NUMBER = re.compile(r"(FM)?(?:[SLD$]|MI|PL|SG|\$)?[\s09,.GDLV$SMIPLGR]*", re.IGNORECASE)


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def is_number(picture: str) -> bool:
    """Whether the picture is a number's: it has digit places and no part of a time."""
    return bool(re.search(r"[09]", picture)) and _NUMBER.fullmatch(picture) is not None


def _cased(code: str, sql: str) -> str:
    """A word of a picture: written `MON`, `Mon` or `mon`, it comes out so."""
    if code.isupper():
        return f"upper({sql})"
    return f"lower({sql})" if code.islower() else sql


def _piece(x: str, match: re.Match[str]) -> tuple[str, bool]:
    """A part of the picture: strftime's code (True), or SQL of its own (False)."""
    if (quoted := match["quoted"]) is not None:
        return quoted.replace("%", "%%"), True
    if (code := match["code"]) is None:
        return match["other"].replace("%", "%%"), True
    if match["th"]:
        raise DialectError(f'the picture "{match[0]}" of TO_CHAR is not answered by the embedded warehouse')
    upper = code.upper()
    if upper in _WORDS:
        word = _cased(code, f"strftime({x}, '{_CODES[upper]}')")
        return (f"{INTERNAL}.padded({word})" if upper in _PADDED and not match["fm"] else word), False
    if upper in _COMPUTED:
        return _COMPUTED[upper].format(x=x), False
    return (f"ltrim(strftime({x}, '{_CODES[upper]}'), '0')", False) if match["fm"] else (_CODES[upper], True)


def time_to_text(x: str, picture: str) -> str:
    """DuckDB's expression for `TO_CHAR(x, picture)` of a time. `x` is SQL."""
    parts: list[str] = []
    codes = ""
    for match in _PICTURE.finditer(picture):
        piece, is_code = _piece(x, match)
        if is_code:
            codes += piece
            continue
        if codes:
            parts.append(f"strftime({x}, {_text(codes)})")
            codes = ""
        parts.append(piece)
    if codes or not parts:
        parts.append(f"strftime({x}, {_text(codes)})")
    return parts[0] if len(parts) == 1 else "(" + " || ".join(parts) + ")"


def text_to_time(x: str, picture: str) -> str:
    """DuckDB's expression for the TIMESTAMP that `x` is in the words of `picture`."""
    codes = ""
    for match in _PICTURE.finditer(picture):
        if match["quoted"] is not None or match["code"] is None:
            codes += (match["quoted"] if match["quoted"] is not None else match["other"]).replace("%", "%%")
        elif (code := _CODES.get(match["code"].upper())) is None:
            raise DialectError(f'the picture "{match[0]}" of TO_DATE is not answered by the embedded warehouse')
        else:
            codes += code
    return f"strptime({x}, {_text(codes)})"


def number_to_text(x: str, picture: str) -> str:
    """DuckDB's expression for `TO_CHAR(x, picture)` of a number."""
    upper = picture.upper().replace("G", ",")
    body = re.sub(r"FM|SG|S|MI|PL|L|\$|\s", "", upper).replace("D", ".")
    if "V" in body or "R" in body or body.count(".") > 1:
        raise DialectError(f'the picture "{picture}" of TO_CHAR is not answered by the embedded warehouse')
    whole, _, fraction = body.partition(".")
    places = whole.replace(",", "")
    zeros = len(places) - places.index("0") if "0" in places else 0
    fill = "FM" in upper
    width = 0 if fill else len(whole)
    digits = f"format('{{{{:{',' if ',' in whole else ''}.{len(fraction)}f}}}}', abs(CAST({x} AS DECIMAL(38, {max(len(fraction), 10)}))))"
    digits = digits.replace("{{", "{").replace("}}", "}")
    rounded = f"round(abs(CAST({x} AS DECIMAL(38, 10))), {len(fraction)})"
    if zeros:
        grouped = zeros + (whole[whole.index("0") :].count(","))
        digits = f"lpad({digits}, {grouped + (len(fraction) + 1 if fraction else 0)}, '0')"
    elif fraction:
        digits = f"if({rounded} < 1, substr({digits}, 2), {digits})"
    if fill and fraction.endswith("9"):
        digits = f"rtrim({digits}, '0')"
    total = width + (len(fraction) + 1 if fraction else 0)
    money = "$" if ("$" in upper or "L" in upper) else ""
    over = f"{rounded} >= {10 ** len(places)}"
    hashes = _text(re.sub(r"[09]", "#", body))
    signed = _signed(x, digits, upper, total, money, fill)
    return f"CASE WHEN {x} IS NULL THEN NULL WHEN {over} THEN ' ' || {hashes} ELSE {signed} END"


def _signed(x: str, digits: str, upper: str, width: int, money: str, fill: bool) -> str:
    """The digits with their sign where the picture has it: before them, floating, if it does not say."""
    body = digits if fill else f"lpad({digits}, {width}, ' ')"
    if re.search(r"S(?!G)$", upper):
        return f"{body} || if({x} < 0, '-', '+')"
    if upper.endswith("MI"):
        return f"{body} || if({x} < 0, '-', ' ')"
    if re.match(r"(FM)?S", upper):
        return (
            f"lpad(if({x} < 0, '-', '+') || {digits}, {width + 1 if not fill else 0} , ' ')"
            if not fill
            else (f"if({x} < 0, '-', '+') || {digits}")
        )
    minus = f"if({x} < 0, '-', '') || '{money}' || {digits}"
    return minus if fill else f"lpad({minus}, {width + 1 + len(money)}, ' ')"
