"""The commands that `make run` prints work when pasted, whatever the parameters are."""

import shlex
from pathlib import Path

import pytest

from local.guide import guide
from local.places import ROOT

BEARER = {"BearerAuth": "true", "AuthAnonymousGet": "true"}


def curl(text: str) -> str:
    (line,) = (line.strip() for line in text.splitlines() if line.strip().startswith("curl"))
    return line


def helm(text: str) -> list[str]:
    (line,) = (line for line in text.splitlines() if "repo add" in line)
    return shlex.split(line)[4:]


def test_uploads_carry_a_fresh_token() -> None:
    text = guide("http://127.0.0.1:8080", BEARER)

    token = f"$(make -s -C {ROOT} token)"
    assert f'-H "Authorization: Bearer {token}" http://127.0.0.1:8080/api/charts' in curl(text)
    assert helm(text) == ["http://127.0.0.1:8080"]


@pytest.mark.parametrize(
    ("options", "repo"),
    [
        ({"Depth": "1"}, "org1"),
        ({"Depth": "2"}, "org1/repo1"),
        ({"Depth": "3"}, "org1/repo1/part3"),
        ({"DepthDynamic": "true"}, "org1/repo1"),
    ],
)
def test_with_depth_an_example_repository_is_used(options: dict[str, str], repo: str) -> None:
    text = guide("http://h", BEARER | options)

    assert helm(text) == [f"http://h/{repo}"]
    assert curl(text).endswith(f'token REPO={repo})" http://h/api/{repo}/charts')


def test_the_context_path_stands_before_everything() -> None:
    text = guide("http://h", BEARER | {"ContextPath": "/base", "Depth": "1"})

    assert helm(text) == ["http://h/base/org1"]
    assert curl(text).endswith("http://h/base/api/org1/charts")


def test_another_data_folder_is_said_where_the_token_is_made() -> None:
    text = guide("http://h", BEARER, Path("/some where"))

    assert "$(CHARTHOUSE_DATA='/some where' make -s" in curl(text)


def test_a_private_repository_is_added_with_its_password() -> None:
    text = guide("http://h", {"BasicAuthUser": "me", "BasicAuthPass": "a b$c"})

    assert helm(text) == ["http://h", "--username", "me", "--password", "a b$c"]
    assert shlex.split(curl(text))[3:5] == ["-u", "me:a b$c"]


def test_with_an_access_policy_a_user_is_made_for_helm() -> None:
    text = guide("http://h", BEARER | {"AuthAnonymousGet": "false", "AccessPolicy": "true"}, Path("/data"))

    command = f"make -s -C {ROOT} user NAME=me REPOSITORIES='**' ACTIONS=pull RENEW=1"
    assert helm(text) == ["http://h", "--username", "me", "--password", f"$(CHARTHOUSE_DATA=/data {command})"]


def test_open_and_closed_repositories_need_no_credentials() -> None:
    assert curl(guide("http://h", {"AllowAnonymousPush": "true"})).endswith("mychart-0.1.0.tgz http://h/api/charts")
    assert "uploads are refused" in guide("http://h", {"BearerAuth": "false"})
