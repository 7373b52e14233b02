"""Keys are the owner's alone, and tokens say what ChartMuseum's access claim says."""

import base64
import stat
import time
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import load_der_public_key

from local.keys import duration, make_key, make_token, public_line
from local.progress import Trouble


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "keys" / "private.pem"
    make_key(path)
    return path


def test_only_the_owner_may_read_the_private_key(key: Path) -> None:
    assert stat.S_IMODE(key.stat().st_mode) == 0o600


def test_a_key_that_is_there_stays(key: Path) -> None:
    before = key.read_bytes()

    make_key(key)

    assert key.read_bytes() == before


def test_the_public_line_verifies_the_token(key: Path) -> None:
    line = public_line(key)
    token = make_token(key, "org1/repo1", ["pull"], seconds=600)

    public = load_der_public_key(base64.b64decode(line))
    claims = jwt.decode(token, public, algorithms=["RS256"])  # type: ignore[arg-type]

    assert "\n" not in line
    assert claims["access"] == [{"type": "artifact-repository", "name": "org1/repo1", "actions": ["pull"]}]
    assert claims["exp"] - claims["iat"] == 600
    assert abs(claims["iat"] - time.time()) < 60


def test_the_repository_without_a_name_is_called_repo(key: Path) -> None:
    claims = jwt.decode(make_token(key), options={"verify_signature": False})

    assert claims["access"][0]["name"] == "repo"
    assert claims["access"][0]["actions"] == ["pull", "push"]


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("10m", 600), ("2h", 7200), ("1d", 86400)])
def test_durations_are_read(text: str, seconds: int) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize("text", ["", "10", "m", "-1m", "1.5h", "1w", "٣m"])
def test_what_is_no_duration_is_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(Trouble, match=r"is no duration: write it as 90s, 10m, 2h or 1d\."):
        duration(text)


def test_a_missing_key_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(Trouble, match="`make keys`"):
        make_token(tmp_path / "private.pem")


def test_a_file_that_is_no_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "private.pem"
    path.write_text("nonsense")

    with pytest.raises(Trouble, match="is no private key in PEM"):
        public_line(path)
