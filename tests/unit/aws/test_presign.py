"""Our signatures are botocore's, byte for byte; and what the URLs made of them are good for."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

import botocore.auth
import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials as BotocoreCredentials
from botocore.session import Session
from charthouse.aws.http import Answer, UnexpectedAnswer
from charthouse.aws.keys import view_name, view_path
from charthouse.aws.presign import PresignedFiles, Signer, object_url, service_url
from charthouse.settings import Credentials, Storage
from hypothesis import given, settings
from hypothesis import strategies as st

SDK = Session()
"""One for all clients: it reads the services' models once."""

PARTITIONS = SDK.get_available_partitions()
REGIONS = [region for name in PARTITIONS for region in SDK.get_available_regions("s3", partition_name=name)]
"""Every region of every partition, by botocore's own table."""

moments = st.integers(1_577_836_800, 2_145_916_799).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
printable = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)
tokens = st.one_of(st.just(""), printable)
names = st.one_of(
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30),
    st.text("ab+%~ .&=?#/'()*!_-\u00e9\u20ac", min_size=1, max_size=30),
)
keys = names.map(lambda name: name.strip("/")).filter(lambda name: name and not set(name.split("/")) & {".", "..", ""})
headers = st.dictionaries(
    st.sampled_from(["Content-Type", "X-Amz-Target", "Accept"]), st.one_of(printable, st.text(" a;/=", min_size=1))
)


@settings(max_examples=100, deadline=None)
@given(
    key=keys,
    credentials=st.builds(Credentials, printable, printable, tokens),
    region=st.sampled_from(REGIONS),
    method=st.sampled_from(["GET", "HEAD"]),
    expires=st.integers(1, 604_800),
    moment=moments,
    overrides=st.dictionaries(st.sampled_from(["response-content-type", "response-content-disposition"]), names),
)
def test_a_presigned_url_is_the_sdks(
    key: str,
    credentials: Credentials,
    region: str,
    method: str,
    expires: int,
    moment: datetime,
    overrides: dict[str, str],
) -> None:
    url = object_url(Storage(bucket="charts-0a1b", region=region), key)
    signer = Signer("s3", region, lambda: credentials, moment.timestamp)

    presigned = signer.presigned(method, url, expires, overrides)

    request = AWSRequest(method, url, params=dict(overrides))
    with frozen(moment):
        S3SigV4QueryAuth(botocores(credentials), "s3", region, expires).add_auth(request)
    assert presigned == request.url


@settings(max_examples=60, deadline=None)
@given(
    key=keys,
    region=st.sampled_from(REGIONS),
    endpoint=st.sampled_from(["", "http://localhost:4566"]),
    bucket=st.sampled_from(["charts-0a1b", "charts.example.com"]),
)
def test_an_object_is_where_the_sdk_presigns_it(key: str, region: str, endpoint: str, bucket: str) -> None:
    url = object_url(Storage(bucket=bucket, region=region, endpoint=endpoint), key)

    presigned = sdk("s3", region, endpoint).generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": key})

    assert url == presigned.partition("?")[0]


@settings(max_examples=60, deadline=None)
@given(
    key=keys,
    credentials=st.builds(Credentials, printable, printable, tokens),
    region=st.sampled_from(REGIONS),
    moment=moments,
)
def test_a_signed_request_to_s3_is_the_sdks(key: str, credentials: Credentials, region: str, moment: datetime) -> None:
    url = object_url(Storage(bucket="charts-0a1b", region=region), key)
    signer = Signer("s3", region, lambda: credentials, moment.timestamp)

    signed = signer.headers("HEAD", url, {})

    request = AWSRequest("HEAD", url)
    with frozen(moment):
        S3SigV4Auth(botocores(credentials), "s3", region).add_auth(request)
    assert signed == dict(request.headers.items())


@settings(max_examples=60, deadline=None)
@given(
    credentials=st.builds(Credentials, printable, printable, tokens),
    region=st.sampled_from(REGIONS),
    moment=moments,
    sent=headers,
    body=st.binary(max_size=200),
)
def test_a_signed_request_to_another_service_is_the_sdks(
    credentials: Credentials, region: str, moment: datetime, sent: dict[str, str], body: bytes
) -> None:
    url = service_url(Storage(region=region), "secretsmanager")
    signer = Signer("secretsmanager", region, lambda: credentials, moment.timestamp)

    signed = signer.headers("POST", url, sent, body)

    request = AWSRequest("POST", url, sent, body)
    with frozen(moment):
        SigV4Auth(botocores(credentials), "secretsmanager", region).add_auth(request)
    assert signed == dict(request.headers.items())


@pytest.mark.parametrize("service", ["s3", "secretsmanager"])
@pytest.mark.parametrize("region", REGIONS)
def test_a_service_is_where_the_sdk_finds_it(region: str, service: str) -> None:
    assert service_url(Storage(region=region), service) == f"{sdk(service, region).meta.endpoint_url}/"


def test_credentials_are_asked_for_each_signature() -> None:
    rotating = iter([Credentials("FIRST", "secret"), Credentials("SECOND", "secret")])
    signer = Signer("s3", "us-east-1", lambda: next(rotating))
    url = object_url(Storage(bucket="charts", region="us-east-1"), "a.tgz")

    assert "FIRST" in signer.presigned("GET", url, 60)
    assert "SECOND" in signer.presigned("GET", url, 60)


@cache
def sdk(service: str, region: str, endpoint: str = "") -> Any:
    """Return the SDK's client, addressing as ours do."""
    style: Any = {"addressing_style": "path" if endpoint else "virtual", "us_east_1_regional_endpoint": "regional"}
    config = Config(signature_version="s3v4" if service == "s3" else None, s3=style)
    return SDK.create_client(
        service,
        region_name=region,
        endpoint_url=endpoint or None,
        config=config,
        aws_access_key_id="key",
        aws_secret_access_key="secret",
    )


def botocores(credentials: Credentials) -> BotocoreCredentials:
    return BotocoreCredentials(credentials.access_key, credentials.secret_key, credentials.token or None)


@contextmanager
def frozen(moment: datetime) -> Iterator[None]:
    """Stop botocore's clock, which is no argument of its signers."""
    module: Any = botocore.auth
    clock = module.get_current_datetime
    module.get_current_datetime = lambda *_: moment.replace(tzinfo=None)
    try:
        yield
    finally:
        module.get_current_datetime = clock


STORAGE = Storage(bucket="charts-0a1b", region="eu-central-1", prefix="helm")
SIGNER = Signer("s3", "eu-central-1", lambda: Credentials("AKIDEXAMPLE", "secret", "token"), lambda: 1_795_000_000)


def test_the_url_of_a_file_is_valid_for_minutes_and_below_the_storage_prefix() -> None:
    url = urlsplit(PresignedFiles(STORAGE, SIGNER, never).file_url("GET", "org1/repo1", "mychart-0.1.0.tgz"))

    assert (url.hostname, url.path) == (
        "charts-0a1b.s3.eu-central-1.amazonaws.com",
        "/helm/org1/repo1/mychart-0.1.0.tgz",
    )
    assert parse_qs(url.query)["X-Amz-Expires"] == ["900"]


@pytest.mark.parametrize(("status", "exists"), [(200, True), (404, False)])
def test_one_signed_head_finds_out_whether_an_index_exists(status: int, *, exists: bool) -> None:
    requests: list[tuple[str, str]] = []

    def answer(method: str, url: str, headers: Mapping[str, str], _body: bytes) -> Answer:
        assert headers["Authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
        requests.append((method, url))
        return Answer(status, b"")

    url = PresignedFiles(STORAGE, SIGNER, answer).index_url("GET", "")

    assert (url is not None) is exists
    assert requests == [("HEAD", "https://charts-0a1b.s3.eu-central-1.amazonaws.com/helm/.charthouse/index/index.yaml")]


def test_a_missing_index_is_looked_for_each_time_and_once_seen_never_again() -> None:
    answers = [Answer(404, b""), Answer(404, b""), Answer(200, b"")]
    files = PresignedFiles(STORAGE, SIGNER, lambda *_: answers.pop(0))

    urls = [files.index_url("GET", "team") for _ in range(5)]

    assert [url is None for url in urls] == [True, True, False, False, False]
    assert answers == []


def test_the_index_of_one_repository_says_nothing_about_another() -> None:
    answers = [Answer(200, b""), Answer(404, b"")]
    files = PresignedFiles(STORAGE, SIGNER, lambda *_: answers.pop(0))

    assert files.index_url("GET", "team") is not None
    assert files.index_url("GET", "other") is None


@pytest.mark.parametrize("status", [301, 307, 400, 403])
def test_a_refusal_means_neither_that_the_index_exists_nor_that_it_does_not(status: int) -> None:
    files = PresignedFiles(STORAGE, SIGNER, lambda *_: Answer(status, b""))

    with pytest.raises(UnexpectedAnswer, match=str(status)):
        files.index_url("GET", "")


@dataclass
class Objects:
    """S3 with some objects: what was asked of it, and its answers."""

    keys: set[str]
    asked: list[str] = field(default_factory=list)

    def send(self, method: str, url: str, _headers: Mapping[str, str], _body: bytes) -> Answer:
        split = urlsplit(url)
        self.asked.append(f"{method} {unquote(split.path)}")
        if method == "HEAD":
            return Answer(200 if unquote(split.path.removeprefix("/helm/")) in self.keys else 404, b"")
        query = {name: values[0] for name, values in parse_qs(split.query).items()}
        keys = sorted(f"helm/{key}" for key in self.keys)
        keys = [key for key in keys if key.startswith(query["prefix"]) and key > query.get("start-after", "")]
        found = "".join(f"<Key>{quote(key)}</Key>" for key in keys[: int(query["max-keys"])])
        return Answer(200, f"<ListBucketResult>{found}</ListBucketResult>".encode())

    def url(self, repo: str, chart: str = "", *, compressed: bool = False) -> str | None:
        files = PresignedFiles(STORAGE, SIGNER, self.send)
        url = files.index_url("GET", repo, chart, compressed=compressed)
        return url and unquote(urlsplit(url).path.removeprefix("/helm/.charthouse/"))


def test_a_chart_has_an_index_of_its_own() -> None:
    objects = Objects({".charthouse/views/team/-/nginx", ".charthouse/index/team/index.yaml"})

    assert objects.url("team", "nginx", compressed=True) == "views/team/-/nginx"
    assert objects.asked == ["HEAD /helm/.charthouse/views/team/-/nginx"]


def test_the_gzip_copy_is_for_those_who_prefer_it_and_read_from_the_index_where_it_is_missing() -> None:
    objects = Objects({".charthouse/index/index.yaml"})

    assert objects.url("", compressed=True) == "index/index.yaml"
    objects.keys.add(".charthouse/views/index.yaml.gz")
    assert objects.url("", compressed=True) == "views/index.yaml.gz"
    assert objects.url("") == "index/index.yaml"


@pytest.mark.parametrize("file", ["nginx-1.0.0.tgz", "nginx-v1.0.0.tgz", "nginx-01.tgz"])
def test_a_chart_without_a_view_is_read_from_the_whole_index(file: str) -> None:
    objects = Objects({f"team/{file}", ".charthouse/index/team/index.yaml", ".charthouse/views/team/index.yaml.gz"})

    assert objects.url("team", "nginx") == "index/team/index.yaml"
    assert objects.url("team", "nginx", compressed=True) == "views/team/index.yaml.gz"


def test_a_chart_that_never_was_has_no_index_whatever_others_begin_with_its_name() -> None:
    objects = Objects(
        {"nginx-ingress-1.0.0.tgz", "nginx-1.0.0.tgz.prov", "nginx-v1.txt", ".charthouse/index/index.yaml"}
    )

    assert objects.url("", "nginx") is None
    assert objects.asked == ["HEAD /helm/.charthouse/views/-/nginx", "GET /", "GET /"]


def test_a_long_name_has_a_view_all_the_same() -> None:
    path = view_path("r" * 500, "n" * 800)

    assert len(path) < 1000
    assert view_path("r", "n" * 801) != view_path("r", "n" * 800)
    assert view_name("r", view_path("r", "n" * 800)) is None
    assert view_name("r", view_path("r", "nginx")) == "nginx"


def never(*_: object) -> Answer:
    raise AssertionError("nothing had to be sent")
