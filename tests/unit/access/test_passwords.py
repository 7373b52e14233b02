"""How passwords are stored and compared."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from charthouse.access import passwords
from charthouse.access.passwords import (
    SLOW_AT_ONCE,
    fast_hash,
    generate_password,
    is_hash,
    is_right,
    is_slow,
    slow_hash,
)
from charthouse.errors import Unavailable

CHOSEN = slow_hash("correct horse")


def test_a_generated_password_has_160_bits_needs_no_quotes_and_never_comes_again() -> None:
    made = {generate_password() for _ in range(100)}

    assert len(made) == 100
    # 32 characters of 5 bits.
    assert all(len(password) == 32 and password.isalnum() and password.islower() for password in made)


@pytest.mark.parametrize("password", ["correct horse", "", "pä:ss", "\N{SNOWMAN}" * 300])
@pytest.mark.parametrize("store", [fast_hash, slow_hash])
def test_a_stored_password_is_right_and_no_other_is(store: Callable[[str], str], password: str) -> None:
    stored = store(password)

    assert is_hash(stored)
    assert is_right(stored, password.encode(), slow=True)
    for wrong in (password + "x", password[:-1] + "y", password.upper() + "Z", stored):
        assert not is_right(stored, wrong.encode(), slow=True)


def test_a_stored_password_does_not_show_it() -> None:
    assert "correct" not in CHOSEN
    assert slow_hash("correct horse") != CHOSEN
    assert is_slow(CHOSEN)
    assert not is_slow(fast_hash("x"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "correct horse",
        "sha256:",
        "sha256:" + "0" * 63,
        "sha256:" + "G" * 64,
        "md5:" + "0" * 32,
        CHOSEN.replace("16384", "2"),
        CHOSEN.replace(":8:1:", ":8:9:"),
        CHOSEN[:-1],
        CHOSEN + "0",
        CHOSEN + "\n",
    ],
)
def test_what_is_not_a_hash_is_not_and_no_password_matches_it(text: str) -> None:
    assert not is_hash(text)
    assert not is_right(text, text.encode(), slow=True)
    assert not is_right(text, b"", slow=False)


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bytes]]:
    made: list[bytes] = []
    real = passwords._scrypt

    def scrypt(password: bytes, salt: bytes) -> bytes:
        made.append(password)
        return real(password, salt)

    monkeypatch.setattr(passwords, "_scrypt", scrypt)
    yield made


def test_a_wrong_password_costs_one_slow_hash_whoever_the_user_is(monkeypatch: pytest.MonkeyPatch) -> None:
    with counted(monkeypatch) as made:
        for stored in (CHOSEN, fast_hash("generated"), None):
            assert not is_right(stored, b"guess", slow=True)
            assert made == [b"guess"]
            made.clear()
        # Where no user has a slow one, leaving it out reveals nothing.
        assert not is_right(fast_hash("generated"), b"guess", slow=False)
        assert not is_right(None, b"guess", slow=False)
        assert is_right(fast_hash("generated"), b"generated", slow=True)
        assert made == []


def test_the_time_of_a_refusal_does_not_tell_a_user_from_none() -> None:
    def seconds(stored: str | None) -> float:
        started = time.process_time()
        for _ in range(2):
            is_right(stored, b"guess", slow=True)
        return time.process_time() - started

    fewest = [min(seconds(stored) for _ in range(3)) for stored in (CHOSEN, fast_hash("generated"), None)]

    assert max(fewest) < 2 * min(fewest)


def test_only_so_many_slow_hashes_are_in_progress_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    release, running, most = threading.Event(), [0], [0]
    lock = threading.Lock()

    def scrypt(_password: bytes, _salt: bytes) -> bytes:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        release.wait(10)
        with lock:
            running[0] -= 1
        return b""

    monkeypatch.setattr(passwords, "_scrypt", scrypt)
    monkeypatch.setattr(passwords, "WAIT", 0.05)
    refused: list[Unavailable] = []

    def guess() -> None:
        try:
            is_right(None, b"guess", slow=True)
        except Unavailable as error:
            refused.append(error)

    threads = [threading.Thread(target=guess) for _ in range(SLOW_AT_ONCE + 3)]
    for thread in threads:
        thread.start()
    while len(refused) < 3:
        time.sleep(0.01)
    release.set()
    for thread in threads:
        thread.join()

    assert most[0] == SLOW_AT_ONCE
    assert len(refused) == 3
    # The turns come back.
    assert not is_right(None, b"guess", slow=True)
