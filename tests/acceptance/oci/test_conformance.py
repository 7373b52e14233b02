"""The conformance suites of the distribution spec, whole, through the deployed stack."""

import re
import secrets
from collections.abc import Callable

import pytest

from local.tools import CONFORMANCE, CONFORMANCE_1_1, GoProgram
from tests.acceptance.deployment import Deployment
from tests.acceptance.oci.conftest import PASSWORD, USER, Run

STACKS = pytest.mark.parametrize("stack", ["open_stack", "public_stack"])


@STACKS
def test_the_newest_suite_passes_with_every_api_and_kind_of_data(
    stack: str, request: pytest.FixtureRequest, program: Callable[[GoProgram], Run]
) -> None:
    """But for what it leaves off itself: manifests that name what was never pushed, which are refused here.

    Two things a registry may do otherwise: a mount without a source begins an upload, and S3, which answers for blobs,
    cannot send their digest.
    """
    deployment: Deployment = request.getfixturevalue(stack)
    team = f"conformance-{secrets.token_hex(4)}"

    done = program(CONFORMANCE)(
        OCI_REGISTRY=deployment.url.removeprefix("http://"),
        OCI_TLS="disabled",
        OCI_REPO1=f"{team}/one",
        OCI_REPO2=f"{team}/two",
        OCI_VERSION="1.1",
        OCI_API_BLOBS_UPLOAD_CANCEL="true",
        OCI_API_MANIFESTS_TAG_PARAM="true",
        OCI_API_MANIFESTS_DIGEST_HEADER="true",
        OCI_RESULTS_DIR="results",
        OCI_LOG="error",
        **_credentials(deployment),
    )

    found = re.findall(r"^ +(\w+)\.{5,}: +(\d+)$", done.output, re.MULTILINE)
    counts = {name.lower(): int(count) for name, count in found}
    assert done.code == 0, done.output[:20_000]
    assert "OCI Conformance Result: Pass" in done.output
    assert (counts["fail"], counts["error"], counts["disabled"]) == (0, 0, 0)
    # The two mounts without a source, one for each algorithm.
    assert counts["skip"] == 2
    assert counts["pass"] >= 900


@STACKS
@pytest.mark.parametrize("manifests_first", ["1", "0"])
def test_the_suite_of_release_1_1_passes_in_all_categories(
    stack: str, manifests_first: str, request: pytest.FixtureRequest, program: Callable[[GoProgram], Run]
) -> None:
    deployment: Deployment = request.getfixturevalue(stack)
    team = f"conformance-{secrets.token_hex(4)}"

    done = program(CONFORMANCE_1_1)(
        OCI_ROOT_URL=deployment.url,
        OCI_NAMESPACE=f"{team}/one",
        OCI_CROSSMOUNT_NAMESPACE=f"{team}/two",
        OCI_AUTOMATIC_CROSSMOUNT="0",
        OCI_TEST_PULL="1",
        OCI_TEST_PUSH="1",
        OCI_TEST_CONTENT_DISCOVERY="1",
        OCI_TEST_CONTENT_MANAGEMENT="1",
        OCI_DELETE_MANIFEST_BEFORE_BLOBS=manifests_first,
        OCI_REPORT_DIR="none",
        **_credentials(deployment),
    )

    plain = re.sub(r"\x1b\[[0-9;]*m", "", done.output)
    found = re.search(r"(\d+) Passed \| (\d+) Failed", plain)
    assert done.code == 0, plain[-20_000:]
    assert found is not None
    assert (int(found[1]) >= 75, int(found[2])) == (True, 0)


def _credentials(deployment: Deployment) -> dict[str, str]:
    return {"OCI_USERNAME": USER, "OCI_PASSWORD": PASSWORD} if "BasicAuthUser" in deployment.parameters else {}
