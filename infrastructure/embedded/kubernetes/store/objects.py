"""An object as it is kept: a JSON document of Kubernetes' own form, which is never changed in place.

Its members are Kubernetes' (https://kubernetes.io/docs/reference/kubernetes-api/); what a kind of ours has no field for
must come back as it was given, so objects stay documents and are not turned into classes.
"""

import copy
import datetime as dt
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

Object = Mapping[str, Any]
"""One object, to be read."""
Draft = dict[str, Any]
"""One that is being made, and belongs to whoever makes it."""
Key = tuple[str, str]
"""Namespace (empty for what has none) and name."""


def draft(of: Object) -> Draft:
    """A copy that may be changed."""
    return copy.deepcopy(dict(of))


def meta(of: Object) -> Mapping[str, Any]:
    """Its metadata; empty where there is none, as those below."""
    found: Mapping[str, Any] = of.get("metadata") or {}
    return found


def spec(of: Object) -> Mapping[str, Any]:
    """What is wanted of it."""
    found: Mapping[str, Any] = of.get("spec") or {}
    return found


def status(of: Object) -> Mapping[str, Any]:
    """What is."""
    found: Mapping[str, Any] = of.get("status") or {}
    return found


def name(of: Object) -> str:
    """Its name."""
    return str(meta(of).get("name", ""))


def namespace(of: Object) -> str:
    """Its namespace; empty for what has none."""
    return str(meta(of).get("namespace", ""))


def key(of: Object) -> Key:
    """Where it is kept."""
    return namespace(of), name(of)


def uid(of: Object) -> str:
    """Its identity, which no other object ever has."""
    return str(meta(of).get("uid", ""))


def version(of: Object) -> int:
    """The version of its latest change."""
    return int(meta(of).get("resourceVersion") or 0)


def labels(of: Object) -> Mapping[str, str]:
    """Its labels."""
    return meta(of).get("labels") or {}


def annotations(of: Object) -> Mapping[str, str]:
    """Its annotations."""
    return meta(of).get("annotations") or {}


def is_deleting(of: Object) -> bool:
    """Whether it is to go."""
    return meta(of).get("deletionTimestamp") is not None


def has_ended(pod: Object) -> bool:
    """Whether a pod is over: none of its containers runs or comes again."""
    return status(pod).get("phase") in ("Succeeded", "Failed")


def owner(of: Object) -> Mapping[str, Any] | None:
    """The reference to what controls it."""
    references: Iterable[Mapping[str, Any]] = meta(of).get("ownerReferences") or ()
    return next((each for each in references if each.get("controller")), None)


def owned_by(of: Object, parent: Object) -> bool:
    """Whether `parent` controls it."""
    reference = owner(of)
    return reference is not None and reference["uid"] == uid(parent)


def reference_to(parent: Object) -> dict[str, Any]:
    """What makes `parent` the controller of whatever carries it."""
    return {
        "apiVersion": parent["apiVersion"],
        "kind": parent["kind"],
        "name": name(parent),
        "uid": uid(parent),
        "controller": True,
        "blockOwnerDeletion": True,
    }


def condition(of: Object, kind: str) -> Mapping[str, Any] | None:
    """Its condition of that type; None where there is none."""
    return next((each for each in status(of).get("conditions") or () if each["type"] == kind), None)


def is_true(of: Object, kind: str) -> bool:
    """Whether it has the condition, and that is true."""
    found = condition(of, kind)
    return found is not None and found["status"] == "True"


def with_condition(
    conditions: Iterable[Object], new: Mapping[str, Any], at: str, *, probed: bool = False
) -> list[Draft]:
    """The conditions with `new` in its place; the moment of its transition moves when its status does."""
    former = next((each for each in conditions if each["type"] == new["type"]), None)
    is_same = former is not None and former["status"] == new["status"]
    since = former.get("lastTransitionTime", at) if former is not None and is_same else at
    last = {"lastProbeTime": None} if probed else {}
    made: Draft = {"type": new["type"], "status": new["status"], **last, "lastTransitionTime": since, **new}
    kept = [dict(each) if each["type"] != new["type"] else made for each in conditions]
    return kept if former is not None else [*kept, made]


def stamp(at: float, *, micro: bool = False) -> str:
    """A moment, in Unix seconds, as Kubernetes writes it."""
    moment = dt.datetime.fromtimestamp(at, dt.UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ" if micro else "%Y-%m-%dT%H:%M:%SZ")


def seconds(stamped: str) -> float:
    """The moment of a time stamp, in Unix seconds."""
    return dt.datetime.fromisoformat(stamped).timestamp()


def new_uid() -> str:
    """An identity that nobody has."""
    return str(uuid.uuid4())
