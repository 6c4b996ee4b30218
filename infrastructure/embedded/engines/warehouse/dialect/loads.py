"""COPY and UNLOAD: the statements that have S3 at one end."""

from collections.abc import Callable
from typing import Any

from infrastructure.embedded.engines.warehouse.dialect.reading import Words
from infrastructure.embedded.engines.warehouse.dialect.statement import Copy, DialectError, Unload, not_here

_FORMATS = {"CSV": "csv", "JSON": "json", "PARQUET": "parquet"}
_COMPRESSIONS = {"GZIP": "gzip", "BZIP2": "bzip2", "ZSTD": "zstd"}
_BOTH_FLAGS = {"MANIFEST": "manifest", "ESCAPE": "escape"}
_COPY_FLAGS = {
    **_BOTH_FLAGS,
    "REMOVEQUOTES": "remove_quotes",
    "EMPTYASNULL": "empty_as_null",
    "BLANKSASNULL": "blanks_as_null",
    "TRIMBLANKS": "trim_blanks",
    "TRUNCATECOLUMNS": "truncate_columns",
    "FILLRECORD": "fill_record",
    "IGNOREBLANKLINES": "ignore_blank_lines",
    "EXPLICIT_IDS": "explicit_ids",
    "NOLOAD": "no_load",
}
_UNLOAD_FLAGS = {
    **_BOTH_FLAGS,
    "HEADER": "header",
    "ALLOWOVERWRITE": "allow_overwrite",
    "CLEANPATH": "clean_path",
    "ADDQUOTES": "add_quotes",
}
_NOT_HERE = (
    "AVRO",
    "ORC",
    "SHAPEFILE",
    "FIXEDWIDTH",
    "SSH",
    "ENCRYPTED",
    "LZOP",
    "PARTITION",
    "KMS_KEY_ID",
    "ROWGROUPSIZE",
)
_SIZES = {"MB": 1024**2, "GB": 1024**3}

Reader = Callable[[Words], dict[str, Any]]


def copy_of(words: Words) -> Copy:
    """What follows the word COPY."""
    schema, table = words.qualified()
    columns = _columns(words) if words.next == "(" else ()
    words.expect("FROM")
    bucket, prefix = _address(words)
    options = _options(words, _COPY_FLAGS, _COPY_OPTIONS)
    if options.get("json_paths", "auto") != "auto" and options.get("format") != "json":
        raise DialectError("JSON path format is not supported with this format")
    if options.get("format") == "csv":
        options.setdefault("delimiter", ",")
        options.setdefault("null_as", "")
    return Copy(schema=schema, table=table, columns=columns, bucket=bucket, prefix=prefix, **options)


def unload_of(words: Words) -> Unload:
    """What follows the word UNLOAD."""
    words.expect("(")
    query = words.string()
    words.expect(")")
    words.expect("TO")
    bucket, prefix = _address(words)
    options = _options(words, _UNLOAD_FLAGS, _UNLOAD_OPTIONS)
    if options.get("format") == "csv":
        options.setdefault("delimiter", ",")
    return Unload(query=query, bucket=bucket, prefix=prefix, **options)


def _columns(words: Words) -> tuple[str, ...]:
    words.expect("(")
    names = [words.name()]
    while words.accept(","):
        names.append(words.name())
    words.expect(")")
    return tuple(names)


def _address(words: Words) -> tuple[str, str]:
    """Bucket and key prefix."""
    text = words.string()
    scheme, _, rest = text.partition("://")
    bucket, _, prefix = rest.partition("/")
    if scheme != "s3" or not bucket:
        raise DialectError(
            f"The S3 path is not valid: {text}. It is s3://bucket/prefix; no other source is answered here"
        )
    return bucket, prefix


def _options(words: Words, flags: dict[str, str], readers: dict[str, Reader]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    while words:
        word = words.next
        if word in _NOT_HERE:
            raise not_here(word)
        if field := flags.get(word):
            words.take()
            # ON and OFF may follow some of them.
            found[field] = not words.accept("OFF")
            words.accept("ON")
        elif word in _COMPRESSIONS:
            words.take()
            found["compression"] = _COMPRESSIONS[word]
        elif reader := readers.get(word):
            words.take()
            found |= reader(words)
        else:
            raise words.error()
    if "authorization" not in found:
        raise DialectError("CREDENTIALS argument is required but was not specified")
    return found


def _text(field: str) -> Reader:
    def read(words: Words) -> dict[str, Any]:
        words.accept("AS")
        return {field: words.string()}

    return read


def _count(field: str) -> Reader:
    def read(words: Words) -> dict[str, Any]:
        words.accept("AS")
        return {field: words.number()}

    return read


def _role(words: Words) -> dict[str, Any]:
    return {"authorization": "default" if words.accept("DEFAULT") else words.string()}


def _null_as(words: Words) -> dict[str, Any]:
    words.accept("AS")
    return {"null_as": words.string()}


def _delimiter(words: Words) -> dict[str, Any]:
    words.accept("AS")
    text = words.string()
    return {"delimiter": "\t" if text == "t" else text}


def _format(words: Words) -> dict[str, Any]:
    words.accept("AS")
    if words.next in _NOT_HERE:
        raise not_here(words.next)
    if words.next == "TEXT":
        words.take()
        return {}
    if words.next not in _FORMATS:
        raise words.error()
    return _named_format(words.take().upper())(words)


def _named_format(word: str) -> Reader:
    def read(words: Words) -> dict[str, Any]:
        found: dict[str, Any] = {"format": _FORMATS[word]}
        if word == "CSV" and words.accept("QUOTE"):
            found |= _text("quote")(words)
        if word == "JSON":
            words.accept("AS")
            if words.is_string:
                found["json_paths"] = words.string()
        return found

    return read


def _invalid(words: Words) -> dict[str, Any]:
    words.accept("AS")
    return {"accept_invalid": words.string() if words.is_string else "?"}


def _date_format(field: str) -> Reader:
    def read(words: Words) -> dict[str, Any]:
        words.accept("AS")
        return {field: words.string() if words.is_string else "auto"}

    return read


def _ignored(words: Words) -> dict[str, Any]:
    """COMPUPDATE, STATUPDATE, COMPROWS, ENCODING UTF8: nothing here depends on them."""
    words.accept("AS")
    if words.next in ("ON", "OFF", "TRUE", "FALSE", "PRESET", "UTF8") or words.next.isdigit() or words.is_string:
        words.take()
    return {}


def _secret_key(words: Words) -> dict[str, Any]:
    words.string()
    return {}


def _parallel(words: Words) -> dict[str, Any]:
    off = words.accept("OFF") or words.accept("FALSE")
    if not off and not words.accept("ON"):
        words.accept("TRUE")
    return {"parallel": not off}


def _max_file_size(words: Words) -> dict[str, Any]:
    words.accept("AS")
    size = words.decimal()
    unit = words.take().upper() if words.next in _SIZES else "MB"
    return {"max_file_size_bytes": int(size * _SIZES[unit])}


_BOTH: dict[str, Reader] = {
    "IAM_ROLE": _role,
    "CREDENTIALS": _text("authorization"),
    "ACCESS_KEY_ID": _text("authorization"),
    "SECRET_ACCESS_KEY": _secret_key,
    "SESSION_TOKEN": _secret_key,
    "REGION": _text("region"),
    "DELIMITER": _delimiter,
    "NULL": _null_as,
    "FORMAT": _format,
    "CSV": _named_format("CSV"),
    "JSON": _named_format("JSON"),
    "PARQUET": _named_format("PARQUET"),
}
_COPY_OPTIONS: dict[str, Reader] = {
    **_BOTH,
    "IGNOREHEADER": _count("ignore_header"),
    "MAXERROR": _count("max_error"),
    "ACCEPTINVCHARS": _invalid,
    "DATEFORMAT": _date_format("date_format"),
    "TIMEFORMAT": _date_format("time_format"),
    "QUOTE": _text("quote"),
    "COMPUPDATE": _ignored,
    "STATUPDATE": _ignored,
    "COMPROWS": _ignored,
    "ENCODING": _ignored,
    "ROUNDEC": _ignored,
}
_UNLOAD_OPTIONS: dict[str, Reader] = {
    **_BOTH,
    "PARALLEL": _parallel,
    "MAXFILESIZE": _max_file_size,
    "EXTENSION": _text("extension"),
}
