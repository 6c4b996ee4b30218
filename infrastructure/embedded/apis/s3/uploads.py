"""Forms with a file (POST Object, presigned POST): what is uploaded from a browser is put as by PutObject.

The call that a form stands for goes the way of every PutObject; only who may make it is asked of the form's policy.
Sources: Amazon S3 API Reference, "POST Object"; that a file without a name leaves `${filename}` as it is, and how an
answer's URLs are encoded, is what S3 is seen to do.
"""

import base64
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from urllib.parse import quote, urlencode, urlsplit
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from infrastructure.embedded.apis.s3 import post_policy
from infrastructure.embedded.apis.s3.forms import Form, parsed
from infrastructure.embedded.gateway.call import ANONYMOUS, Answer, HttpRequest
from infrastructure.embedded.gateway.refused import Refused, unsupported
from infrastructure.embedded.gateway.signing.forms import POLICY, argument, require
from infrastructure.embedded.gateway.signing.sigv4 import ALGORITHM

_HEADERS: Mapping[str, str] = {
    "acl": "x-amz-acl",
    **{name: name for name in ("cache-control", "content-disposition", "content-encoding", "content-type", "expires")},
    **{name: name for name in ("content-md5", "x-amz-storage-class", "x-amz-website-redirect-location")},
}
"""Fields that say what a header says of PutObject, and that header."""
_HEADERS_TOO = ("x-amz-server-side-encryption", "x-amz-checksum-", "x-amz-sdk-checksum-")
_METADATA = "x-amz-meta-"
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_STATUSES = {"200": 200, "201": 201}
"""Any other `success_action_status` is as none: 204."""


def read(request: HttpRequest) -> "PostObject":
    """A form that is posted to a bucket; `Refused` where it is none."""
    bucket = request.path.strip("/")
    if not bucket or "/" in bucket or request.query:
        raise unsupported(f"a form that is posted to {request.path}; post it to /<bucket>")
    form = parsed(request.headers["content-type"], request.body)
    require(form.fields, "key")
    return PostObject(form=form, bucket=bucket, key=_key(form), request=request)


@dataclass(frozen=True, slots=True, kw_only=True)
class PostObject:
    """A form that is posted to a bucket, with the name of its file in its key."""

    form: Form
    bucket: str
    key: str
    request: HttpRequest

    @property
    def fields(self) -> Mapping[str, str]:
        return self.form.fields

    def called(self, at: float) -> HttpRequest:
        """PutObject, if the policy allows it; unsigned where there is no signature, and there no policy counts."""
        is_signed = "x-amz-signature" in self.fields or "signature" in self.fields
        if is_signed:
            fields = {**self.fields, "bucket": self.bucket, "key": self.key}
            post_policy.check(self.fields[POLICY], fields, len(self.form.file), at)
        if not self.key:
            raise argument("User key must have a length greater than 0.", "key", "")
        who = f"Credential={ANONYMOUS}/20260101/us-east-1/s3/aws4_request"
        headers = {
            "host": self.request.headers.get("host", ""),
            "authorization": f"{ALGORITHM} {who}, SignedHeaders=host, Signature=0",  # verified; it names the API
            **dict(_headers(self.fields)),
            "content-length": str(len(self.form.file)),
        }
        path = f"/{self.bucket}/{quote(self.key, safe='/~')}"
        return replace(self.request, method="PUT", path=path, query="", headers=headers, body=self.form.file)

    def answered(self, answer: Answer) -> Answer:
        """As the form wants it: the browser is sent elsewhere, or is told what there is now."""
        if not answer.is_success:
            return answer
        etag = answer.headers.get("etag", "")
        kept = {name: value for name, value in answer.headers.items() if not name.startswith("content-")}
        elsewhere = self._redirect(etag)
        if elsewhere is not None:
            return Answer(status=303, headers={**kept, "location": elsewhere})
        status = _STATUSES.get(self.fields.get("success_action_status", ""), 204)
        location = f"http://{self.request.headers.get('host', '')}/{self.bucket}/{quote(self.key, safe='')}"
        kept["location"] = location
        if status != 201:
            return Answer(status=status, headers=kept)
        told = {"Location": location, "Bucket": self.bucket, "Key": self.key, "ETag": etag}
        body = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in told.items())
        text = f'<?xml version="1.0" encoding="UTF-8"?>\n<PostResponse>{body}</PostResponse>'
        return Answer(status=201, headers={**kept, "content-type": "application/xml"}, body=text.encode())

    def _redirect(self, etag: str) -> str | None:
        """Where the browser goes next; None where the form names no URL."""
        wanted = self.fields.get("success_action_redirect") or self.fields.get("redirect") or ""
        try:
            url = urlsplit(wanted)
        except ValueError:
            return None
        if url.scheme not in ("http", "https") or not url.netloc or _CONTROL.search(wanted):
            return None
        added = urlencode({"bucket": self.bucket, "key": self.key, "etag": etag})
        return quote(f"{wanted}{'&' if url.query else '?'}{added}", safe="!#$%&'()*+,/:;=?@[]~")


def _key(form: Form) -> str:
    """What a browser says of the file's folder is left out. Without a name, the variable stays as it is."""
    if form.filename is None:
        return form.fields["key"]
    return form.fields["key"].replace("${filename}", re.split(r"[/\\]", form.filename)[-1])


def _headers(fields: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The headers that say of PutObject what the fields say. Fields that S3 does not know say nothing."""
    for name, value in fields.items():
        if name == "tagging":
            yield "x-amz-tagging", _tags(value)
        elif name.startswith(_METADATA):
            if not _NAME.fullmatch(name):
                raise argument("The name of metadata is no name of a header.", name, value)
            yield name, value if value.isascii() and not _CONTROL.search(value) else _encoded(value)
        elif name in _HEADERS or name.startswith(_HEADERS_TOO):
            if _CONTROL.search(value):
                raise argument("The value holds a control character.", name, value)
            yield _HEADERS.get(name, name), value.encode().decode("latin-1")  # as headers come from the wire


def _encoded(value: str) -> str:
    """As S3 gives back metadata that no header can hold. Source: RFC 2047."""
    return f"=?UTF-8?B?{base64.b64encode(value.encode()).decode()}?="


def _tags(document: str) -> str:
    """Tags in XML as the header of PutObject has them."""
    try:
        found = ET.fromstring(document)  # noqa: S314 - expat itself bounds what entities may grow to
    except ET.ParseError:
        text = "The XML you provided was not well-formed or did not validate against our published schema"
        raise Refused("MalformedXML", text) from None
    pairs = [(tag.findtext("Key") or "", tag.findtext("Value") or "") for tag in found.iterfind("TagSet/Tag")]
    return urlencode(pairs)
