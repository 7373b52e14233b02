"""What every function does around its own work: route, authorization, refusals, headers, one line in the log."""

import time
import uuid
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from charthouse.access.authorizer import Authorizer
from charthouse.access.callers import Caller
from charthouse.access.grants import Action
from charthouse.errors import Forbidden, NotFound, Refusal
from charthouse.repository.names import is_repository
from charthouse.settings import Settings
from charthouse.telemetry import Telemetry
from charthouse.web import pages, registry
from charthouse.web.problems import STORAGE_LIMIT, internal_error, problem
from charthouse.web.requests import Request
from charthouse.web.responses import Response
from charthouse.web.routes import Kind, Route, match

type Answer = Callable[[Request, Route], Response]
"""What a function does for a route that was found and may be used."""

type Handler = Callable[[Mapping[str, Any], object], dict[str, Any]]
"""A Lambda handler for HTTP API events of payload format 2.0."""

_LONGEST = 500
"""Characters of one field of a log line."""

_HSTS = "max-age=31536000"
"""A year. Only at a domain of one's own, which the client reached by HTTPS."""

_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, HEAD, POST, DELETE, OPTIONS",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Prefer, X-Request-Id",
    "Access-Control-Max-Age": "600",
    "Content-Type": "text/plain; charset=utf-8",
}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Decorates the function that answers routes of some kinds, and makes it a Lambda handler.

    In this order, as in ChartMuseum: route, then credentials, then work. A preflight comes before all of them, since a
    browser sends it without credentials. Home page, health, info and artifacthub-repo.yml are answered here, in every
    function, because a greedy route may bring them to any; every other kind is 404.
    """

    settings: Settings
    authorizer: Authorizer
    kinds: Collection[Kind]
    telemetry: Telemetry
    seconds: Callable[[], float] = time.perf_counter

    def __call__(self, answer: Answer) -> Handler:
        """Return the handler."""

        def handler(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
            return self._respond(event, answer).event()

        return handler

    def _respond(self, event: Mapping[str, Any], answer: Answer) -> Response:
        started = self.seconds()
        request_id = str(uuid.uuid4())
        fields: dict[str, str | float] = {}
        bug: Exception | None = None
        own_domain = False
        path = str(event.get("rawPath")) if isinstance(event, dict) else ""
        self.telemetry.bind(request_id)
        try:
            request = Request.read(event, request_id)
            request_id, own_domain = request.request_id, request.is_at_own_domain
            self.telemetry.bind(request_id)
            response = self._answer(request, answer, fields)
        except Refusal as refusal:
            response = registry.problem(refusal, path) if self._is_registry(path) else problem(refusal)
            fields["problem"] = refusal.message[:_LONGEST]
        except Exception as error:  # noqa: BLE001 (the one place: a bug must not cost the client its answer)
            response = registry.internal_error() if self._is_registry(path) else internal_error()
            bug = error
        seconds = round(self.seconds() - started, 4)
        self._log(fields | {"status": response.status, "seconds": seconds}, bug)
        self._measure(response.status, seconds)
        if self._is_registry(path):
            response = replace(response, headers={**registry.API_VERSION, **response.headers})
        return replace(response, headers=self._headers(response.headers, request_id, own_domain=own_domain))

    def _answer(self, request: Request, answer: Answer, fields: dict[str, str | float]) -> Response:
        fields["method"] = request.method[:20]
        if request.method == "OPTIONS" and self.settings.site.cors_allow_origin:
            return Response(204, _PREFLIGHT)
        settings = self.settings
        if self._is_registry(request.path):
            return self._answer_registry(request, answer, fields)
        route = match(request.method, request.path, settings.paths, settings.rules, settings.site)
        fields |= _fields(route)
        if route.kind not in self.kinds and route.kind not in pages.KINDS:
            raise NotFound("not found")
        self._check_site(request)
        if route.action is not None:
            request = self._authorized(request, route.action, route.repo)
        if route.kind in self.kinds:
            return answer(request, route)
        return pages.answer(request, route, settings)

    def _authorized(self, request: Request, action: Action, repo: str) -> Request:
        """Return the request with its caller, who is on every line of the log from here on."""
        if not is_repository(repo, self.settings.paths):
            # The page of a deployment whose repositories are all below it: for everyone who may come in at all.
            self.authorizer.filter_allowed(action, [], request.authorization)
            return request
        return self._with_caller(request, self.authorizer.authorize(action, repo, request.authorization))

    def _with_caller(self, request: Request, caller: Caller) -> Request:
        facts = {name: text[:_LONGEST] for name, text in caller.identity.facts().items()}
        self.telemetry.bind(request.request_id, **facts)
        return replace(request, caller=caller.identity)

    def _answer_registry(self, request: Request, answer: Answer, fields: dict[str, str | float]) -> Response:
        """Answer a path of the OCI registry; its root in every function, as home page and health."""
        route = registry.match(request.method, request.path, self.settings.paths, self.settings.rules)
        fields |= _fields(route)
        self._check_site(request)
        request = self._with_caller(request, registry.authorize(self.authorizer, request, route))
        if route.kind is Kind.OCI_ROOT:
            return registry.root()
        if route.kind not in self.kinds:
            raise NotFound("not found")
        return answer(request, route)

    def _check_site(self, request: Request) -> None:
        if request.is_change and request.is_cross_site(self.settings.site.cors_allow_origin):
            raise Forbidden("a page of another site may not change anything here")

    def _is_registry(self, path: str) -> bool:
        return not self.settings.rules.disable_oci and registry.is_registry(path)

    def _headers(self, headers: Mapping[str, str], request_id: str, *, own_domain: bool) -> dict[str, str]:
        added = {"X-Request-Id": request_id, "X-Content-Type-Options": "nosniff"}
        if own_domain:
            added["Strict-Transport-Security"] = _HSTS
        origin = self.settings.site.cors_allow_origin
        if origin:
            added["Access-Control-Allow-Origin"] = origin
            added["Access-Control-Expose-Headers"] = "X-Request-Id, WWW-Authenticate, Warning, Retry-After"
        # Answers depend on the credentials, and on the moment.
        return {"Cache-Control": "private, no-cache", **headers, **added}

    def _log(self, fields: Mapping[str, str | float], bug: Exception | None) -> None:
        if bug is not None:
            self.telemetry.fail("failed", bug, **fields)
        elif fields.get("kind") != "health" or self.settings.site.log_health:
            self.telemetry.record("answered", **fields)

    def _measure(self, status: int, seconds: float) -> None:
        """Count the request by the class of its status (RFC 9110, section 15); a full repository is no failure."""
        if not self.settings.site.enable_metrics:
            return
        failed = status >= 500 and status != STORAGE_LIMIT  # noqa: PLR2004
        refused = status >= 400 and not failed  # noqa: PLR2004
        self.telemetry.measure(requests=1, refusals=int(refused), failures=int(failed), request_seconds=seconds)


def _fields(route: Route) -> dict[str, str | float]:
    """Return what a log line says of a route, without what is empty; never a header or a query."""
    texts = {"repository": route.repo, "chart": route.name, "version": route.version, "file": route.file}
    return {"kind": route.kind.name.lower(), **{name: text[:_LONGEST] for name, text in texts.items() if text}}
