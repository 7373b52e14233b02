"""MaxUploadSize, MaxStorageObjects and PerChartLimit."""

from tests.acceptance.deployment import Deployment
from tests.acceptance.options.stacks import MAX_OBJECTS, MAX_UPLOAD
from tests.acceptance.repository import Repository, ask
from tests.builders import a_package, a_provenance
from tests.events import a_form


def a_package_of(size: int, name: str = "mychart") -> bytes:
    """Return a package of exactly so many bytes: an extra field in the header of its gzip fills it up."""
    package = a_package(name, "1.0.0")
    assert package[3] == 0  # no flags
    extra = b"x" * (size - len(package) - 2)
    return package[:3] + b"\x04" + package[4:10] + len(extra).to_bytes(2, "little") + extra + package[10:]


def test_max_upload_size_is_the_last_byte_that_passes(small: Repository) -> None:
    """MaxUploadSize."""
    fits, over = a_package_of(MAX_UPLOAD), a_package_of(MAX_UPLOAD + 1)

    accepted, refused = small.upload(fits), small.upload(over, query="?force")

    assert accepted.status == 201
    assert refused.status == 413
    assert refused.headers["Content-Type"] == "application/json; charset=utf-8"
    assert str(MAX_UPLOAD) in refused.error
    assert small.read("/charts/mychart-1.0.0.tgz").body == fits


def test_max_upload_size_counts_what_a_form_adds(small: Repository) -> None:
    around = len(a_form(("chart", b""))[1])

    accepted = small.upload_form(("chart", a_package_of(MAX_UPLOAD - around, "fits")))
    refused = small.upload_form(("chart", a_package_of(MAX_UPLOAD - around + 1, "over")))

    assert (accepted.status, refused.status) == (201, 413)
    assert small.upload_provenance(b"x" * (MAX_UPLOAD + 1)).status == 413
    assert set(small.index()["entries"]) == {"fits"}


def test_max_storage_objects_ends_every_kind_of_upload(small: Repository, limits: Deployment) -> None:
    """MaxStorageObjects: packages and provenance files of one repository."""
    for name in ("a", "b"):
        package = a_package(name, "1.0.0")
        assert small.upload_form(("chart", package), ("prov", a_provenance(package, name, "1.0.0"))).status == 201
    assert small.upload(a_package("c", "1.0.0")).status == 201
    assert len(limits.objects(small.url.rpartition("/")[2] + "/")) == MAX_OBJECTS

    late = a_package("d", "1.0.0")
    refused = [
        small.upload(late),
        small.upload_form(("chart", late)),
        small.upload_provenance(a_provenance(late, "d", "1.0.0")),
    ]

    assert [(answer.status, answer.error) for answer in refused] == [(507, "repo has reached storage limit")] * 3
    assert set(small.index()["entries"]) == {"a", "b", "c"}
    # What is there may be replaced, and the limit is each repository's own.
    assert small.upload(a_package("c", "1.0.0", description="again")).status == 201
    assert limits.repository("elsewhere").upload(late).status == 201


def test_per_chart_limit_keeps_the_newest_versions(small: Repository, limits: Deployment) -> None:
    """PerChartLimit: the order of ChartMuseum's own test."""
    oldest = a_package("mychart", "0.0.1")
    assert small.upload(a_package("mychart-service", "0.0.1")).status == 201
    assert small.upload_form(("chart", oldest), ("prov", a_provenance(oldest, "mychart", "0.0.1"))).status == 201
    assert small.upload(a_package("mychart", "0.2.0")).status == 201

    assert small.upload(a_package("mychart", "0.1.0")).status == 201

    assert small.versions("mychart") == ["0.2.0", "0.1.0"]
    assert small.versions("mychart-service") == ["0.0.1"]
    assert small.call("GET", "/charts/mychart/0.0.1").status == 404
    repo = small.url.rpartition("/")[2]
    files = [key.removeprefix(f"{repo}/") for key in limits.objects(f"{repo}/")]
    # Its provenance is gone with it.
    assert files == ["mychart-0.1.0.tgz", "mychart-0.2.0.tgz", "mychart-service-0.0.1.tgz"]


def test_per_chart_limit_keeps_what_was_just_uploaded(small: Repository) -> None:
    for version in ("1.10.0", "1.9.0"):
        assert small.upload(a_package("mychart", version)).status == 201

    assert small.upload(a_package("mychart", "1.0.0")).status == 201
    after_an_old_one = small.versions("mychart")
    assert small.upload(a_package("mychart", "2.0.0")).status == 201

    assert after_an_old_one == ["1.10.0", "1.9.0", "1.0.0"]
    assert small.versions("mychart") == ["2.0.0", "1.10.0"]


def test_per_chart_limit_does_not_count_an_overwrite(small: Repository) -> None:
    for version in ("0.1.0", "0.2.0"):
        assert small.upload(a_package("mychart", version)).status == 201

    assert small.upload(a_package("mychart", "0.2.0", description="again")).status == 201

    assert small.versions("mychart") == ["0.2.0", "0.1.0"]


def test_without_oci_no_route_of_the_registry_exists(limits: Deployment) -> None:
    """DisableOci."""
    assert [ask("GET", f"{limits.url}{path}").status for path in ("/v2/", "/v2/small/mychart/tags/list")] == [404, 404]
