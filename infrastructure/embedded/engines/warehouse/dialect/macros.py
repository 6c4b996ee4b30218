"""Redshift's functions that DuckDB does not have, as macros of the schema `pg_internal`."""

INTERNAL = "pg_internal"
"""Where ours lies: hidden from the catalogue, as the schema of that name is on Redshift."""

USER = "redshift_user"
"""DuckDB's variable with the name of the session's user (`SET VARIABLE redshift_user = 'analyst'`); else `awsuser`."""
_FNV_BASIS, _FNV_PRIME = 14_695_981_039_346_656_037, 1_099_511_628_211
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def _fnv_fold(octets: str, seed: str) -> str:
    """FNV-1a over a list of octets, as BIGINT. Between the steps it is kept unsigned, in 128 bits."""
    step = f"(xor(h, o) * {_FNV_PRIME}::HUGEINT) % 18446744073709551616::HUGEINT"
    unsigned = f"(CASE WHEN {seed} < 0 THEN {seed}::HUGEINT + 18446744073709551616::HUGEINT ELSE {seed}::HUGEINT END)"
    folded = f"list_reduce({octets}, lambda h, o: {step}, {unsigned})"
    signed = f"{folded} - 18446744073709551616::HUGEINT"
    return f"(CASE WHEN {folded} >= 9223372036854775808::HUGEINT THEN {signed} ELSE {folded} END)::BIGINT"


def _number_octets(count: int) -> str:
    """The little-endian octets of a whole number."""
    unsigned = f"((TRY_CAST(x AS HUGEINT) + {1 << (8 * count)}::HUGEINT) % {1 << (8 * count)}::HUGEINT)"
    places = [f"(({unsigned} // {1 << (8 * place)}::HUGEINT) % 256)::HUGEINT" for place in range(count)]
    return f"[{', '.join(places)}]"


_TEXT_OCTETS = """list_transform(range(0, strlen(x::VARCHAR)),
    lambda i: ('0x' || substr(hex(encode(x::VARCHAR)), (2 * i + 1)::BIGINT, 2))::HUGEINT)"""
_OCTETS = f"""CASE typeof(x) WHEN 'BOOLEAN' THEN [x::INT::HUGEINT] WHEN 'SMALLINT' THEN {_number_octets(2)}
    WHEN 'INTEGER' THEN {_number_octets(4)} WHEN 'BIGINT' THEN {_number_octets(8)} ELSE {_TEXT_OCTETS} END"""

_DIGIT_VALUES = (
    f"list_transform(string_split(ltrim(lower(x::VARCHAR), '-+'), ''), lambda c: strpos('{_DIGITS}', c) - 1)"
)

_BODIES = {
    "fnv_hash(x, seed := NULL::BIGINT)": _fnv_fold(_OCTETS, f"coalesce(seed::HUGEINT, {_FNV_BASIS}::HUGEINT)"),
    "strtol(x, base)": f"""CASE
        WHEN x IS NULL OR base IS NULL THEN NULL
        WHEN x = '' THEN 0
        WHEN list_min({_DIGIT_VALUES}) < 0 OR list_max({_DIGIT_VALUES}) >= base
            THEN error('The input ' || x || ' is not valid to be converted to base ' || base)
        ELSE if(left(x, 1) = '-', -1, 1) * list_reduce({_DIGIT_VALUES}, lambda n, d: n * base::BIGINT + d, 0::BIGINT)
        END""",
    "initcap(x)": """array_to_string(list_transform(regexp_extract_all(lower(x), '[\\p{L}\\p{N}]+|[^\\p{L}\\p{N}]+'),
        lambda word: upper(left(word, 1)) || substr(word, 2)), '')""",
    "quote_ident(x)": """CASE WHEN regexp_full_match(x, '[a-z_][a-z0-9_]*') THEN x
        ELSE '"' || replace(x, '"', '""') || '"' END""",
    "quote_literal(x)": """'''' || replace(x, '''', '''''') || ''''""",
    "sha2(x, bits)": """CASE WHEN bits IN (0, 256) THEN sha256(x)
        ELSE error('sha2 with ' || bits || ' bits is not answered by the embedded warehouse: use 256') END""",
    # A path element is a key, whatever it looks like.
    "json_path(keys)": """'$' || array_to_string(list_transform(keys, lambda k: '."' || k || '"'), '')""",
    "json_extract_path_text(x, keys, null_if_invalid)": """CASE
        WHEN json_valid(x) THEN x ->> pg_internal.json_path(keys) WHEN x IS NULL OR null_if_invalid THEN NULL
        ELSE error('JSON parsing error') END""",
    "json_extract_array_element_text(x, position, null_if_invalid := false)": """CASE
        WHEN json_valid(x) AND json_type(x) = 'ARRAY' THEN x ->> ('$[' || position::INT || ']')
        WHEN x IS NULL OR null_if_invalid THEN NULL
        ELSE error('JSON parsing error') END""",
    "json_array_length(x, null_if_invalid := false)": """CASE
        WHEN json_valid(x) AND json_type(x) = 'ARRAY' THEN json_array_length(x)::INT
        WHEN x IS NULL OR null_if_invalid THEN NULL
        ELSE error('JSON parsing error') END""",
    # A scalar alone is JSON to everybody else, but not to IS_VALID_JSON.
    "is_valid_json(x)": "x IS NOT NULL AND json_valid(x) AND json_type(x) IN ('OBJECT', 'ARRAY')",
    "is_valid_json_array(x)": "x IS NOT NULL AND json_valid(x) AND json_type(x) = 'ARRAY'",
    "json_parse(x)": "CAST(x AS JSON)",
    "can_json_parse(x)": "json_valid(x)",
    "json_serialize(x)": "CAST(CAST(x AS JSON) AS VARCHAR)",
    "json_typeof(x)": """CASE json_type(x) WHEN 'OBJECT' THEN 'object' WHEN 'ARRAY' THEN 'array'
        WHEN 'VARCHAR' THEN 'string' WHEN 'BOOLEAN' THEN 'boolean' WHEN 'NULL' THEN 'null'
        ELSE CASE WHEN x IS NOT NULL THEN 'number' END END""",
    "get_array_length(x)": "CASE WHEN json_type(x) = 'ARRAY' THEN json_array_length(x)::BIGINT END",
    "is_array(x)": "json_type(x) = 'ARRAY'",
    "is_object(x)": "json_type(x) = 'OBJECT'",
    "is_scalar(x)": "json_type(x) NOT IN ('ARRAY', 'OBJECT')",
    "is_varchar(x)": "json_type(x) = 'VARCHAR'",
    "is_boolean(x)": "json_type(x) = 'BOOLEAN'",
    # Of which one is NUMERIC: then the quotient is, too, if neither is a float.
    "quotient(a, b)": "cast_to_type(a // b, a + b + 0::DECIMAL(38, 4))",
    "date_cmp(a, b)": "sign(date_diff('day', b::DATE, a::DATE))::INT",
    "timestamp_cmp(a, b)": "sign(date_diff('microsecond', b::TIMESTAMP, a::TIMESTAMP))::INT",
    # The last day of a month stays the last day.
    "add_months(x, months)": """CASE WHEN last_day(x::DATE) = x::DATE
        THEN last_day((x::DATE + to_months(months::INT))::DATE) + (x::TIMESTAMP - x::DATE::TIMESTAMP)
        ELSE x::TIMESTAMP + to_months(months::INT) END""",
    "last_day(x)": "last_day(x::DATE)",
    # Whole months between last days, or between equal days; a part of 31 days for what is over.
    "months_between(a, b)": """(datediff('month', b::DATE, a::DATE) + CASE
        WHEN day(a::DATE) = day(b::DATE) OR (last_day(a::DATE) = a::DATE AND last_day(b::DATE) = b::DATE) THEN 0
        ELSE (day(a::DATE) - day(b::DATE)) / 31.0 END)::DOUBLE""",
    "day_of_week(day)": """list_position(['su', 'mo', 'tu', 'we', 'th', 'fr', 'sa'], lower(left(day, 2))) - 1""",
    "next_day(x, day)": """CASE WHEN pg_internal.day_of_week(day) IS NULL THEN error('Invalid day of week: ' || day)
        ELSE x::DATE + ((pg_internal.day_of_week(day) - dayofweek(x::DATE) + 6) % 7 + 1)::INT END""",
    "date_part_year(x)": "year(x::DATE)::INT",
    "sysdate()": "(now() AT TIME ZONE 'UTC')",
    "getdate()": "date_trunc('second', now() AT TIME ZONE 'UTC')",
    "pg_backend_pid()": "1",
    "current_user()": f"coalesce(getvariable('{USER}'), 'awsuser')",
    "version()": """'PostgreSQL 8.0.2 on i686-pc-linux-gnu, compiled by GCC gcc (GCC) 3.4.2 20041017 '
        || '(Red Hat 3.4.2-6.fc3), Redshift 1.0.0'""",
    # Day, Month and the other words of a picture are blank-padded to nine, but for FM.
    "padded(x)": "rpad(x, 9, ' ')",
}

_BY_TYPE = {
    "trunc_any": "(x TIMESTAMP) AS x::DATE, (x) AS trunc(x)",
    "sum": "(x INTEGER) AS sum(x)::BIGINT, (x) AS sum(x)",
    "sum_by": """(x INTEGER, y) AS sum(x)::BIGINT // y, (x BIGINT, y) AS sum(x) // y,
        (x, y) AS cast_to_type(sum(x) // y, sum(x) + y + 0::DECIMAL(38, 4))""",
    "avg": "(x BIGINT) AS (sum(x) // count(x))::BIGINT, (x) AS cast_to_type(sum(x) // count(x), sum(x))",
    "avg_over": "(x BIGINT) AS trunc(avg(x))::BIGINT, (x) AS cast_to_type(avg(x), x)",
}
"""Where the answer's type follows from the argument's: BIGINT of whole numbers, NUMERIC of NUMERIC (its scale; of a
quotient four places at least), DOUBLE PRECISION of the others.

`//` is DuckDB's division by type; how it reads `/` follows from a setting. For an argument with an aggregate in it
DuckDB takes the first form, whatever that is: they are for arguments without.
"""

MACROS = (
    *(f"CREATE OR REPLACE MACRO {INTERNAL}.{head} AS {body}" for head, body in _BODIES.items()),
    *(f"CREATE OR REPLACE MACRO {INTERNAL}.{name}{forms}" for name, forms in _BY_TYPE.items()),
)
"""Their definitions, in the order of their dependence."""

_HELPERS = frozenset({"DAY_OF_WEEK", "JSON_PATH", "PADDED", "QUOTIENT"})
MACRO_NAMES = frozenset(head.partition("(")[0].upper() for head in _BODIES) - _HELPERS
"""Those that a statement may call."""
