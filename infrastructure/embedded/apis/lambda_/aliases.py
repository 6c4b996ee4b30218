"""The calls about aliases; an alias may send a share of its invocations to a second version."""

import random
import uuid
from dataclasses import replace
from typing import Any

from infrastructure.embedded.apis.lambda_.calls import Output, Parameters, conflict, invalid, not_found, paged
from infrastructure.embedded.apis.lambda_.record import LATEST, Alias, Configuration, Function, Records
from infrastructure.embedded.apis.lambda_.settings import require_revision
from infrastructure.embedded.gateway.operations import operation


class LambdaAliases:
    """Keeps aliases in the functions' records."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._random = random.Random(7)  # noqa: S311  # reproducible runs, nothing secret

    def chosen(self, function: Function, qualifier: str) -> Configuration | None:
        """The version that an invocation runs: an alias with weights draws one."""
        alias = function.aliases.get(qualifier)
        if alias is None or not alias.weights:
            return function.version(qualifier)
        drawn = self._random.random()
        for version, weight in alias.weights.items():
            if drawn < weight:
                return function.version(version)
            drawn -= weight
        return function.version(alias.version)

    @operation("CreateAlias", effect="invocations by its name run the version it points to, or two by weight")
    def _create(self, given: Parameters) -> Output:
        function, name = self._records.function(given["FunctionName"]), str(given["Name"])
        if name in function.aliases:
            raise conflict(f"Alias already exists: {function.arn}:{name}")
        alias = Alias(
            name=name,
            version=_version(function, str(given["FunctionVersion"])),
            description=given.get("Description", ""),
            weights=_weights(function, given),
        )
        function.aliases[name] = alias
        return _written(function, alias)

    @operation("UpdateAlias", effect="the next invocations run what it points to now")
    def _update(self, given: Parameters) -> Output:
        function, alias = self._found(given)
        require_revision(given, alias.revision_id)
        members: dict[str, Any] = {"revision_id": str(uuid.uuid4())}
        if given.get("FunctionVersion"):
            members["version"] = _version(function, str(given["FunctionVersion"]))
        if given.get("Description") is not None:
            members["description"] = given["Description"]
        if given.get("RoutingConfig") is not None:
            members["weights"] = _weights(function, given)
        function.aliases[alias.name] = replace(alias, **members)
        return _written(function, function.aliases[alias.name])

    @operation("GetAlias", effect="what it points to")
    def _get(self, given: Parameters) -> Output:
        return _written(*self._found(given))

    @operation("ListAliases", effect="as GetAlias")
    def _list(self, given: Parameters) -> Output:
        function, version = self._records.function(given["FunctionName"]), given.get("FunctionVersion")
        aliases = [a for _, a in sorted(function.aliases.items()) if version in (None, a.version)]
        return paged(given, "Aliases", [_written(function, alias) for alias in aliases])

    @operation("DeleteAlias", effect="invocations by its name find no function")
    def _delete(self, given: Parameters) -> Output:
        self._records.function(given["FunctionName"]).aliases.pop(str(given["Name"]), None)
        return {}

    def _found(self, given: Parameters) -> tuple[Function, Alias]:
        function, name = self._records.function(given["FunctionName"]), str(given["Name"])
        if name not in function.aliases:
            raise not_found(f"Cannot find alias arn: {function.arn}:{name}")
        return function, function.aliases[name]


def _version(function: Function, version: str) -> str:
    if version != LATEST and version not in function.versions:
        raise not_found(f"Function not found: {function.arn}:{version}")
    return version


def _weights(function: Function, given: Parameters) -> dict[str, float]:
    wanted = (given.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
    weights = {_version(function, str(version)): float(weight) for version, weight in wanted.items()}
    if len(weights) > 1 or any(not 0.0 <= weight <= 1.0 for weight in weights.values()) or LATEST in weights:
        raise invalid("AdditionalVersionWeights takes one published version, with a weight from 0.0 to 1.0.")
    return weights


def _written(function: Function, alias: Alias) -> Output:
    output: Output = {
        "AliasArn": f"{function.arn}:{alias.name}",
        "Name": alias.name,
        "FunctionVersion": alias.version,
        "Description": alias.description,
        "RevisionId": alias.revision_id,
    }
    return output | ({"RoutingConfig": {"AdditionalVersionWeights": dict(alias.weights)}} if alias.weights else {})
