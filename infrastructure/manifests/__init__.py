"""The Kubernetes manifests of the services: read, rendered, applied and waited for, on whichever target.

    services/<name>/k8s/*.yaml ──${Name}: outputs and parameters of the stacks──▶ applied server-side ──▶ rolled out

What is applied lives in the cluster and goes with it.
"""

from infrastructure.manifests.cluster import warm
from infrastructure.manifests.deploy import check, deploy
from infrastructure.manifests.render import Manifest, files, render

__all__ = ["Manifest", "check", "deploy", "files", "render", "warm"]
