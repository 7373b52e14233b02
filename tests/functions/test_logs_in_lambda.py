"""What the functions log in Lambda's own runtime (`awslambdaric`, as the managed runtime has it) at every LogLevel.

The runtime sets the root logger to `AWS_LAMBDA_LOG_LEVEL`, which the template derives from LogLevel. At DEBUG the AWS
SDK would write the role's session token and the signature of every request into the log.
"""

import json
import os
import secrets
import subprocess
import sys
import tempfile
import threading
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import boto3
import pytest
from charthouse.settings import Credentials, Storage

from local.emulator import REGION, Emulator
from tests.builders import a_package
from tests.contract.clouds import Cloud, furnished
from tests.events import an_event
from tests.template.parsed import FUNCTIONS, ROOT, TEMPLATE, folder
from tests.tokens import a_token, an_entry, public_pem

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="awslambdaric has no wheels for other systems"),
    # It starts an emulator.
    pytest.mark.slow,
]

SECONDS = 120
USER, PASSWORD = "helm", "correct-horse-battery"
SESSION_TOKEN = f"session/token+{secrets.token_hex(16)}=="


@dataclass
class RuntimeApi:
    """Lambda's runtime API: hands out events one after the other, and keeps the answers.

    https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
    """

    events: list[Any]
    answers: list[Any] = field(default_factory=list)
    done: threading.Event = field(default_factory=threading.Event)

    def handler(self) -> type[BaseHTTPRequestHandler]:
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                if not api.events:
                    api.done.set()
                    # Lambda freezes the process here.
                    threading.Event().wait(SECONDS)
                    return
                body = json.dumps(api.events.pop(0)).encode()
                self.send_response(200)
                for name, value in (
                    ("Lambda-Runtime-Aws-Request-Id", secrets.token_hex(8)),
                    ("Lambda-Runtime-Deadline-Ms", str(2**42)),
                    ("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:000000000000:function:one"),
                    ("Content-Type", "application/json"),
                    ("Content-Length", str(len(body))),
                ):
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self) -> None:
                answer = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or b"null")
                api.answers.append(answer)
                if not self.path.endswith("/response"):
                    api.done.set()
                self.send_response(202)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """Start an emulator with a bucket, a table and the secret of the Basic password."""
    with Emulator(tmp_path_factory.mktemp("emulator")) as emulator:
        session = boto3.Session(emulator.key.id, emulator.key.secret, region_name=REGION)
        with furnished(Storage(region=REGION, endpoint=emulator.endpoint), session) as cloud:
            secret = emulator.client("secretsmanager").create_secret(Name="password", SecretString=PASSWORD)
            os.environ["CHARTHOUSE_TEST_SECRET"] = secret["ARN"]
            yield replace(cloud, credentials=Credentials(emulator.key.id, emulator.key.secret, SESSION_TOKEN))


def run(function: str, events: Sequence[Any], cloud: Cloud, log_level: str) -> tuple[str, list[Any]]:
    """Run a function in the runtime for these events; return all it logged, and its answers."""
    storage = cloud.storages[True]
    api = RuntimeApi(list(events))
    with ThreadingHTTPServer(("127.0.0.1", 0), api.handler()) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        environment = {
            "PATH": os.environ["PATH"],
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{server.server_port}",
            "AWS_LAMBDA_LOG_FORMAT": TEMPLATE["Globals"]["Function"]["LoggingConfig"]["LogFormat"],
            "AWS_LAMBDA_LOG_LEVEL": TEMPLATE["Mappings"]["LogLevels"]["Lambda"][log_level],
            "AWS_LAMBDA_FUNCTION_NAME": function,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": storage.endpoint,
            "AWS_ACCESS_KEY_ID": cloud.credentials.access_key,
            "AWS_SECRET_ACCESS_KEY": cloud.credentials.secret_key,
            "AWS_SESSION_TOKEN": SESSION_TOKEN,
            "POWERTOOLS_SERVICE_NAME": "charts",
            "POWERTOOLS_METRICS_NAMESPACE": "charthouse",
            "CHARTHOUSE_BUCKET": storage.bucket,
            "CHARTHOUSE_TABLE": storage.table,
            "CHARTHOUSE_ENABLE_METRICS": "true",
            "CHARTHOUSE_ALARMS": "true",
            "CHARTHOUSE_BEARER_AUTH": "true",
            "CHARTHOUSE_AUTH_PUBLIC_KEY": public_pem(),
            "CHARTHOUSE_BASIC_AUTH_USER": USER,
            "CHARTHOUSE_BASIC_AUTH_SECRET": os.environ["CHARTHOUSE_TEST_SECRET"],
            "CHARTHOUSE_LOG_LEVEL": log_level,
            "NO_PROXY": "localhost,127.0.0.1",
        }
        place = ROOT / "functions" / folder(function)
        with tempfile.TemporaryFile("w+") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "awslambdaric", "app.handler"],
                cwd=place,
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
            try:
                ended = api.done.wait(SECONDS)
            finally:
                process.kill()
                process.wait()
                server.shutdown()
            log.seek(0)
            output = log.read()
    assert ended, output
    return output, api.answers


BEARER = f"Bearer {a_token(an_entry('repo', 'pull', 'push'))}"
BASIC = f"Basic {b64encode(f'{USER}:{PASSWORD}'.encode()).decode()}"


def requests(*calls: tuple[str, str, bytes]) -> list[Any]:
    """Return the events of these calls, each with either kind of credentials."""
    return [
        an_event(method, path, headers={"Authorization": credentials}, body=body)
        for method, path, body in calls
        for credentials in (BEARER, BASIC)
    ]


def message(bucket: str, key: str) -> dict[str, Any]:
    """Return a batch of one message about an object."""
    sample = json.loads((ROOT / "events" / "index_objects.json").read_text())
    record = sample["Records"][0]
    body = json.loads(record["body"])
    body["Records"][0]["s3"]["bucket"]["name"] = bucket
    body["Records"][0]["s3"]["object"] = {"key": quote(key)}
    return {"Records": [record | {"body": json.dumps(body)}]}


def work(cloud: Cloud) -> Mapping[str, list[Any]]:
    """Return function → events that make it call every service it uses."""
    storage = cloud.storages[True]
    cloud.s3.put_object(Bucket=storage.bucket, Key="other-1.0.0.tgz", Body=a_package("other", "1.0.0"))
    package = a_package("mychart", "0.1.0", files={"values.yaml": b"a: 1\n"})
    blob = f"/v2/mychart/blobs/sha256:{sha256(package).hexdigest()}"
    return {
        "IndexObjects": [message(storage.bucket, "other-1.0.0.tgz")],
        "UploadCharts": requests(("POST", "/api/charts", package)),
        "ReadFiles": requests(("GET", "/index.yaml", b""), ("GET", "/charts/mychart-0.1.0.tgz", b"")),
        "ListCharts": requests(("GET", "/api/charts", b""), ("GET", "/api/charts/mychart/0.1.0/values", b"")),
        "ShowHome": requests(("GET", "/metrics", b""), ("GET", "/info", b"")),
        "ReconcileRepositories": [{"task": "sweep"}, {"task": "reconcile"}],
        "PullArtifacts": requests(("GET", "/v2/mychart/manifests/0.1.0", b""), ("GET", blob, b"")),
        "PushArtifacts": requests(("POST", "/v2/mychart/blobs/uploads/", b"")),
        "DeleteCharts": requests(("DELETE", "/api/charts/mychart/0.1.0", b"")),
    }


def signatures(answers: Sequence[Any]) -> set[str]:
    """Return the signatures of the presigned URLs in these answers."""
    urls = [answer["headers"].get("Location", "") for answer in answers if "headers" in (answer or {})]
    return {value for url in urls for value in parse_qs(urlsplit(url).query).get("X-Amz-Signature", [])}


def test_no_function_logs_a_secret_at_debug(cloud: Cloud) -> None:
    jobs = work(cloud)
    assert set(jobs) == set(FUNCTIONS)
    statuses, signed = {}, set()

    for function, events in jobs.items():
        output, answers = run(function, events, cloud, "DEBUG")

        statuses[function] = [answer.get("statusCode") for answer in answers]
        signed |= signatures(answers)
        hidden = {
            SESSION_TOKEN,
            cloud.credentials.secret_key,
            quote(SESSION_TOKEN, safe=""),
            BEARER.removeprefix("Bearer "),
            BEARER.rpartition(".")[2],
            BASIC.removeprefix("Basic "),
            PASSWORD,
            "X-Amz-Signature",
            "AWS4-HMAC-SHA256",
            "X-Amz-Security-Token",
        }
        assert not [secret for secret in hidden | signatures(answers) if secret in output], (function, output)
        assert '"level"' in output, (function, answers)

    # Everything was really done, and URLs were really signed.
    assert statuses["UploadCharts"] == [201, 409]
    assert statuses["ReadFiles"] == [302] * 4
    assert statuses["ListCharts"] == statuses["ShowHome"] == [200] * 4
    assert statuses["PullArtifacts"] == [200, 200, 307, 307]
    assert statuses["PushArtifacts"] == [202, 202]
    assert statuses["DeleteCharts"] == [200, 404]
    assert len(signed) >= 2


@pytest.mark.parametrize(("level", "logged"), [("DEBUG", True), ("INFO", True), ("WARNING", False), ("ERROR", False)])
def test_a_level_silences_events_and_requests_but_no_metrics(cloud: Cloud, level: str, logged: bool) -> None:  # noqa: FBT001
    """As docs/operations.md says: at WARNING the events are silent, metrics are not."""
    swept, _ = run("ReconcileRepositories", [{"task": "sweep"}], cloud, level)
    read, _ = run("ReadFiles", requests(("GET", "/index.yaml", b"")), cloud, level)

    assert ('"swept"' in swept) is logged
    assert ('"answered"' in read) is logged
    for output, metric in ((swept, "OldestUnpublishedSeconds"), (read, "RequestSeconds")):
        assert f'"Name":"{metric}"' in output.replace(": ", ":")


def test_refused_credentials_are_lines_that_the_alarm_s_filter_counts(cloud: Cloud) -> None:
    """The filter `Refused` of the template: { ($.message = "answered") && ($.status = 401) }."""
    refused = an_event("GET", "/index.yaml", headers={"Authorization": "Bearer guessed"})

    output, _ = run("ReadFiles", [refused], cloud, "INFO")

    lines = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    assert [line["status"] for line in lines if line.get("message") == "answered"] == [401]
