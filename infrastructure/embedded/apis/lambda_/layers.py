"""The calls about layers: archives that functions find under /opt on AWS, here on their import path."""

from typing import Any

from infrastructure.embedded.apis.lambda_ import code
from infrastructure.embedded.apis.lambda_.archives import Archives
from infrastructure.embedded.apis.lambda_.calls import Output, Parameters, not_found, paged
from infrastructure.embedded.apis.lambda_.record import LayerVersion, Records, timestamp
from infrastructure.embedded.engines.functions.engine import Functions, archive_of
from infrastructure.embedded.gateway.operations import operation
from infrastructure.embedded.gateway.refused import Refused

_DETAILS = ("CompatibleArchitectures", "CompatibleRuntimes", "Description", "LicenseInfo")


class LambdaLayers:
    """Keeps the versions of layers; a deleted one stays with the functions that have it."""

    def __init__(self, records: Records, engine: Functions, s3: Any, archives: Archives) -> None:
        self._records = records
        self._engine = engine
        self._s3 = s3
        self._archives = archives
        self._latest: dict[str, int] = {}
        """Numbers are never given twice, whatever was deleted."""

    @operation(
        "PublishLayerVersion", effect="its archive is checked and unpacked; functions import from its `python` folder"
    )
    def _publish(self, given: Parameters) -> Output:
        name = _name(given["LayerName"])
        package, folder = code.stored(given["Content"], self._engine, self._s3)
        number = self._latest[name] = self._latest.get(name, 0) + 1
        version = LayerVersion(
            name=name,
            version=number,
            layer_arn=self._records.layer_arn(name),
            package=package,
            folder=folder,
            created=timestamp(),
            details={member: given[member] for member in _DETAILS if given.get(member) is not None},
        )
        self._records.layers.setdefault(name, {})[number] = version
        return self._whole(version)

    @operation("GetLayerVersion", effect="what it is")
    def _get(self, given: Parameters) -> Output:
        name, number = _name(given["LayerName"]), int(given["VersionNumber"])
        found = self._records.layers.get(name, {}).get(number)
        if found is None:
            raise not_found(f"Layer version {self._records.layer_arn(name)}:{number} does not exist.")
        return self._whole(found)

    @operation("GetLayerVersionByArn", effect="what it is")
    def _get_by_arn(self, given: Parameters) -> Output:
        try:
            return self._whole(self._records.layer_version(given["Arn"]))
        except Refused as refusal:
            raise not_found(refusal.message) from refusal

    @operation("ListLayerVersions", effect="as GetLayerVersion")
    def _list_versions(self, given: Parameters) -> Output:
        versions = self._records.layers.get(_name(given["LayerName"]), {}).values()
        return paged(given, "LayerVersions", [_written(version) for version in reversed(tuple(versions))])

    @operation("ListLayers", effect="the latest version of each")
    def _list(self, given: Parameters) -> Output:
        latest = [versions[max(versions)] for _, versions in sorted(self._records.layers.items()) if versions]
        found = [
            {"LayerName": each.name, "LayerArn": each.layer_arn, "LatestMatchingVersion": _written(each)}
            for each in latest
        ]
        return paged(given, "Layers", found)

    @operation("DeleteLayerVersion", effect="no function can take it any more; those that have it keep it")
    def _delete(self, given: Parameters) -> Output:
        self._records.layers.get(_name(given["LayerName"]), {}).pop(int(given["VersionNumber"]), None)
        return {}

    def _whole(self, version: LayerVersion) -> Output:
        content = {
            "CodeSha256": version.package.code_sha256,
            "CodeSize": version.package.size,
            "Location": self._archives.location(archive_of(version.folder)),
        }
        return {"LayerArn": version.layer_arn, "Content": content, **_written(version)}


def _name(identifier: str) -> str:
    """Of a layer's name or ARN."""
    return identifier.rpartition(":layer:")[2]


def _written(version: LayerVersion) -> Output:
    return {
        "LayerVersionArn": version.arn,
        "Version": version.version,
        "CreatedDate": version.created,
        **version.details,
    }
