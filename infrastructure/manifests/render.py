"""From the files of the services to the objects that are wanted. Pure but for reading the files.

`${Name}` in a text is an output, or a parameter, of the stacks. Only texts are filled in, once the YAML is read: no
value can become anything else than a text.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infrastructure.errors import UsageError
from infrastructure.suggest import did_you_mean
from services import catalog

FOLDER = Path(catalog.__file__).parent
NAMESPACE = "EksNamespace"
"""The output that names the namespace of all of it."""
_NAME = re.compile(r"\$\{(\w+)\}")
_ORDER = (
    *("Namespace", "ServiceAccount", "ConfigMap", "Secret", "Service", "TargetGroupBinding", "PodDisruptionBudget"),
    *("Deployment", "HorizontalPodAutoscaler"),
)
"""What comes first is needed by what comes later: a pod waits for the bindings that were there before it."""
_READY_BY_TARGETS = {"eks.amazonaws.com/pod-readiness-gate-inject": "enabled"}
"""Pods are ready once the load balancers say so, and a rollout goes on no earlier.

Source: https://kubernetes-sigs.github.io/aws-load-balancer-controller/latest/deploy/pod_readiness_gate/
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """One object that is wanted, and the file that says so."""

    file: str
    document: Mapping[str, Any]

    @property
    def kind(self) -> str:
        return str(self.document["kind"])

    @property
    def name(self) -> str:
        return str(self.document["metadata"]["name"])

    @property
    def title(self) -> str:
        """For a person: `Deployment menu (menu/k8s/deployment.yaml)`."""
        return f"{self.kind} {self.name} ({self.file})"


def render(values: Mapping[str, str], folder: Path = FOLDER) -> tuple[Manifest, ...]:
    """Every object of every service, in the order to apply them.

    `UsageError` names all that is wrong: a file that is no YAML, a document that is no object, an unknown `${Name}`.
    """
    found: list[Manifest] = []
    problems: list[str] = []
    for file in files(folder):
        for document in _documents(file, folder, problems):
            unknown = sorted({name for text in _texts(document) for name in _NAME.findall(text)} - set(values))
            problems += [f"{file.relative_to(folder)}: no {_unknown(name, values)}" for name in unknown]
            if not unknown:
                filled = _filled(document, values)
                found.append(Manifest(file=str(file.relative_to(folder)), document=filled))
    if problems:
        raise UsageError("manifests cannot be rendered:" + "".join(f"\n  {each}" for each in problems))
    return tuple(sorted((*_namespace(values, found), *found), key=_rank))


def files(folder: Path = FOLDER) -> tuple[Path, ...]:
    """Those of the services that run on EKS."""
    names = [service.name for service in catalog.services_on("eks")]
    return tuple(file for name in names for file in sorted((folder / name / "k8s").glob("*.yaml")))


def _namespace(values: Mapping[str, str], found: Iterable[Manifest]) -> Iterator[Manifest]:
    if any(True for _ in found):
        meta = {"name": values[NAMESPACE], "labels": _READY_BY_TARGETS}
        yield Manifest(file="the namespace", document={"apiVersion": "v1", "kind": "Namespace", "metadata": meta})


def _documents(file: Path, folder: Path, problems: list[str]) -> Iterator[Any]:
    import yaml

    try:
        documents = list(yaml.safe_load_all(file.read_text(encoding="utf-8")))
    except yaml.YAMLError as problem:
        problems.append(f"{file.relative_to(folder)}: {problem}")
        return
    for document in documents:
        if document is None:
            continue
        if isinstance(document, dict) and {"apiVersion", "kind", "metadata"} <= document.keys():
            yield document
        else:
            needs = "a document needs apiVersion, kind and metadata"
            problems.append(f"{file.relative_to(folder)}: {needs}; found {document!r}")


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)


def _filled(value: Any, values: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return _NAME.sub(lambda match: values[match[1]], value)
    if isinstance(value, dict):
        return {key: _filled(each, values) for key, each in value.items()}
    return [_filled(each, values) for each in value] if isinstance(value, list) else value


def _unknown(name: str, values: Mapping[str, str]) -> str:
    return f"output or parameter of the stacks is called {name!r}.{did_you_mean(name, tuple(values))}"


def _rank(manifest: Manifest) -> int:
    return _ORDER.index(manifest.kind) if manifest.kind in _ORDER else len(_ORDER)
