"""STS: who a caller is, and temporary credentials that the gateway takes.

Source: AWS STS API Reference, AssumeRole, GetCallerIdentity, GetFederationToken, GetSessionToken; IAM User Guide,
"IAM and AWS STS quotas".
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from infrastructure.embedded.gateway.operations import Members, Output, operation
from infrastructure.embedded.gateway.refused import Refused
from infrastructure.embedded.gateway.signing import credentials
from infrastructure.embedded.gateway.signing.credentials import Issued, Keyring, Principal

_ROLE = re.compile(r"arn:aws:iam::\d{12}:role/(?:.*/)?([\w+=,.@-]{1,64})")
_HOUR_S = 3600
_SESSION_S = 12 * _HOUR_S
"""How long a session of GetSessionToken and GetFederationToken lasts when nothing is said."""


class Sts:
    """Answers from the gateway's keyring. Policies of a session are not enforced, as no policy is."""

    def __init__(self, keyring: Keyring, iam: Any, account: str, clock: Callable[[], float]) -> None:
        self._keyring = keyring
        self._iam = iam
        self._account = account
        self._clock = clock

    @operation("GetCallerIdentity")
    def get_caller_identity(self, _given: Members) -> Output:
        """Who signed this very call."""
        principal = _caller().principal
        return {"UserId": principal.id, "Account": self._account, "Arn": principal.arn}

    @operation("GetAccessKeyInfo")
    def get_access_key_info(self, given: Members) -> Output:
        """The account of a key."""
        if self._keyring.find(given["AccessKeyId"]) is None:
            raise Refused("AccessDenied", "The access key ID that was given belongs to no account here", status=403)
        return {"Account": self._account}

    @operation("AssumeRole", effect="temporary credentials that every API takes until they expire")
    def assume_role(self, given: Members) -> Output:
        """A session of a role on record. Its trust policy is not asked, as no policy is."""
        role = self._role(given["RoleArn"])
        duration_s = given.get("DurationSeconds", _HOUR_S)
        longest_s = _HOUR_S if _caller().is_session else role.max_session_duration or _HOUR_S
        if duration_s > longest_s:
            raise Refused(
                "ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
            )
        session = given["RoleSessionName"]
        made = self._keyring.session(
            role=role.name, session=session, role_id=role.id, name=session, expires_at=self._clock() + duration_s
        )
        user = {"AssumedRoleId": made.principal.id, "Arn": made.principal.arn}
        return {"Credentials": _shown(made), "AssumedRoleUser": user, **_packed(given)}

    @operation("GetSessionToken", effect="temporary credentials that every API takes until they expire")
    def get_session_token(self, given: Members) -> Output:
        """Another way to be who one is, for a while."""
        return {"Credentials": _shown(self._keyring.temporary(self._user("GetSessionToken"), self._until(given)))}

    @operation("GetFederationToken", effect="temporary credentials that every API takes until they expire")
    def get_federation_token(self, given: Members) -> Output:
        """A session of somebody whom the caller names."""
        self._user("GetFederationToken")
        name = given["Name"]
        arn = f"arn:aws:sts::{self._account}:federated-user/{name}"
        principal = Principal(name=name, arn=arn, id=f"{self._account}:{name}")
        made = self._keyring.temporary(principal, self._until(given))
        user = {"FederatedUserId": principal.id, "Arn": arn}
        return {"Credentials": _shown(made), "FederatedUser": user, **_packed(given)}

    def _until(self, given: Members) -> float:
        return self._clock() + float(given.get("DurationSeconds", _SESSION_S))

    def _role(self, arn: str) -> Any:
        match = _ROLE.fullmatch(arn)
        role = next((each for each in self._iam.roles.values() if each.arn == arn), None)
        if match is None or role is None:  # AWS does not say either that there is none
            who = _caller().principal.arn
            text = f"User: {who} is not authorized to perform: sts:AssumeRole on resource: {arn}"
            raise Refused("AccessDenied", text, status=403)
        return role

    @staticmethod
    def _user(action: str) -> Principal:
        """The caller, whose keys must be long-term ones."""
        caller = _caller()
        if caller.is_session:
            raise Refused("AccessDenied", f"Cannot call {action} with session credentials", status=403)
        return caller.principal


def _caller() -> Issued:
    caller = credentials.caller.get()
    if caller is None:  # a call from inside the daemon, which signs nothing
        raise Refused("AccessDenied", "nobody signed this call", status=403)
    return caller


def _shown(issued: Issued) -> Output:
    keys = issued.credentials
    return {
        "AccessKeyId": keys.access_key,
        "SecretAccessKey": keys.secret_key,
        "SessionToken": keys.token,
        "Expiration": datetime.fromtimestamp(issued.expires_at or 0.0, UTC).replace(microsecond=0),
    }


def _packed(given: Members) -> Output:
    """How much of the quota for a session's policy is used, in percent; where one was given."""
    limit = 2048
    return {"PackedPolicySize": max(1, 100 * len(given["Policy"]) // limit)} if given.get("Policy") else {}
