"""A client of the OCI registry, over both of its functions."""

import json
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any
from urllib.parse import quote

from charthouse.aws.artifacts import S3Artifacts
from charthouse.oci.manifests import IMAGE
from charthouse.oci.names import Digest
from charthouse.registry.lookup import Lookup
from charthouse.registry.ports import Place
from charthouse.registry.registry import lookup_of
from charthouse.repository.repository import one_by_one

from tests.functions.conftest import Answer, Deployment
from tests.unit.registry.in_memory import Chart


@dataclass(frozen=True)
class Registry:
    """Sends requests to the function that a route leads to."""

    deployment: Deployment
    pull: ModuleType
    push: ModuleType

    @classmethod
    def load(cls, deployment: Deployment, **options: str) -> "Registry":
        """Load both functions. The pulling one reads by the SDK here, which is what the mock understands."""
        push = deployment.load("push_artifacts", **options)
        push.__dict__["ports"] = replace(push.ports, map=one_by_one)
        pull = deployment.load("pull_artifacts", **options)
        store = S3Artifacts(deployment.s3, pull.settings.storage)

        def lookup(place: Place) -> Lookup:
            return lookup_of(place, store, push.ports.repository(place.repo))

        pull.__dict__["lookup"] = lookup
        return cls(deployment, pull, push)

    def ask(self, method: str, path: str, **request: Any) -> Answer:
        """Send a request below `/v2/`."""
        app = self.pull if method in {"GET", "HEAD"} else self.push
        return self.deployment.ask(app, method, f"/v2/{path}", **request)

    def push_blob(self, name: str, body: bytes) -> Answer:
        """Push a blob by one POST."""
        headers = {"Content-Type": "application/octet-stream"}
        query = f"digest={quote(str(Digest.of(body)))}"
        return self.ask("POST", f"{name}/blobs/uploads/", query=query, headers=headers, body=body)

    def put(self, name: str, reference: str, body: bytes, kind: str = IMAGE, query: str = "") -> Answer:
        """Put a manifest."""
        path = f"{name}/manifests/{reference}"
        return self.ask("PUT", path, headers={"Content-Type": kind}, body=body, query=query)

    def push_chart(self, name: str, chart: Chart) -> Answer:
        """Push a chart as Helm does; return the last answer."""
        for body in (chart.package, chart.config, *([chart.provenance] if chart.provenance else [])):
            assert self.push_blob(name, body).status == 201
        assert self.put(name, str(chart.digest), chart.manifest).status == 201
        return self.put(name, chart.tag, chart.manifest)


def error(answer: Answer) -> tuple[int, str, str]:
    """Return status, code and message of an error in the spec's form."""
    (found,) = answer.json["errors"]
    assert set(found) == {"code", "message", "detail"}
    assert answer.headers["Content-Type"].startswith("application/json")
    return answer.status, found["code"], found["message"]


def manifest_of(answer: Answer) -> Any:
    """Return the manifest of an answer, whose digest must be the one it says."""
    assert answer.headers["Docker-Content-Digest"] == str(Digest.of(answer.body))
    return json.loads(answer.body)
