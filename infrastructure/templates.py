"""The CloudFormation templates as files: what each needs, what it gives, and so which comes after which."""

from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

MODULES = ("networking", "databases", "caching", "messaging", "loadbalancing", "compute", "serverless")
"""In the order of deployment. A new module is its template and one entry here."""

FOLDER = Path(__file__).parent / "modules"


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """One module's template. `parameters` by name with their default, None where there is none.

    `tagged` are the logical ids of the resources that it gives tags.
    """

    module: str
    body: str
    parameters: dict[str, str | None]
    outputs: tuple[str, ...]
    tagged: frozenset[str]


def read(module: str, folder: Path = FOLDER) -> Template:
    """Read the template of `module`."""
    body = (folder / f"{module}.yaml").read_text(encoding="utf-8")
    document = _parse(body)
    return Template(
        module=module,
        body=body,
        parameters={
            name: None if "Default" not in declared else str(declared["Default"])
            for name, declared in document.get("Parameters", {}).items()
        },
        outputs=tuple(document.get("Outputs", {})),
        tagged=frozenset(
            name
            for name, resource in document.get("Resources", {}).items()
            if resource.get("Properties", {}).get("Tags")
        ),
    )


def read_all(folder: Path = FOLDER) -> tuple[Template, ...]:
    """All templates, in the order of deployment."""
    return tuple(read(module, folder) for module in MODULES)


def order(templates: tuple[Template, ...]) -> TopologicalSorter[str]:
    """Which module waits for which: a template comes after those whose outputs its parameters are named for."""
    givers = {output: template.module for template in templates for output in template.outputs}
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for template in templates:
        needed = {givers[parameter] for parameter in template.parameters if parameter in givers}
        sorter.add(template.module, *(module for module in MODULES if module in needed - {template.module}))
    return sorter


def output_names(folder: Path = FOLDER) -> tuple[str, ...]:
    """The names of all outputs of all stacks: what `Platform.output` can be asked for."""
    return tuple(output for template in read_all(folder) for output in template.outputs)


def _parse(body: str) -> Any:
    """The document with CloudFormation's short forms (`!Ref`, `!Sub` …) left unread: only names matter here."""
    import yaml

    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    class Loader(base):  # type: ignore[misc]  # the C loader, ten times faster, is there only with libyaml
        """Reads any tag as nothing."""

    Loader.add_multi_constructor("!", lambda _loader, _suffix, _node: None)
    return yaml.load(body, Loader=Loader)  # noqa: S506 - derived from a safe loader
