"""The calls about functions and their versions."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from infrastructure.embedded.apis.lambda_ import code as lambda_code
from infrastructure.embedded.apis.lambda_.archives import Archives
from infrastructure.embedded.apis.lambda_.calls import Output, Parameters, conflict, invalid, not_found, paged
from infrastructure.embedded.apis.lambda_.concurrency import UNRESERVED_MINIMUM, Concurrency
from infrastructure.embedded.apis.lambda_.record import LATEST, Configuration, Function, Records
from infrastructure.embedded.apis.lambda_.settings import (
    changes,
    details,
    require_revision,
    require_size,
    require_zip,
    written,
)
from infrastructure.embedded.engines.functions.engine import Functions, archive_of
from infrastructure.embedded.gateway.operations import operation


class LambdaFunctions:
    """Creates, changes and deletes functions. `deleted` gets the name of each that goes."""

    def __init__(
        self,
        records: Records,
        engine: Functions,
        concurrency: Concurrency,
        s3: Any,
        archives: Archives,
        deleted: Callable[[str], None],
    ) -> None:
        self._records = records
        self._engine = engine
        self._concurrency = concurrency
        self._s3 = s3
        self._archives = archives
        self._deleted = deleted

    @operation("CreateFunction", effect="its package is checked and unpacked; active when that is done")
    def _create(self, given: Parameters) -> Output:
        name, qualifier = self._records.split(given["FunctionName"])
        if qualifier:
            raise invalid(f"A function's name has no qualifier: {given['FunctionName']!r}")
        if name in self._records.functions:
            raise conflict(f"Function already exist: {name}")
        require_zip(given)
        missing = [member for member in ("Runtime", "Handler") if not given.get(member)]
        if missing:
            raise invalid(
                f"{' and '.join(missing)} are mandatory parameters for functions created with deployment packages."
            )
        settings = changes(given, self._records)
        package, folder = lambda_code.stored(given["Code"], self._engine, self._s3)
        require_size(package, settings.get("layers", ()))
        latest = Configuration(
            name=name,
            arn=self._records.arn(name),
            package=package,
            folder=folder,
            details=details(given, {}),
            **settings,
        )
        function = self._records.functions[name] = Function(latest=latest, tags=dict(given.get("Tags") or {}))
        return self._publish_version(function) if given.get("Publish") else self.write(latest)

    @operation("GetFunction", effect="its configuration and state; its package at a URL that holds for ten minutes")
    def _get(self, given: Parameters) -> Output:
        configuration = self._records.configuration(given["FunctionName"], given.get("Qualifier", ""))
        function = self._records.functions[configuration.name]
        location = self._archives.location(archive_of(configuration.folder))
        code = {"RepositoryType": "S3", "Location": location}
        output: Output = {"Configuration": self._asked(given, configuration), "Code": code}
        if function.tags:
            output["Tags"] = dict(function.tags)
        reserved = self._concurrency.reserved(configuration.name)
        return output if reserved is None else {**output, "Concurrency": {"ReservedConcurrentExecutions": reserved}}

    @operation("GetFunctionCodeSigningConfig")
    def _get_signing(self, given: Parameters) -> Output:
        """No package is signed here: none is what AWS gives of a function without a configuration."""
        return {"CodeSigningConfigArn": "", "FunctionName": self._records.function(given["FunctionName"]).latest.name}

    @operation("GetFunctionConfiguration", effect="its configuration and state")
    def _get_configuration(self, given: Parameters) -> Output:
        return self._asked(given, self._records.configuration(given["FunctionName"], given.get("Qualifier", "")))

    def _asked(self, given: Parameters, configuration: Configuration) -> Output:
        """The configuration, under the ARN of the qualifier that it was asked for by."""
        qualifier = self._records.split(given["FunctionName"], given.get("Qualifier", ""))[1]
        output = self.write(configuration)
        return {**output, "FunctionArn": f"{configuration.arn}:{qualifier}"} if qualifier else output

    @operation("ListFunctions", effect="as GetFunctionConfiguration")
    def _list(self, given: Parameters) -> Output:
        functions = [self._records.functions[name] for name in sorted(self._records.functions)]
        if given.get("FunctionVersion") == "ALL":
            found = [self.write(each, qualified=True) for one in functions for each in one.configurations]
        else:
            found = [self.write(function.latest) for function in functions]
        return paged(given, "Functions", found)

    @operation("ListVersionsByFunction", effect="as GetFunctionConfiguration")
    def _list_versions(self, given: Parameters) -> Output:
        function = self._records.function(given["FunctionName"])
        return paged(given, "Versions", [self.write(each, qualified=True) for each in function.configurations])

    @operation("UpdateFunctionCode", effect="the next invocations run it, in new sandboxes")
    def _update_code(self, given: Parameters) -> Output:
        function = self._records.function(given["FunctionName"])
        before = function.latest
        require_revision(given, before.revision_id)
        require_zip(given)
        package, folder = lambda_code.stored(given, self._engine, self._s3)
        require_size(package, before.layers)
        architectures = {"Architectures": given["Architectures"]} if given.get("Architectures") else {}
        after = before.changed(package=package, folder=folder, details={**before.details, **architectures})
        if given.get("DryRun"):
            return self.write(after)
        self._replace(function, after)
        return self._publish_version(function) if given.get("Publish") else self.write(after)

    @operation("UpdateFunctionConfiguration", effect="the next invocations run with it, in new sandboxes")
    def _update_configuration(self, given: Parameters) -> Output:
        function = self._records.function(given["FunctionName"])
        before = function.latest
        require_revision(given, before.revision_id)
        settings = changes(given, self._records)
        require_size(before.package, settings.get("layers", before.layers))
        after = before.changed(**settings, details=details(given, before.details))
        self._replace(function, after)
        return self.write(after)

    def _replace(self, function: Function, after: Configuration) -> None:
        """What runs finishes as it was begun; what comes runs with `after`."""
        before, function.latest = function.latest, after
        self._engine.retire(before.key)

    @operation("PublishVersion", effect="code and configuration as they are, for good, with sandboxes of its own")
    def _publish(self, given: Parameters) -> Output:
        function = self._records.function(given["FunctionName"])
        require_revision(given, function.latest.revision_id)
        if given.get("CodeSha256") not in (None, "", function.latest.package.code_sha256):
            raise invalid(
                f"CodeSHA256 ({given['CodeSha256']}) is different from current CodeSHA256 in $LATEST "
                f"({function.latest.package.code_sha256}). Please try again with the CodeSHA256 in $LATEST."
            )
        return self._publish_version(function, given.get("Description"))

    def _publish_version(self, function: Function, description: str | None = None) -> Output:
        """The next version, or the last one when nothing has changed since."""
        last = next(reversed(function.versions.values()), None)
        if last is None or not _is_same(last, function.latest):
            function.published += 1
            last = function.latest.changed(version=str(function.published))
            last = last if description is None else replace(last, description=description)
            function.versions[last.version] = last
        return self.write(last, qualified=True)

    @operation("DeleteFunction", effect="its sandboxes end after what they do")
    def _delete(self, given: Parameters) -> Output:
        name, qualifier = self._records.split(given["FunctionName"], given.get("Qualifier", ""))
        function = self._records.function(name)
        if qualifier:
            self._delete_version(function, qualifier)
            return {"StatusCode": 204}
        del self._records.functions[name]
        for configuration in function.configurations:
            self._engine.retire(configuration.key)
        self._concurrency.reserve(name, None)
        self._deleted(name)
        return {"StatusCode": 204}

    def _delete_version(self, function: Function, version: str) -> None:
        if version == LATEST:
            raise invalid("$LATEST version cannot be deleted without deleting the function.")
        if version not in function.versions:
            raise not_found(f"Function not found: {function.arn}:{version}")
        users = sorted(each.name for each in function.aliases.values() if version in (each.version, *each.weights))
        if users:
            raise conflict(f"Version {version} is pointed to by the aliases {', '.join(users)}; change or delete them.")
        self._engine.retire(function.versions.pop(version).key)

    @operation("PutFunctionConcurrency", effect="invocations beyond it are throttled; 0 stops the function")
    def _reserve(self, given: Parameters) -> Output:
        function, wanted = self._records.function(given["FunctionName"]), int(given["ReservedConcurrentExecutions"])
        if not self._concurrency.may_reserve(function.latest.name, wanted):
            raise invalid(
                "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution "
                f"below its minimum value of [{UNRESERVED_MINIMUM}]."
            )
        self._concurrency.reserve(function.latest.name, wanted)
        return {"ReservedConcurrentExecutions": wanted}

    @operation("DeleteFunctionConcurrency", effect="the function shares what nobody has reserved")
    def _unreserve(self, given: Parameters) -> Output:
        self._concurrency.reserve(self._records.function(given["FunctionName"]).latest.name, None)
        return {}

    @operation("GetFunctionConcurrency", effect="what is reserved")
    def _reserved(self, given: Parameters) -> Output:
        name = self._records.function(given["FunctionName"]).latest.name
        return {"ReservedConcurrentExecutions": self._concurrency.reserved(name)}

    @operation("GetAccountSettings", effect="limits and what is used of them")
    def _account(self, given: Parameters) -> Output:
        del given
        functions = self._records.functions.values()
        return {
            "AccountLimit": {
                "ConcurrentExecutions": self._concurrency.limit,
                "UnreservedConcurrentExecutions": self._concurrency.unreserved,
                "CodeSizeUnzipped": 262_144_000,
                "CodeSizeZipped": lambda_code.DIRECT_LIMIT,
                "TotalCodeSize": 80_530_636_800,
            },
            "AccountUsage": {
                "FunctionCount": len(functions),
                "TotalCodeSize": sum(each.package.size for one in functions for each in one.configurations),
            },
        }

    def write(self, configuration: Configuration, *, qualified: bool = False) -> Output:
        """A FunctionConfiguration, with the state of the unpacking; a published version always has its own ARN."""
        is_version = qualified or configuration.version != LATEST
        return written(configuration, qualified=is_version, state=self._state(configuration))

    def _state(self, configuration: Configuration) -> Mapping[str, Any]:
        problem = self._engine.problem(*configuration.folders)
        if problem:
            code = {"StateReason": problem, "StateReasonCode": "InvalidZipFileException"}
            return {"State": "Failed", **code, "LastUpdateStatus": "Failed"}
        if self._engine.is_stored(*configuration.folders):
            return {"State": "Active", "LastUpdateStatus": "Successful"}
        code = {"StateReason": "The function is being created.", "StateReasonCode": "Creating"}
        return {"State": "Pending", **code, "LastUpdateStatus": "InProgress"}


def _is_same(published: Configuration, latest: Configuration) -> bool:
    """Whether publishing would give the same again; the description may have been the version's own."""
    mine = ("version", "revision_id", "last_modified", "description")
    return replace(published, **{name: getattr(latest, name) for name in mine}) == latest
