"""Manifests take what the stacks give, and nothing else; all that is wrong is said at once."""

from pathlib import Path

import pytest

from infrastructure import environment, templates
from infrastructure.embedded.kubernetes.schema import check, kinds
from infrastructure.errors import UsageError
from infrastructure.manifests import Manifest, files, render
from services import catalog

VALUES = {"EksNamespace": "cafe", "MenuImage": "cloudcafe/menu:latest", "Odd": "a: b # ${MenuImage}"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The services' folder, with a place for the manifests of the only one that runs on EKS."""
    tea = catalog.Service(name="tea", platform="eks", entry="", edges=())
    monkeypatch.setattr(catalog, "services_on", lambda _platform: (tea,))
    (tmp_path / "tea" / "k8s").mkdir(parents=True)
    return tmp_path


def put(folder: Path, text: str, name: str = "it.yaml") -> None:
    (folder / "tea" / "k8s" / name).write_text(text)


def test_a_value_stays_a_text_whatever_is_in_it(folder: Path) -> None:
    put(folder, "{apiVersion: v1, kind: ConfigMap, metadata: {name: it}, data: {key: '<${Odd}>'}}")
    [_, it] = render(VALUES, folder)
    assert it.document["data"] == {"key": "<a: b # ${MenuImage}>"}


def test_all_that_is_wrong_is_said_at_once(folder: Path) -> None:
    put(folder, "{apiVersion: v1, kind: ConfigMap, metadata: {name: '${MenuImag}'}}", "a.yaml")
    put(folder, "key: [", "b.yaml")
    put(folder, "{kind: Service}", "c.yaml")
    with pytest.raises(UsageError) as refused:
        render(VALUES, folder)
    said = str(refused.value)
    assert "a.yaml: no output or parameter of the stacks is called 'MenuImag'. Did you mean MenuImage?" in said
    assert "b.yaml: while parsing" in said
    assert "c.yaml: a document needs apiVersion, kind and metadata; found {'kind': 'Service'}" in said


def test_what_others_need_comes_first(folder: Path) -> None:
    first = ("Namespace", "ServiceAccount", "Service", "TargetGroupBinding")
    ordered = (*first, "PodDisruptionBudget", "Deployment", "Job")
    documents = [f"{{apiVersion: v1, kind: {kind}, metadata: {{name: it}}}}" for kind in reversed(ordered[1:])]
    put(folder, "\n---\n".join(documents))
    assert tuple(each.kind for each in render(VALUES, folder)) == ordered


def test_without_manifests_there_is_nothing_to_apply(folder: Path) -> None:
    assert render(VALUES, folder) == ()


# --- those of the services --------------------------------------------------------------------------------------------


def known() -> dict[str, str]:
    """Every name that the stacks have, with a text that is one of its kind."""
    given = {name for template in templates.read_all() for name in (*template.outputs, *template.parameters)}
    numbers = environment.load("dev").parameters()
    return {**{name: f"value-of-{name.lower()}" for name in given}, **numbers, "EksNamespace": "cafe"}


WANTED = render(known()) if files() else ()


@pytest.mark.parametrize("manifest", WANTED, ids=[each.title for each in WANTED])
def test_a_manifest_of_a_service_fits_kubernetes_own_schema(manifest: Manifest) -> None:
    assert kinds.called(manifest.document["apiVersion"], manifest.kind) is not None
    assert check.unknown(manifest.document, manifest.kind) == []


@pytest.mark.parametrize("service", catalog.services_on("eks"), ids=lambda service: service.name)
def test_a_service_on_eks_has_all_that_it_needs(service: catalog.Service) -> None:
    own = {each.kind: each.document for each in WANTED if each.file.startswith(f"{service.name}/")}
    assert own.keys() >= {
        *("ServiceAccount", "Service", "Deployment", "PodDisruptionBudget", "HorizontalPodAutoscaler"),
        "TargetGroupBinding",
    }
    pod = own["Deployment"]["spec"]["template"]["spec"]
    [container] = pod["containers"]
    assert pod["serviceAccountName"] == service.name
    assert pod["securityContext"]["runAsNonRoot"]
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert container["resources"]["limits"]["cpu"] == container["resources"]["requests"]["cpu"]
    assert {"startupProbe", "readinessProbe", "livenessProbe", "lifecycle"} <= container.keys()


@pytest.mark.parametrize("service", catalog.services_on("eks"), ids=lambda service: service.name)
def test_a_number_of_pods_is_stated_by_the_autoscaler_alone(service: catalog.Service) -> None:
    """Beside one, each apply would set it back."""
    own = {
        each.kind: each.document["spec"]
        for each in WANTED
        if each.file.startswith(f"{service.name}/k8s/") and "spec" in each.document
    }
    assert own["HorizontalPodAutoscaler"]["scaleTargetRef"]["name"] == service.name
    assert "replicas" not in own["Deployment"]
