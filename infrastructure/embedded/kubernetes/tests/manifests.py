"""Objects that the tests make: a small web server, and what goes with it."""

import json
import sys
from typing import Any

from infrastructure.embedded.kubernetes.tests.world import COMMAND

SERVER = """
import http.server, os, sys
print("hello from", os.environ["HOSTNAME"], "greeting", os.environ.get("GREETING", ""), flush=True)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.send_header("content-length", "2"); self.end_headers(); self.wfile.write(b"ok")
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer((os.environ["POD_IP"], 8080), Handler).serve_forever()
"""


def container(**more: Any) -> dict[str, Any]:
    return {
        "name": "web",
        "image": f"{COMMAND}:1",
        "command": [sys.executable, "-c", SERVER],
        "ports": [{"name": "http", "containerPort": 8080}],
        "readinessProbe": {"httpGet": {"path": "/", "port": "http"}, "periodSeconds": 5},
        "resources": {"requests": {"cpu": "100m", "memory": "32Mi"}},
        **more,
    }


def sleeper(seconds: float = 1000.0, **more: Any) -> dict[str, Any]:
    return {"name": "main", "image": COMMAND, "command": ["sleep", str(seconds)], **more}


def deployment(
    name: str = "web", replicas: int = 2, containers: list[Any] | None = None, **more: Any
) -> dict[str, Any]:
    labels = {"app": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "default", "labels": labels},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": containers or [container()]}},
            **more,
        },
    }


def pod(name: str = "one", containers: list[Any] | None = None, **more: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default", "labels": {"run": name}},
        "spec": {"containers": containers or [sleeper()], **more},
    }


def budget(name: str = "web", **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"selector": {"matchLabels": {"app": name}}, **spec},
    }


def service(name: str = "web") -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"selector": {"app": name}, "ports": [{"name": "http", "port": 80, "targetPort": "http"}]},
    }


def binding(arn: str, name: str = "web", *, port: int | str = 80) -> dict[str, Any]:
    """Of the service `name`, to a target group."""
    return {
        "apiVersion": "eks.amazonaws.com/v1",
        "kind": "TargetGroupBinding",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"serviceRef": {"name": name, "port": port}, "targetGroupARN": arn},
    }


def listed(*items: dict[str, Any]) -> str:
    """As `kubectl apply -f -` takes them."""
    return "\n---\n".join(map(json.dumps, items))
