"""The OCI registry over HTTP: its paths, its root, its errors.

A name is `<repository>/<chart>`, or the chart alone in the root repository. Paths are recognised by their ends, for a
name may have any component. https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#endpoints
"""

import base64
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import parse_qsl

from charthouse.access.authorizer import Authorizer
from charthouse.access.callers import Caller
from charthouse.access.credentials import Basic, parse_authorization
from charthouse.access.grants import Action
from charthouse.errors import (
    BadRequest,
    ChartVersionExists,
    Forbidden,
    NotFound,
    Refusal,
    StorageLimitReached,
    TooLarge,
    Unauthorized,
    Unavailable,
)
from charthouse.oci.errors import NameInvalid, RangeInvalid, Unsupported
from charthouse.oci.names import is_name
from charthouse.repository.names import is_repository
from charthouse.settings import Paths, Rules
from charthouse.web.problems import problem_headers, status_of
from charthouse.web.requests import Request
from charthouse.web.responses import JSON, Response, json_text
from charthouse.web.routes import Kind, Route

ROOT = "/v2"
API_VERSION = {"Docker-Distribution-Api-Version": "registry/2.0"}
"""On every answer: Docker's clients look for it."""

MAX_SCOPES = 20
"""Repositories one token may be for."""

MAX_PATH = 1_000
"""Characters of a path: a name has 255, a digest 135."""

CODES: dict[type[Refusal], str] = {
    Unauthorized: "UNAUTHORIZED",
    Forbidden: "DENIED",
    ChartVersionExists: "DENIED",
    StorageLimitReached: "DENIED",
    TooLarge: "SIZE_INVALID",
    Unavailable: "TOOMANYREQUESTS",
    NotFound: "NAME_UNKNOWN",
    BadRequest: "MANIFEST_INVALID",
}
"""Of refusals that are not the registry's own.

https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#error-codes
"""

_ENDS = (
    (re.compile(r"(.+)/manifests/([^/]+)"), Kind.OCI_MANIFEST),
    (re.compile(r"(.+)/blobs/uploads/?()"), Kind.OCI_UPLOADS),
    (re.compile(r"(.+)/blobs/uploads/([^/]+)"), Kind.OCI_UPLOAD),
    (re.compile(r"(.+)/blobs/([^/]+)"), Kind.OCI_BLOB),
    (re.compile(r"(.+)/tags/list()"), Kind.OCI_TAGS),
    (re.compile(r"(.+)/referrers/([^/]+)"), Kind.OCI_REFERRERS),
)
_ACTIONS: Mapping[Kind, Mapping[str, Action]] = {
    Kind.OCI_MANIFEST: {"GET": Action.PULL, "PUT": Action.PUSH, "DELETE": Action.DELETE},
    Kind.OCI_UPLOADS: {"POST": Action.PUSH},
    Kind.OCI_UPLOAD: {"GET": Action.PUSH, "PATCH": Action.PUSH, "PUT": Action.PUSH, "DELETE": Action.DELETE},
    Kind.OCI_BLOB: {"GET": Action.PULL, "DELETE": Action.DELETE},
    Kind.OCI_TAGS: {"GET": Action.PULL},
    Kind.OCI_REFERRERS: {"GET": Action.PULL},
}


def is_registry(path: str) -> bool:
    """Return whether a path is the registry's."""
    return path == ROOT or path.startswith(f"{ROOT}/")


def match(method: str, path: str, paths: Paths, rules: Rules) -> Route:
    """Return the route of a path of the registry.

    Raises `NameInvalid` for a name that no repository here can have, `Unsupported` for a method or path there is none
    for, and for changes where `DisableApi` or `DisableDelete` turns them off.
    """
    method = "GET" if method == "HEAD" else method
    rest = path.removeprefix(ROOT).removeprefix("/")
    if rest == "":
        return Route(Kind.OCI_ROOT)
    if rest == "token":
        return Route(Kind.OCI_TOKEN)
    if len(rest) > MAX_PATH:
        raise NameInvalid(f"the path has more than {MAX_PATH} characters")
    for pattern, kind in _ENDS:
        found = pattern.fullmatch(rest)
        if found:
            action = _ACTIONS[kind].get(method)
            if action is None:
                raise Unsupported(f"{method} is not supported here")
            _check_enabled(kind, method, rules)
            repo, chart = split_name(found[1], paths)
            return Route(kind, repo, name=chart, reference=found[2], action=action)
    raise Unsupported("there is no such endpoint")


def split_name(name: str, paths: Paths) -> tuple[str, str]:
    """Return chart repository and chart of a name; raises `NameInvalid`."""
    if not is_name(name):
        raise NameInvalid(
            f"{name[:100]!r} is no name of OCI: lower-case letters and digits, with single separators between them"
        )
    repo, _, chart = name.rpartition("/")
    if not is_repository(repo, paths):
        levels = "<repository>/" if paths.depth_dynamic else "<name>/" * paths.depth
        raise NameInvalid(f"{name!r} is no name of this registry: its names are {levels}<chart>")
    return repo, chart


def authorize(authorizer: Authorizer, request: Request, route: Route) -> Caller:
    """Return who asks if the request may do what its route does; raises what `Authorizer.authorize` does.

    The root wants credentials wherever any are configured, open reads or not: a login with a wrong password has to
    fail, and clients that pull without credentials do so all the same.
    """
    challenge = _challenge(authorizer, request, route)
    if route.action is not None:
        return authorizer.authorize(route.action, route.repo, credentials(request), challenge)
    if route.kind is Kind.OCI_ROOT and challenge and not request.authorization:
        raise Unauthorized("credentials are needed", challenge)
    return authorizer.authenticate(credentials(request), challenge)


def credentials(request: Request) -> str | None:
    """Return the value of `Authorization`; where the password is a token, the token.

    Clients of registries can log in with a user and a password only, so that is where a token goes.
    """
    sent = parse_authorization(request.authorization)
    if isinstance(sent, Basic) and sent.password.startswith(b"eyJ") and sent.password.count(b".") == 2:  # noqa: PLR2004
        return f"Bearer {sent.password.decode('latin-1')}"
    return request.authorization


def token(authorizer: Authorizer, request: Request, paths: Paths) -> Response:
    """Answer a request for a token: what of its scopes the caller may do, for some minutes.

    By GET with Basic credentials, or by POST with a form of user and password, as clients do that log in.
    https://distribution.github.io/distribution/spec/auth/token/ and .../oauth/
    """
    form = dict(parse_qsl(request.body.decode("utf-8", "replace"))) if request.method == "POST" else {}
    if form and form.get("grant_type") != "password":
        raise Unsupported("tokens are given for a password, or for Basic credentials")
    if form:
        user = f"{form.get('username', '')}:{form.get('password', '')}".encode()
        basic = f"Basic {base64.b64encode(user).decode()}"
        request = replace(request, headers={**request.headers, "authorization": basic})
    challenge = _challenge(authorizer, request, Route(Kind.OCI_TOKEN))
    caller = authorizer.authenticate(credentials(request), challenge)
    scopes = " ".join([form.get("scope", ""), *request.values("scope")]).split()
    issued = authorizer.issue(caller, _wanted(scopes, paths))
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    answer = {"token": issued.text, "access_token": issued.text, "expires_in": issued.seconds, "issued_at": now}
    return Response(200, {"Content-Type": JSON, "Cache-Control": "no-store"}, json_text(answer))


def _wanted(scopes: list[str], paths: Paths) -> dict[str, set[Action]]:
    """Return the actions that scopes name, by chart repository; what names none is left out."""
    wanted: dict[str, set[Action]] = {}
    for scope in scopes[:MAX_SCOPES]:
        kind, _, rest = scope.partition(":")
        name, _, actions = rest.rpartition(":")
        if kind != "repository":
            continue
        with suppress(NameInvalid):
            repo, _ = split_name(name, paths)
            named = set(actions.split(","))
            wanted.setdefault(repo, set()).update(action for action in Action if action.value in named or "*" in named)
    return wanted


def root() -> Response:
    """Answer that this is a registry."""
    return Response(200, {"Content-Type": JSON}, "{}")


def problem(refusal: Refusal, path: str) -> Response:
    """Answer a refusal in the form of the spec, whose text clients show; `path` is the path it was about."""
    code = getattr(refusal, "code", None)
    if code is None:
        code = next(CODES[kind] for kind in type(refusal).__mro__ if kind in CODES)
    headers = {"Content-Type": JSON, **problem_headers(refusal)}
    if isinstance(refusal, RangeInvalid) and refusal.size is not None:
        headers |= {"Range": f"0-{max(refusal.size - 1, 0)}", "Location": path}
    return Response(status_of(refusal), headers, _errors(code, refusal.message))


def internal_error() -> Response:
    """Answer a bug: what went wrong is in the log, not in the answer."""
    headers = {"Content-Type": JSON, "Cache-Control": "no-store"}
    return Response(500, headers, _errors("UNKNOWN", "internal server error"))


def _challenge(authorizer: Authorizer, request: Request, route: Route) -> str:
    """Return the value of `WWW-Authenticate`, Basic first; empty if no credentials are configured."""
    if not (authorizer.has_basic or authorizer.has_bearer):
        return ""
    challenges = ['Basic realm="charthouse"']
    scope = ""
    if route.action is not None:
        name = f"{route.repo}/{route.name}" if route.repo else route.name
        actions = "pull" if route.action is Action.PULL else f"pull,{route.action}"
        scope = f',scope="repository:{name}:{actions}"'
    challenges.append(f'Bearer realm="{request.base_url()}{ROOT}/token",service="{request.host}"{scope}')
    return ", ".join(challenges)


def _errors(code: str, message: str) -> str:
    return json_text({"errors": [{"code": code, "message": message, "detail": None}]})


def _check_enabled(kind: Kind, method: str, rules: Rules) -> None:
    if method == "GET":
        return
    if rules.disable_api:
        raise Unsupported("this repository cannot be changed: DisableApi is on")
    if rules.disable_delete and method == "DELETE" and kind is not Kind.OCI_UPLOAD:
        raise Unsupported("nothing can be deleted: DisableDelete is on")
