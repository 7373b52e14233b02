"""`make user`, `make users` and `make access`: what is stored, what is printed, and who else may store meanwhile."""

import json
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from charthouse.access.passwords import is_right, is_slow
from charthouse.access.policy import Policy
from charthouse.errors import InvalidPolicy
from moto import mock_aws

from local import access
from local.access import DOCUMENT, StoredPolicy
from local.progress import Trouble
from tests.policies import a_document, a_grant, a_policy_key, a_rule, a_user, an_issuer

BUCKET = f"charts-{secrets.token_hex(4)}"
"""Of its own: the mocked S3 may be that of other tests, too."""


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    with mock_aws():
        client: Any = boto3.client("s3", "us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
        client.create_bucket(Bucket=BUCKET)
        client.delete_object(Bucket=BUCKET, Key=DOCUMENT)
        monkeypatch.setattr(StoredPolicy, "of", lambda _stack: StoredPolicy(client, BUCKET, {}))
        yield client


def stored(s3: Any, key: str = DOCUMENT) -> Any:
    return json.loads(s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())


def put(s3: Any, document: bytes) -> None:
    s3.put_object(Bucket=BUCKET, Key=DOCUMENT, Body=document)


def make(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Run a command as make does and return its standard output."""
    access.commands(list(arguments), standalone_mode=False)
    return capsys.readouterr().out


def a_new_user(capsys: pytest.CaptureFixture[str], *more: str) -> str:
    return make(capsys, "user", "--name", "alice", "--repositories", "team-a team-a/*", "--actions", "pull,push", *more)


def test_a_new_user_gets_a_generated_password_which_is_printed_once(
    s3: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    password = a_new_user(capsys).splitlines()[-1]

    alice = stored(s3)["users"]["alice"]
    assert alice["grants"] == [{"repositories": ["team-a", "team-a/*"], "actions": ["pull", "push"]}]
    assert is_right(alice["password"], password.encode(), slow=False)
    assert not is_slow(alice["password"])
    assert password not in json.dumps(stored(s3))
    # It is there now: changed grants leave the password, and nothing is printed.
    assert make(capsys, "user", "--name", "alice", "--repositories", "**", "--actions", "pull delete") == ""
    changed = stored(s3)["users"]["alice"]
    assert changed["password"] == alice["password"]
    assert changed["grants"] == [{"repositories": ["**"], "actions": ["pull", "delete"]}]


def test_a_password_is_renewed_on_demand_and_the_grants_stay(s3: Any, capsys: pytest.CaptureFixture[str]) -> None:
    first = a_new_user(capsys).splitlines()[-1]

    second = make(capsys, "user", "--name", "alice", "--renew", "1").splitlines()[-1]

    alice = stored(s3)["users"]["alice"]
    assert is_right(alice["password"], second.encode(), slow=False)
    assert not is_right(alice["password"], first.encode(), slow=False)
    assert alice["grants"][0]["repositories"] == ["team-a", "team-a/*"]


def test_a_chosen_password_is_slow_and_never_printed(s3: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert a_new_user(capsys, "--password", "correct horse battery") == ""
    assert is_right(stored(s3)["users"]["alice"]["password"], b"correct horse battery", slow=True)
    assert is_slow(stored(s3)["users"]["alice"]["password"])

    assert make(capsys, "user", "--name", "alice", "--password", "another $word") == ""
    assert is_right(stored(s3)["users"]["alice"]["password"], b"another $word", slow=True)


def test_a_user_is_removed_and_everything_else_stays(s3: Any, capsys: pytest.CaptureFixture[str]) -> None:
    document = {
        "anonymous": [a_grant("public/*", actions="pull")],
        "users": {"alice": a_user(), "bob": a_user()},
        "keys": {"one": a_policy_key(a_grant("**"))},
        "issuers": {"https://gitlab.com": an_issuer(a_rule(a_grant("a"), project_id=7))},
    }
    put(s3, a_document(**document))

    make(capsys, "user", "--name", "alice", "--remove", "1")

    assert stored(s3) == document | {"users": {"bob": document["users"]["bob"]}}  # type: ignore[index]
    with pytest.raises(Trouble, match="no user alice"):
        make(capsys, "user", "--name", "alice", "--remove", "1")


def test_users_are_listed_with_their_grants_and_no_hash(s3: Any, capsys: pytest.CaptureFixture[str]) -> None:
    alice = a_user(a_grant("team-a", "team-a/*"), a_grant("", actions="pull"))
    put(s3, a_document(users={"nobody": a_user(), "alice": alice}))

    listed = make(capsys, "users")

    assert [line.split() for line in listed.splitlines()] == [
        ["alice", '""', "pull"],
        ["alice", "team-a", "team-a/*", "delete,pull,push"],
        ["nobody", "-", "-"],
    ]
    assert "sha256" not in listed


def test_without_a_document_there_is_nobody(s3: Any, capsys: pytest.CaptureFixture[str]) -> None:
    del s3
    assert make(capsys, "users") == ""
    assert make(capsys, "access") == "{}\n"


def test_the_root_repository_is_the_empty_pattern(s3: Any, capsys: pytest.CaptureFixture[str]) -> None:
    make(capsys, "user", "--name", "alice", "--repositories", '"" team-a', "--actions", "pull")

    assert stored(s3)["users"]["alice"]["grants"][0]["repositories"] == ["", "team-a"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "needs a name"),
        (["--name", "alice"], "is new"),
        (["--name", "alice", "--actions", "pull"], "given together"),
        (["--name", "alice", "--repositories", "a"], "given together"),
        (["--name", "alice", "--repositories", "'a", "--actions", "pull"], "cannot be read"),
    ],
)
def test_half_a_user_is_refused(s3: Any, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str) -> None:
    with pytest.raises(Trouble, match=says):
        make(capsys, "user", *arguments)
    assert "Contents" not in s3.list_objects_v2(Bucket=BUCKET)


@pytest.mark.parametrize(
    ("repositories", "actions", "says"),
    [("a", "pul", "'pul' is not an action"), ("a**", "pull", "whole segment"), ("/a", "pull", "no repository")],
)
def test_a_user_with_a_mistake_is_not_stored(
    s3: Any, capsys: pytest.CaptureFixture[str], repositories: str, actions: str, says: str
) -> None:
    with pytest.raises(InvalidPolicy, match=says):
        make(capsys, "user", "--name", "alice", "--repositories", repositories, "--actions", actions)
    assert "Contents" not in s3.list_objects_v2(Bucket=BUCKET)


def test_a_document_with_a_mistake_is_not_edited(s3: Any, capsys: pytest.CaptureFixture[str]) -> None:
    put(s3, b'{"user": {}}')

    with pytest.raises(InvalidPolicy, match="unknown member 'user'"):
        a_new_user(capsys)
    assert stored(s3) == {"user": {}}


def test_a_document_is_checked_and_stored_as_it_is_and_printed(
    s3: Any, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "access.json"
    file.write_bytes(b'{ "users": {},\n\n "anonymous": [] }')

    for _ in range(2):
        assert make(capsys, "access", "--file", str(file)) == ""
        assert make(capsys, "access") == file.read_text()
    assert s3.head_object(Bucket=BUCKET, Key=DOCUMENT)["ContentType"] == "application/json"


BROKEN = a_policy_key() | {"key": "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"}


@pytest.mark.parametrize(
    ("document", "says"),
    [(b"{", "not JSON"), (b'{"user": {}}', "unknown member"), (a_document(keys={"x": BROKEN}), "keys.x.key cannot be")],
)
def test_a_document_with_a_mistake_is_not_stored(
    s3: Any, capsys: pytest.CaptureFixture[str], tmp_path: Path, document: bytes, says: str
) -> None:
    file = tmp_path / "access.json"
    file.write_bytes(document)

    with pytest.raises(InvalidPolicy, match=says):
        make(capsys, "access", "--file", str(file))
    assert "Contents" not in s3.list_objects_v2(Bucket=BUCKET)
    with pytest.raises(Trouble, match="no file"):
        make(capsys, "access", "--file", str(tmp_path / "other.json"))


class Contended:
    """An S3 client at which another edit comes between reading and writing, a number of times."""

    def __init__(self, s3: Any, times: int) -> None:
        self._s3 = s3
        self._left = times
        self.exceptions = s3.exceptions

    def get_object(self, **given: Any) -> Any:
        return self._s3.get_object(**given)

    def put_object(self, **given: Any) -> Any:
        if self._left:
            self._left -= 1
            put(self._s3, a_document(users={f"other-{self._left}": a_user()}))
        return self._s3.put_object(**given)


def test_two_edits_at_the_same_moment_both_count(s3: Any) -> None:
    policy = StoredPolicy(Contended(s3, 2), BUCKET, {})

    policy.edit(lambda document: document.setdefault("users", {}).update(alice=a_user()) is None)

    # The other edits replace each other here; what counts is that the last one is in what was written.
    assert set(stored(s3)["users"]) == {"other-0", "alice"}


def test_an_edit_gives_up_when_others_never_stop(s3: Any) -> None:
    with pytest.raises(Trouble, match="try again"):
        StoredPolicy(Contended(s3, 99), BUCKET, {}).edit(lambda _document: True)


def test_a_file_does_not_overwrite_what_was_stored_meanwhile(
    s3: Any, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(StoredPolicy, "of", lambda _stack: StoredPolicy(Contended(s3, 1), BUCKET, {}))
    file = tmp_path / "access.json"
    file.write_bytes(b"{}")

    with pytest.raises(Trouble, match="same moment"):
        make(capsys, "access", "--file", str(file))
    assert set(stored(s3)["users"]) == {"other-0"}


def test_the_document_is_below_the_stacks_prefix_and_encrypted_as_its_objects(s3: Any) -> None:
    parameters = {"StorageAmazonPrefix": "helm/charts", "StorageAmazonSse": "AES256"}
    policy = StoredPolicy(s3, BUCKET, parameters)

    assert policy.write(b"{}", "")

    assert Policy.parse(s3.get_object(Bucket=BUCKET, Key="helm/charts/.charthouse/access.json")["Body"].read())
    assert policy._encryption() == {"ServerSideEncryption": "AES256"}
    key = StoredPolicy(s3, BUCKET, {"StorageAmazonSse": "aws:kms", "KmsKeyArn": "arn:key"})
    assert key._encryption() == {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "arn:key"}
