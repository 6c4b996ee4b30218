"""The words in which an API refuses a request that nobody is shown to have made. Tables.

Sources: Amazon S3 API Reference, "Error responses"; IAM API Reference, "Common Errors"; Amazon EC2 API Reference,
"Error codes"; the APIs themselves where these say nothing (EC2 answers 401). The status of the JSON APIs is the one
that is documented, 403; some of them are seen to answer 400.
"""

from collections.abc import Mapping
from typing import NamedTuple

from infrastructure.embedded.gateway.signing.sigv4 import S3


class Denial(NamedTuple):
    """An error; the text may hold `{detail}`."""

    code: str
    message: str
    status: int = 403


_FALSE = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
    "and signing method. Consult the service documentation for details."
)
_INVALID = "The security token included in the request is invalid."
_SKEWED = Denial("RequestTimeTooSkewed", "The difference between the request time and the current time is too large.")

_S3: Mapping[str, Denial] = {
    "unsigned": Denial("AccessDenied", "Access Denied"),
    "version": Denial(
        "InvalidRequest",
        "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.",
        400,
    ),
    "malformed": Denial("AuthorizationHeaderMalformed", "The authorization header is malformed; {detail}", 400),
    "malformed-query": Denial("AuthorizationQueryParametersError", "{detail}", 400),
    "unknown": Denial("InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records."),
    "token": Denial("InvalidToken", "The provided token is malformed or otherwise invalid.", 400),
    "expired-token": Denial("ExpiredToken", "The provided token has expired.", 400),
    "late": _SKEWED,
    "early": _SKEWED,
    "expired": Denial("AccessDenied", "Request has expired"),
    "not-yet": Denial("AccessDenied", "Request is not yet valid"),
    "header": Denial("AccessDenied", "There were headers present in the request which were not signed"),
    "mismatch": Denial(
        "SignatureDoesNotMatch",
        "The request signature we calculated does not match the signature you provided. Check your key and signing "
        "method.",
    ),
    "no-hash": Denial("InvalidRequest", "Missing required header for this request: {detail}", 400),
    "bad-hash": Denial("InvalidArgument", "{detail}", 400),
    "body": Denial(
        "XAmzContentSHA256Mismatch",
        "The provided 'x-amz-content-sha256' header does not match what was computed.",
        400,
    ),
    "trailer": Denial(
        "MalformedTrailerError",
        "The request contained trailing data that was not well-formed or did not conform to our published schema.",
        400,
    ),
    "incomplete": Denial(
        "IncompleteBody",
        "You did not provide the number of bytes specified by the Content-Length HTTP header",
        400,
    ),
}
_JSON: Mapping[str, Denial] = {
    "unsigned": Denial("MissingAuthenticationTokenException", "Missing Authentication Token"),
    "version": Denial("IncompleteSignatureException", "{detail}"),
    "malformed": Denial("IncompleteSignatureException", "{detail}"),
    "unknown": Denial("UnrecognizedClientException", _INVALID),
    "token": Denial("UnrecognizedClientException", _INVALID),
    "expired-token": Denial("ExpiredTokenException", "The security token included in the request is expired"),
    "late": Denial("InvalidSignatureException", "{detail}"),
    "early": Denial("InvalidSignatureException", "{detail}"),
    "header": Denial("InvalidSignatureException", _FALSE),
    "mismatch": Denial("InvalidSignatureException", _FALSE),
}
_QUERY: Mapping[str, Denial] = {
    "unsigned": Denial("MissingAuthenticationToken", "Request is missing Authentication Token"),
    "version": Denial("IncompleteSignature", "{detail}"),
    "malformed": Denial("IncompleteSignature", "{detail}"),
    "unknown": Denial("InvalidClientTokenId", _INVALID),
    "token": Denial("InvalidClientTokenId", _INVALID),
    "expired-token": Denial("ExpiredToken", "The security token included in the request is expired"),
    "late": Denial("SignatureDoesNotMatch", "{detail}"),
    "early": Denial("SignatureDoesNotMatch", "{detail}"),
    "header": Denial("SignatureDoesNotMatch", _FALSE),
    "mismatch": Denial("SignatureDoesNotMatch", _FALSE),
}
_NOT_VALIDATED = Denial("AuthFailure", "AWS was not able to validate the provided access credentials", 401)
_EC2: Mapping[str, Denial] = {
    **_QUERY,
    "unknown": _NOT_VALIDATED,
    "token": _NOT_VALIDATED,
    "header": _NOT_VALIDATED,
    "mismatch": _NOT_VALIDATED,
    "expired-token": Denial("RequestExpired", "Request has expired.", 400),
    "late": Denial("RequestExpired", "Request has expired.", 400),
    "early": Denial("RequestExpired", "Request has expired.", 400),
}
KINDS = frozenset(_S3)
"""Why a request is refused; those that the other tables lack only S3 knows."""


def denial(service: str, protocol: str, kind: str, detail: str) -> Denial:
    """How the API that signs as `service` and speaks `protocol` says it."""
    table = _S3 if service == S3 else _EC2 if protocol == "ec2" else _JSON if "json" in protocol else _QUERY
    said = table[kind]
    return said._replace(message=said.message.format(detail=detail))
