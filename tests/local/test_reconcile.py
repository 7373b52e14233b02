"""`make reconcile` starts a run, follows it in the log, and ends with what the log says of it."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from local.account import DeployedStack
from local.progress import Trouble
from local.reconcile import SILENT_SECONDS, Reconciliation, own_line

COUNTS = {"repositories": 2, "versions": 3, "failed": 0}


@dataclass
class Account:
    """Lambda and CloudWatch Logs: a function that writes lines, each at its second, for whatever run it is given."""

    script: list[tuple[float, dict[str, Any]]]
    time: float = 1_000_000.0
    invoked: list[dict[str, Any]] = field(default_factory=list)
    began: float = 0.0

    def client(self, service: str) -> Any:
        return {"lambda": self, "logs": self}[service]

    def invoke(self, **call: Any) -> None:
        self.invoked.append(call)
        self.began = self.time

    def get_paginator(self, _operation: str) -> Any:
        return self

    def paginate(self, *, logGroupName: str, startTime: int, filterPattern: str) -> Iterator[Any]:  # noqa: N803
        assert logGroupName == "group"
        (run,) = re.findall(r'^"(\w+)"$', filterPattern)
        given = json.loads(self.invoked[0]["Payload"])["run"]
        written = [(self.began + at, line) for at, line in self.script if self.began + at <= self.time]
        for number, (at, line) in enumerate(written):
            if at * 1000 >= startTime and run == given:
                message = json.dumps(line | {"request_id": run})
                yield {"events": [{"eventId": str(number), "timestamp": int(at * 1000), "message": message}]}

    def sleep(self, seconds: float) -> None:
        self.time += seconds


def reconciliation(account: Account, **parameters: str) -> Reconciliation:
    outputs = {"ReconcileFunction": "compare", "LogGroup": "group"}
    stack = DeployedStack("charthouse", parameters, outputs, account.client)
    return Reconciliation(stack, now=lambda: account.time, sleep=account.sleep)


def test_it_is_started_without_waiting_for_the_function_s_answer() -> None:
    account = Account([])

    reconciliation(account).start()

    (call,) = account.invoked
    assert (call["FunctionName"], call["InvocationType"]) == ("compare", "Event")
    assert json.loads(call["Payload"])["task"] == "reconcile"


def test_it_ends_with_the_counts_of_the_line_that_ends_the_run() -> None:
    account = Account([(5, {"message": "index_rebuilt", "repository": "a"}), (9, {"message": "reconciled"} | COUNTS)])
    run = reconciliation(account)
    run.start()

    assert run.follow() == COUNTS | {"failed_repositories": []}
    assert account.time - account.began < 15


def test_every_line_is_told_once_and_silence_is_filled(capsys: pytest.CaptureFixture[str]) -> None:
    ended = {"message": "reconciled"} | COUNTS
    run = reconciliation(Account([(0, {"message": "index_rebuilt", "repository": "a"}), (90, ended)]))
    run.start()

    run.follow()

    said = capsys.readouterr().err
    assert said.count("index_rebuilt repository=a") == 1
    assert said.count("s so far") == 2


def test_repositories_that_failed_are_named() -> None:
    failed = [(at, {"message": "reconcile_failed", "repository": name}) for at, name in [(1, "b"), (2, "a"), (3, "b")]]
    run = reconciliation(Account([*failed, (4, {"message": "reconciled"} | COUNTS)]))
    run.start()

    assert run.follow()["failed_repositories"] == ["a", "b"]


@pytest.mark.parametrize(
    "text", ["START {}", '{{"type":"platform.start","run":"{}"}}', '["{}"]', '{{"request_id":"{}"}}']
)
def test_a_line_that_is_not_the_function_s_is_passed_over(text: str) -> None:
    assert list(own_line(text.format("f00"), "f00")) == []


def test_a_run_of_an_hour_is_followed_to_its_end() -> None:
    continued = [(at * 800.0, {"message": "reconcile_continued"}) for at in range(1, 5)]
    run = reconciliation(Account([*continued, (3600, {"message": "reconciled"} | COUNTS)]))
    run.start()

    assert run.follow()["repositories"] == COUNTS["repositories"]


def test_a_run_that_goes_silent_is_given_up_in_one_sentence() -> None:
    account = Account([(1, {"message": "index_rebuilt"})])
    run = reconciliation(account)
    run.start()

    with pytest.raises(Trouble, match=r"not been heard of for 16 minutes: .* log group group\.$"):
        run.follow()

    assert SILENT_SECONDS < account.time - account.began < SILENT_SECONDS + 10


@pytest.mark.parametrize("level", ["WARNING", "ERROR"])
def test_it_is_not_started_where_its_end_could_not_be_seen(level: str) -> None:
    account = Account([])

    with pytest.raises(Trouble, match=f"LogLevel={level}"):
        reconciliation(account, LogLevel=level).start()

    assert account.invoked == []
