"""The emulator keeps its state, refuses what S3 refuses, and admits only its owner and the functions."""

import http.client
import io
import json
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.exceptions import ClientError

from local.emulator import Emulator


def test_what_was_put_is_there_after_a_clean_stop(tmp_path: Path) -> None:
    with Emulator(tmp_path, persistent=True) as emulator:
        emulator.client("s3").create_bucket(Bucket="kept")
        emulator.client("s3").put_object(Bucket="kept", Key="k", Body=b"hello")

    with Emulator(tmp_path, persistent=True) as emulator:
        body = emulator.client("s3").get_object(Bucket="kept", Key="k")["Body"].read()

    assert body == b"hello"


def test_two_run_side_by_side(tmp_path: Path) -> None:
    with Emulator(tmp_path / "one") as one, Emulator(tmp_path / "two") as two:
        one.client("s3").create_bucket(Bucket="only-here")

        names = [bucket["Name"] for bucket in two.client("s3").list_buckets()["Buckets"]]

    assert names == []


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """One with an object in a bucket."""
    with Emulator(tmp_path_factory.mktemp("emulator")) as running:
        running.client("s3").create_bucket(Bucket="bucket")
        running.client("s3").put_object(Bucket="bucket", Key="k", Body=b"hello")
        yield running


def presigned(emulator: Emulator, operation: str, service: str = "s3", **parameters: str) -> str:
    """Return path and query of a URL signed with the root key."""
    url = urlsplit(emulator.client(service).generate_presigned_url(operation, Params=parameters))
    return f"{url.path}?{url.query}"


def test_a_presigned_request_with_an_authorization_header_is_refused(emulator: Emulator) -> None:
    target = presigned(emulator, "get_object", Bucket="bucket", Key="k")

    plain = ask(emulator, "GET", target)
    doubled = ask(emulator, "GET", target, {"Authorization": "Basic eDp5"})

    assert (plain, doubled) == (200, 400)


PAGES = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:8080", "Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-origin"},
]


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_a_page_in_a_browser_can_read_a_presigned_url_and_nothing_else(
    emulator: Emulator, page: dict[str, str]
) -> None:
    read = presigned(emulator, "get_object", Bucket="bucket", Key="k")
    look = presigned(emulator, "head_object", Bucket="bucket", Key="k")
    secret = {"X-Charthouse-Secret": emulator.key.secret}

    reads = [ask(emulator, "GET", read, page), ask(emulator, "HEAD", look, page)]
    others = {
        "write": ask(emulator, "PUT", presigned(emulator, "put_object", Bucket="bucket", Key="k"), page),
        "delete": ask(emulator, "DELETE", presigned(emulator, "delete_object", Bucket="bucket", Key="k"), page),
        "list functions": ask(emulator, "GET", presigned(emulator, "list_functions", "lambda"), page),
        "identity": ask(emulator, "POST", presigned(emulator, "get_caller_identity", "sts"), page),
        "reset": ask(emulator, "POST", "/_ministack/reset", page | secret),
    }

    assert reads == [200, 200]
    assert set(others.values()) == {403}, others
    assert emulator.client("s3").get_object(Bucket="bucket", Key="k")["Body"].read() == b"hello"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/_ministack/reset"),
        ("POST", "/_ministack/config"),
        ("GET", "/_ministack/health"),
        ("GET", "/_localstack/health"),
        ("GET", "/health"),
        ("PUT", "/_local/faults"),
        ("GET", "/_ministack/lambda-code/000000000000/us-east-1/f"),
    ],
)
def test_control_paths_need_the_secret(emulator: Emulator, method: str, path: str) -> None:
    assert ask(emulator, method, path) == 403
    assert ask(emulator, method, path, {"X-Charthouse-Secret": "test"}) == 403


@pytest.mark.parametrize("key_id", ["test", "123456789012", "", "AKIAIOSFODNN7EXAMPLE", "root"])
@pytest.mark.parametrize("secret", ["test", "root"])
def test_a_key_that_others_may_know_is_refused(emulator: Emulator, key_id: str, secret: str) -> None:
    known = {"root": emulator.key.id}.get(key_id, key_id)
    if (key_id, secret) == ("root", "root"):
        secret = "wrong"
    stranger: Any = boto3.Session(known or " ", emulator.key.secret if secret == "root" else secret)

    for service, operation in [
        ("s3", "list_buckets"),
        ("lambda", "list_functions"),
        ("sts", "get_caller_identity"),
        ("dynamodb", "list_tables"),
        ("secretsmanager", "list_secrets"),
        ("cloudformation", "list_stacks"),
    ]:
        client = stranger.client(service, endpoint_url=emulator.endpoint, region_name="us-east-1")
        with pytest.raises(ClientError):
            getattr(client, operation)()


@pytest.mark.parametrize(
    ("method", "target"),
    [("GET", "/"), ("PUT", "/mine"), ("GET", "/bucket/k"), ("PUT", "/bucket/k"), ("OPTIONS", "/bucket/k")],
)
def test_an_unsigned_request_is_refused(emulator: Emulator, method: str, target: str) -> None:
    assert ask(emulator, method, target) == 403


def test_a_signature_of_another_request_is_refused(emulator: Emulator) -> None:
    signed = presigned(emulator, "list_functions", "lambda")

    assert ask(emulator, "GET", signed) == 200
    assert ask(emulator, "GET", signed.replace("/2015-03-31/functions", "/2015-03-31/event-source-mappings")) == 403
    assert ask(emulator, "POST", signed) == 403


def test_each_folder_has_a_root_key_of_its_own_that_stays(tmp_path: Path) -> None:
    one, two = Emulator(tmp_path / "one"), Emulator(tmp_path / "two")

    assert len({one.key.id, two.key.id, one.key.secret, two.key.secret}) == 4
    assert Emulator(tmp_path / "one").key == one.key


def test_other_users_can_read_nothing_in_the_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with Emulator(tmp_path, persistent=True) as emulator:
        emulator.client("secretsmanager").create_secret(Name="pass", SecretString="hidden")

    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700
    states = [path for path in tmp_path.rglob("*") if path.is_file() and b"hidden" in path.read_bytes()]
    assert states
    assert {stat.S_IMODE(path.stat().st_mode) & 0o077 for path in [*states, tmp_path / "root-key"]} == {0}


def test_functions_trust_the_authorities_of_ssl_cert_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", "ca.pem")
    with Emulator(tmp_path / "data") as emulator:
        told = run_function(emulator, "import os\ndef handler(event, context): return dict(os.environ)\n")

    assert told["SSL_CERT_FILE"] == str(tmp_path / "ca.pem")
    assert emulator.key.secret not in told.values()


def test_the_session_of_a_function_cannot_be_computed(tmp_path: Path) -> None:
    """MiniStack makes it from the names of function and role, and those from the names of stack and resource."""
    code = "import os\ndef handler(event, context): return dict(os.environ)\n"
    sessions = []
    for number in range(2):
        with Emulator(tmp_path / str(number)) as emulator:
            told = run_function(emulator, code)
            sessions.append({told[f"AWS_{name}"] for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN")})

    assert len(sessions[0]) == 3
    assert not sessions[0] & sessions[1]


def test_a_function_starts_with_what_it_imports(tmp_path: Path) -> None:
    """The read function's cold start is that of a function without the SDK, here too."""
    code = "import sys\ndef handler(event, context):\n    return [name for name in sys.modules if 'botocore' in name]\n"

    with Emulator(tmp_path) as emulator:
        assert run_function(emulator, code) == []


def run_function(emulator: Emulator, code: str) -> Any:
    """Create a function with this code and return what it answers."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as written:
        written.writestr("app.py", code)
    trust = {
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]
    }
    role = emulator.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    emulator.client("lambda").create_function(
        FunctionName="f", Runtime="python3.13", Handler="app.handler", Role=role, Code={"ZipFile": archive.getvalue()}
    )
    return json.loads(emulator.client("lambda").invoke(FunctionName="f")["Payload"].read())


def ask(emulator: Emulator, method: str, target: str, headers: dict[str, str] | None = None) -> int:
    """Send a request as a browser or curl would and return its status."""
    connection = http.client.HTTPConnection("localhost", emulator.port, timeout=20)
    connection.request(method, target, headers=headers or {})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status
