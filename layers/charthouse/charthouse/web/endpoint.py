"""What every function does around its own work: route, authorizer, refusals, headers, one line in the log."""

import logging
import sys
import time
import uuid
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any

from charthouse.access.authorizer import Authorizer
from charthouse.errors import NotFound, Refusal
from charthouse.settings import Settings
from charthouse.web import site
from charthouse.web.figures import request_figures
from charthouse.web.problems import internal_error, problem
from charthouse.web.requests import Request
from charthouse.web.responses import Response
from charthouse.web.routes import Kind, Route, match

LOGGER = "charthouse.lines"
"""Name of the logger. Powertools calls its own after the stack, which may well be called charthouse."""

type Answer = Callable[[Request, Route], Response]
"""What a function does for a route that was found and may be used."""

type Handler = Callable[[Mapping[str, Any], object], dict[str, Any]]
"""A Lambda handler for HTTP API events of payload format 2.0."""

_LONGEST = 500
"""Characters of one field of a log line."""

_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, HEAD, POST, DELETE, OPTIONS",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Prefer, X-Request-Id",
    "Access-Control-Max-Age": "600",
    "Content-Type": "text/plain; charset=utf-8",
}


def endpoint(
    settings: Settings,
    authorizer: Authorizer,
    kinds: Collection[Kind],
    log: logging.Logger | None = None,
    seconds: Callable[[], float] = time.perf_counter,
    begin: Callable[[str], None] = lambda _request_id: None,
) -> Callable[[Answer], Handler]:
    """Make a Lambda handler of a function that answers routes of these kinds.

    Home page, health, info and artifacthub-repo.yml are answered here, in every function, because a greedy route may
    bring them to any; every other kind is 404. In this order, as in ChartMuseum: route, then credentials, then work. A
    preflight comes before all of them, since a browser sends it without credentials. `begin` is told the request id as
    soon as it is known.
    """

    def decorate(answer: Answer) -> Handler:
        visit = _Visits(
            settings, authorizer, frozenset(kinds), log or logging.getLogger(LOGGER), seconds, begin, answer
        )

        def handler(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
            return visit.answer(event).event()

        return handler

    return decorate


class _Visits:
    """The steps of `endpoint`, for one function."""

    def __init__(
        self,
        settings: Settings,
        authorizer: Authorizer,
        kinds: frozenset[Kind],
        log: logging.Logger,
        seconds: Callable[[], float],
        begin: Callable[[str], None],
        answer: Answer,
    ) -> None:
        self._settings = settings
        self._authorizer = authorizer
        self._kinds = kinds
        self._log = log
        self._seconds = seconds
        self._begin = begin
        self._answer = answer

    def answer(self, event: Mapping[str, Any]) -> Response:
        started = self._seconds()
        facts: dict[str, str | float] = {"request_id": str(uuid.uuid4())}
        bug: Exception | None = None
        try:
            response = self._respond(event, facts)
        except Refusal as refusal:
            response = problem(refusal)
            facts["problem"] = refusal.message[:_LONGEST]
        except Exception as error:  # noqa: BLE001 (the one place: a bug must not cost the client its answer)
            response, bug = internal_error(), error
        seconds = round(self._seconds() - started, 4)
        self._note(facts | {"status": response.status, "seconds": seconds}, bug)
        if self._settings.site.enable_metrics:
            figures = request_figures(self._settings.site.service, response.status, seconds, time.time())
            sys.stdout.write(f"{figures}\n")
        return replace(response, headers=self._headers(response.headers, str(facts["request_id"])))

    def _respond(self, event: Mapping[str, Any], facts: dict[str, str | float]) -> Response:
        request = Request.read(event, str(facts["request_id"]))
        facts |= {"request_id": request.request_id, "method": request.method[:20]}
        self._begin(request.request_id)
        if request.method == "OPTIONS" and self._settings.site.cors_allow_origin:
            return Response(204, _PREFLIGHT)
        settings = self._settings
        route = match(request.method, request.path, settings.paths, settings.rules, settings.site)
        facts |= _facts(route)
        if route.kind not in self._kinds and route.kind not in site.KINDS:
            raise NotFound("not found")
        if route.action is not None:
            self._authorizer.authorize(route.action, route.repo, request.authorization)
        if route.kind in self._kinds:
            return self._answer(request, route)
        return site.answer(request, route, settings)

    def _headers(self, headers: Mapping[str, str], request_id: str) -> dict[str, str]:
        added = {"X-Request-Id": request_id}
        origin = self._settings.site.cors_allow_origin
        if origin:
            added["Access-Control-Allow-Origin"] = origin
            added["Access-Control-Expose-Headers"] = "X-Request-Id, WWW-Authenticate, Warning, Retry-After"
        return {**headers, **added}

    def _note(self, facts: Mapping[str, str | float], bug: Exception | None) -> None:
        if bug is not None:
            self._log.error("failed", extra=facts, exc_info=bug)
        elif facts.get("kind") != "health" or self._settings.site.log_health:
            self._log.info("answered", extra=facts)


def _facts(route: Route) -> dict[str, str | float]:
    """Return what a log line says of a route, without what is empty; never a header or a query."""
    texts = {"repository": route.repo, "chart": route.name, "version": route.version, "file": route.file}
    return {"kind": route.kind.name.lower(), **{name: text[:_LONGEST] for name, text in texts.items() if text}}
