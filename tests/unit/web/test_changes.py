"""What a change is answered."""

import json

from charthouse.repository.outcome import Outcome
from charthouse.web.changes import changed


def test_a_change_the_index_shows_is_answered_as_chartmuseum_does() -> None:
    response = changed(Outcome.PUBLISHED, 201, "saved")

    assert (response.status, json.loads(response.body)) == (201, {"saved": True})
    assert "Warning" not in response.headers


def test_a_change_the_index_does_not_show_yet_says_so() -> None:
    response = changed(Outcome.STORED, 200, "deleted")

    assert (response.status, json.loads(response.body)) == (202, {"deleted": True})
    assert response.headers["Warning"] == '199 charthouse "stored; the index follows within minutes"'
