"""S3 and DynamoDB fail a function's calls: the answer is right, or 202 once it is stored, or 503 and nothing stored."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import pytest

from local.emulator import Emulator
from tests.acceptance.deployment import Deployment, eventually
from tests.acceptance.repository import Answer, Repository
from tests.builders import a_package
from tests.load.faults import Fault, failing
from tests.load.watching import digest, is_whole, listed

FILE = "app-1.0.0.tgz"
OLD, NEW = a_package("app", "1.0.0", description="old"), a_package("app", "1.0.0", description="new")

HEAD, PUT, DELETE = (f"s3 {method} /{FILE}$" for method in ("HEAD", "PUT", "DELETE"))
GET_INDEX, PUT_INDEX = (f"s3 {method} /index.yaml$" for method in ("GET", "PUT"))
GET_ROW, PUT_ROW, CLEAR = (f"dynamodb {operation} {FILE}" for operation in ("GetItem", "PutItem", "UpdateItem"))
LEASE, DIRTY, DIRTY_ROWS = "dynamodb UpdateItem #repository", "dynamodb Query by-dirty", "dynamodb BatchGetItem "
S3, DYNAMODB = "s3", "dynamodb"
PUBLISHING = [GET_ROW, PUT_ROW, LEASE, DIRTY, DIRTY_ROWS, GET_INDEX, PUT_INDEX, CLEAR]


@dataclass(frozen=True, slots=True)
class Case:
    """Calls that fail during a change, and the status its client must get."""

    faults: tuple[Fault, ...]
    status: int


def always(call: str, status: int, *, after: bool = False) -> Case:
    return Case((Fault(call, after=after),), status)


def once(calls: list[str], status: int, *, after: bool = False) -> Case:
    return Case(tuple(Fault(call, 1, after) for call in calls), status)


WAITING = {f"always {call}": always(call, 202) for call in [HEAD, *PUBLISHING, DYNAMODB]}
"""What follows once the object is written."""

UPLOADS = WAITING | {
    "S3 fails": always(S3, 503),
    "no package is written": always(PUT, 503),
    "no provenance is found": always(HEAD.replace("$", ".prov$"), 202),
    "all answers to the PUT are lost": always(PUT, 201, after=True),
    "all answers to the row are lost": always(PUT_ROW, 202, after=True),
    "all answers to the index are lost": always(PUT_INDEX, 202, after=True),
    "every call fails once": once([PUT, HEAD, *PUBLISHING], 201),
    "every answer is lost once": once([PUT, HEAD, *PUBLISHING], 201, after=True),
}

OVERWRITES = {
    "S3 fails": always(S3, 503),
    "DynamoDB fails": always(DYNAMODB, 202),
    "no package is written": always(PUT, 503),
    "all answers to the PUT are lost": always(PUT, 201, after=True),
    "every call fails once": once([PUT, HEAD, *PUBLISHING], 201),
    "every answer is lost once": once([PUT, HEAD, *PUBLISHING], 201, after=True),
}

DELETES = {f"always {call}": always(call, 202) for call in [*PUBLISHING, DYNAMODB]} | {
    "S3 fails": always(S3, 503),
    "no package is found": always(HEAD, 503),
    "no package is deleted": always(DELETE, 503),
    "all answers to the DELETE are lost": always(DELETE, 200, after=True),
    "every call fails once": once([DELETE, HEAD, *PUBLISHING], 200),
    "every answer is lost once": once([DELETE, HEAD, *PUBLISHING], 200, after=True),
}

CASES = {"upload": UPLOADS, "overwrite": OVERWRITES, "delete": DELETES}


@pytest.fixture
def soon(deployment: Deployment) -> Iterator[None]:
    """Let events that failed come again within seconds; else they wait longer than the function may run."""
    sqs, queue = deployment.stack.client("sqs"), deployment.stack.outputs["QueueUrl"]
    asked = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["VisibilityTimeout"])["Attributes"]
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": "4"})
    yield
    sqs.set_queue_attributes(QueueUrl=queue, Attributes=asked)


@pytest.mark.parametrize("change", ["upload", "overwrite", "delete"])
def test_the_answer_to_a_change_is_right_whatever_fails(
    deployment: Deployment, emulator: Emulator, change: str
) -> None:
    """All cases side by side, each in a repository of its own, which its faults are confined to."""
    cases = CASES[change]
    places = {name: f"busy/{change}-{number}" for number, name in enumerate(cases)}
    with ThreadPoolExecutor(8) as clients:
        list(clients.map(lambda repo: prepare(deployment.repository(repo), change), places.values()))
        faults = [within(fault, places[name]) for name, case in cases.items() for fault in case.faults]
        with failing(emulator, *faults):
            statuses = dict(
                zip(cases, clients.map(lambda name: changed(deployment, places[name], change), cases), strict=True)
            )

    assert statuses == {name: (case.status, "") for name, case in cases.items()}
    assert deployment.reconcile()["done"]
    for name, case in cases.items():
        assert is_whole(deployment, places[name]), name
        assert deployment.stored(f"{places[name]}/{FILE}") == left(change, case.status), name


def test_a_read_that_cannot_be_answered_says_when_to_come_again(deployment: Deployment, emulator: Emulator) -> None:
    repository = deployment.repository("busy/read")
    repository.upload(OLD)

    with failing(emulator, Fault("dynamodb .*busy/read"), Fault("s3 GET .*busy/read/index.yaml")):
        answers = [repository.call("GET", path) for path in ["/charts", "/charts/app", "/charts/app/1.0.0"]]
        answers.append(repository.call("DELETE", "/charts/app"))

    assert [(answer.status, bool(answer.headers["Retry-After"])) for answer in answers] == [(503, True)] * 4
    assert repository.versions("app") == ["1.0.0"]


@pytest.mark.usefixtures("soon")
def test_what_was_put_while_the_table_was_throttled_is_listed_when_its_event_comes_again(
    deployment: Deployment, emulator: Emulator
) -> None:
    repository = deployment.repository("busy/event")
    repository.upload(OLD)

    with failing(emulator, Fault('dynamodb .*"/busy/event"')) as hits:
        deployment.put("busy/event/app-2.0.0.tgz", a_package("app", "2.0.0"))
        eventually(lambda: hits()[0], lambda count: count >= 3)
    versions = eventually(lambda: repository.versions("app"), lambda found: len(found) == 2)

    assert versions == ["2.0.0", "1.0.0"]


def within(fault: Fault, repo: str) -> Fault:
    """Return the fault in one repository: its name is in the path of every S3 call, and in the body of the others."""
    service, operation, what = fault.call.split(" ", 2) if fault.call.count(" ") == 2 else (fault.call.strip(), "", "")
    where = f"/{repo}/" if service == "s3" else f'"/{repo}"'
    return replace(fault, call=f"^{service} {operation}(?=.*{where})(?=.*{what})")


def prepare(repository: Repository, change: str) -> None:
    """Take the repository in, with another package and what is to be changed."""
    assert repository.upload(a_package("other", "1.0.0")).status == 201
    if change != "upload":
        assert repository.upload(OLD).status == 201


def changed(deployment: Deployment, repo: str, change: str) -> tuple[int, str]:
    """Make the change; return its status, and what is wrong with it as things are at this moment."""
    repository = deployment.repository(repo)
    if change == "delete":
        answer = repository.delete("app", "1.0.0")
    else:
        answer = repository.upload(NEW, query="?force" if change == "overwrite" else "")
    return answer.status, wrong(deployment, repo, change, answer)


def wrong(deployment: Deployment, repo: str, change: str, answer: Answer) -> str:
    """Say what the answer promises and is not so."""
    wanted = left(change, answer.status)
    if deployment.stored(f"{repo}/{FILE}") != wanted:
        return "another package is stored than the answer says"
    if answer.status == 503:
        return "" if answer.headers["Retry-After"] else "503 without Retry-After"
    if answer.status == 202:
        return "" if answer.headers["Warning"] else "202 without Warning"
    shown = dict(listed_now(deployment, repo)).get(FILE)
    return "" if shown == (digest(wanted) if wanted else None) else f"the index does not show it: {shown}"


def left(change: str, status: int) -> bytes | None:
    """Return the package that is there after the change was answered so."""
    if status == 503:
        return None if change == "upload" else OLD
    return None if change == "delete" else NEW


def listed_now(deployment: Deployment, repo: str) -> list[tuple[str, str]]:
    """Return what the index object shows; its own bytes, since the way to it may be failing."""
    return listed(json.loads(deployment.stored(f".charthouse/index/{repo}/index.yaml") or b""))
