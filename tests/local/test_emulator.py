"""The emulator keeps what it holds, and is as strict as S3 where that is easily forgotten."""

import http.client
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


def test_a_presigned_request_with_an_authorization_header_is_refused(tmp_path: Path) -> None:
    with Emulator(tmp_path) as emulator:
        s3 = emulator.client("s3")
        s3.create_bucket(Bucket="bucket")
        s3.put_object(Bucket="bucket", Key="k", Body=b"hello")
        url = urlsplit(s3.generate_presigned_url("get_object", Params={"Bucket": "bucket", "Key": "k"}))

        plain = status(url.netloc, f"{url.path}?{url.query}", {})
        doubled = status(url.netloc, f"{url.path}?{url.query}", {"Authorization": "Basic eDp5"})

    assert (plain, doubled) == (200, 400)


def status(host: str, target: str, headers: dict[str, str]) -> int:
    connection = http.client.HTTPConnection(host, timeout=20)
    connection.request("GET", target, headers=headers)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


def test_a_key_that_nobody_has_is_refused(tmp_path: Path) -> None:
    with Emulator(tmp_path) as emulator:
        stranger: Any = boto3.Session("AKIAIOSFODNN7EXAMPLE", "wrong", region_name="us-east-1")
        client = stranger.client("s3", endpoint_url=emulator.endpoint)

        with pytest.raises(ClientError, match=r"InvalidAccessKeyId|AccessDenied|403"):
            client.list_buckets()
