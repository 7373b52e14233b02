"""An index of more than 32 MiB: a publication fetches what is around the change, and S3 copies the rest."""

import gzip
import json

from charthouse.helm.index import Entry, Index, Stamp
from charthouse.repository.repository import envelope_of
from charthouse.settings import Layout

from tests.acceptance.deployment import Deployment
from tests.acceptance.repository import ask
from tests.builders import a_package

LINES = 700
INDEX = ".charthouse/index/large/index.yaml"
MOMENT = "2026-11-29T00:00:00Z"


def test_a_version_is_published_into_a_large_index_by_parts(any_depth: Deployment) -> None:
    repository = any_depth.repository("large")
    assert repository.upload(a_package("app", "1.0.0")).status == 201
    former = json.loads(repository.index_bytes())["entries"]["app"]
    charts = [entry(f"big{at % 7}", f"1.{at}.0") for at in range(LINES)]
    lines = [*charts, Entry("app", "1.0.0", json.dumps(former[0], separators=(",", ":"), sort_keys=True))]
    index = Index.fold(envelope_of(Layout(), "large"), lines, Stamp(1_000, "aa", MOMENT))
    any_depth.put(INDEX, index.data)

    assert repository.upload(a_package("app", "1.1.0")).status == 201

    published = json.loads(repository.index_bytes())["entries"]
    assert [one["version"] for one in published["app"]] == ["1.1.0", "1.0.0"]
    assert sum(map(len, published.values())) == LINES + 2
    assert is_made_of_parts(any_depth, INDEX)
    copy = ask("GET", repository.get("/index.yaml", Accept_Encoding="gzip").location.geturl())
    assert json.loads(gzip.decompress(copy.body))["entries"] == published
    assert repository.call("DELETE", "/charts/app/1.0.0").status == 200
    published = json.loads(repository.index_bytes())["entries"]
    assert [one["version"] for one in published["app"]] == ["1.1.0"]


def entry(chart: str, version: str) -> Entry:
    about = f'"description":"{"x" * 60_000}","digest":"{"a" * 64}","name":"{chart}"'
    urls = f'"urls":["charts/{chart}-{version}.tgz"],"version":"{version}"'
    return Entry(chart, version, f'{{"apiVersion":"v2","created":"{MOMENT}",{about},{urls}}}')


def is_made_of_parts(deployment: Deployment, key: str) -> bool:
    """Return whether S3 says so by the ETag: it ends in the number of parts."""
    return "-" in deployment.s3.head_object(Bucket=deployment.bucket, Key=key)["ETag"]
