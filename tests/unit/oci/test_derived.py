"""The manifest made of a row: these bytes are what clients have pinned, so they are written down here."""

import json
from hashlib import sha256

from charthouse.helm.package import Package
from charthouse.helm.reading import listed_line
from charthouse.oci.derived import Signed, derive
from charthouse.oci.manifests import CHART_CONFIG, Manifest

from tests.builders import a_package

ENTRY = (
    '{"annotations":{"artifacthub.io/license":"MIT","org.opencontainers.image.title":"not mine"},"apiVersion":"v2",'
    '"created":"2026-11-20T15:49:01Z","description":"größer","digest":"7c16","home":"https://example.com",'
    '"maintainers":[{"email":"a@example.com","name":"Ann"},{"name":"Bob"}],"name":"mychart",'
    '"sources":["https://one.example","https://two.example"],"urls":["charts/mychart-0.2.0+b.1.tgz"],'
    '"version":"0.2.0+b.1"}'
)
PACKAGE, PROVENANCE = Signed("7c" * 32, 4711), Signed("51" * 32, 833)


def test_the_bytes_never_change() -> None:
    derived = derive(ENTRY, PACKAGE, PROVENANCE)

    assert derived.config.decode() == (
        '{"annotations":{"artifacthub.io/license":"MIT","org.opencontainers.image.title":"not mine"},"apiVersion":"v2",'
        '"description":"größer","home":"https://example.com","maintainers":[{"email":"a@example.com","name":"Ann"},'
        '{"name":"Bob"}],"name":"mychart","sources":["https://one.example","https://two.example"],'
        '"version":"0.2.0+b.1"}'
    )
    assert derived.manifest.decode() == (
        '{"annotations":{"artifacthub.io/license":"MIT",'
        '"org.opencontainers.image.authors":"Ann (a@example.com), Bob",'
        '"org.opencontainers.image.description":"größer","org.opencontainers.image.source":"https://one.example",'
        '"org.opencontainers.image.title":"mychart","org.opencontainers.image.url":"https://example.com",'
        '"org.opencontainers.image.version":"0.2.0+b.1"},'
        f'"config":{{"digest":"sha256:{sha256(derived.config).hexdigest()}",'
        f'"mediaType":"application/vnd.cncf.helm.config.v1+json","size":{len(derived.config)}}},'
        f'"layers":[{{"digest":"sha256:{"7c" * 32}",'
        '"mediaType":"application/vnd.cncf.helm.chart.content.v1.tar+gzip","size":4711},'
        f'{{"digest":"sha256:{"51" * 32}",'
        '"mediaType":"application/vnd.cncf.helm.chart.provenance.v1.prov","size":833}],'
        '"mediaType":"application/vnd.oci.image.manifest.v1+json","schemaVersion":2}'
    )


def test_it_does_not_depend_on_when_the_package_was_stored() -> None:
    package = Package.read(a_package("mychart", "1.0.0", keywords=["a"], dependencies=[]))

    one, other = (listed_line(package, created) for created in ("2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"))

    assert derive(one, PACKAGE) == derive(other, PACKAGE)
    assert derive(one, PACKAGE).digest != derive(one, PACKAGE, PROVENANCE).digest


def test_it_is_a_chart_by_the_registrys_own_rules() -> None:
    derived = derive(ENTRY, PACKAGE, PROVENANCE)

    manifest = Manifest.parse(derived.manifest, "")

    assert manifest.chart is not None
    assert manifest.chart.config.media_type == CHART_CONFIG
    assert manifest.chart.config.digest == derived.config_digest
    assert json.loads(derived.config)["name"] == "mychart"
