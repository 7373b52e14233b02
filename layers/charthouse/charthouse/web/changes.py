"""What a change is answered: done, or stored with the index to follow."""

from charthouse.repository.outcome import Outcome
from charthouse.web.responses import Response, json_response

WARNING = '199 charthouse "stored; the index follows within minutes"'


def changed(outcome: Outcome, status: int, word: str) -> Response:
    """Answer `{"<word>":true}` with this status, or with 202 and a `Warning` while the index does not show it yet."""
    if outcome is Outcome.PUBLISHED:
        return json_response(status, {word: True})
    return json_response(202, {word: True}, {"Warning": WARNING})
