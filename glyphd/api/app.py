"""The Bottle application: routes, request ids, and a single place where failures become answers."""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import structlog
from bottle import Bottle, HTTPError, HTTPResponse, request, response
from structlog.contextvars import bind_contextvars, clear_contextvars

from glyphd.api.access import AccessRule, RequestHead
from glyphd.api.action_routes import ActionsApi
from glyphd.api.callers import CLIENT, TRACEPARENT
from glyphd.api.content_codings import coded
from glyphd.api.delta_routes import DeltasApi
from glyphd.api.description_routes import Description
from glyphd.api.diff_routes import DiffApi
from glyphd.api.event_routes import EventsApi
from glyphd.api.forwarding import take_forwarded
from glyphd.api.guard import HEAD, NEED, Guard
from glyphd.api.import_routes import ImportsApi
from glyphd.api.leaving import client_left
from glyphd.api.listing_routes import ListingsApi
from glyphd.api.metric_routes import MetricsApi
from glyphd.api.model_routes import ModelsApi
from glyphd.api.moment_routes import MomentsApi
from glyphd.api.needs import READ_BY_ALL
from glyphd.api.openapi_parameters import path_template
from glyphd.api.pages import NoPages, Pages
from glyphd.api.persist_routes import PersistApi
from glyphd.api.primary_reads import read_again_on_primary
from glyphd.api.problems import Problem, bottle_problem, problem_of, status_of
from glyphd.api.request_headers import header
from glyphd.api.request_ids import request_id_from
from glyphd.api.request_metrics import NO_ROUTE, RequestMetrics
from glyphd.api.routes import Route
from glyphd.api.shared_results import open_results
from glyphd.api.source_list_routes import SourceListApi
from glyphd.api.source_routes import SourcesApi
from glyphd.api.stats_routes import StatsApi
from glyphd.api.system_routes import SystemApi
from glyphd.api.upload_routes import UploadsApi
from glyphd.api.visitors import visitor
from glyphd.api.waiting import Waiting
from glyphd.api.watch_routes import WatchesApi
from glyphd.api.webhook_routes import WebhooksApi
from glyphd.errors import GlyphdError
from glyphd.importing.traces import read_traceparent, trace_id_of
from glyphd.request_errors import TooManyFailures, Unauthorized
from glyphd.services import Services

_COMMON_HEADERS = "glyphd.common_headers"
"""The key in a request's environment for the headers that every answer has."""
_GUARD = "glyphd.guard"
_WITHOUT_ROUTE = (404, 405)
"""The statuses of Bottle's own errors, for which `_own_problem` makes the answer."""

log = structlog.get_logger(__name__)


def build_app(
    services: Services,
    pages: Pages | None = None,
    waiting: Waiting | None = None,
    guard: Guard | None = None,
) -> Bottle:
    """All routes over these services, including those of the pages, which share the same waiting
    slots."""
    pages = pages or NoPages()
    app = Bottle()
    requests = RequestMetrics(services.siblings)
    description = describe(services, waiting, requests)
    routes = description.routes()
    shown = pages.routes(description)
    requests.know(path_template(route.path) for route in [*routes, *shown])
    guard = guard or Guard(services)
    own_problem = partial(_own_problem, routes, pages, guard)
    app.default_error_handler = partial(_counted_problem, requests, own_problem)
    app.install(partial(_failures_as_problems, services, pages))
    rule = AccessRule.from_settings(services.settings)
    app.add_hook("before_request", partial(_begin, rule, pages))
    app.add_hook("after_request", partial(_end, requests))
    for route in [*routes, *shown]:
        app.route(route.path, route.method, guard.guarded(route), **{NEED: route.scope})
    app.config[_GUARD] = guard
    return app


def places_to_wait(services: Services) -> Waiting:
    """The waiting slots of an application with this many threads."""
    return Waiting(services.registry, services.settings.threads, client_left)


def all_routes(services: Services) -> list[Route]:
    """The route table."""
    return describe(services).routes()


def describe(
    services: Services, waiting: Waiting | None = None, requests: RequestMetrics | None = None
) -> Description:
    """The route table, and the document made from it."""
    waiting = waiting or places_to_wait(services)
    results = open_results(services)
    parts = (
        SystemApi(services),
        UploadsApi(services, waiting),
        PersistApi(services, waiting),
        ImportsApi(services, waiting, results),
        ActionsApi(services, waiting),
        ListingsApi(services, results),
        DeltasApi(services, results),
        ModelsApi(services, results),
        StatsApi(services, results),
        DiffApi(services, results),
        MomentsApi(services, results),
        SourcesApi(services, results),
        SourceListApi(services),
        EventsApi(services, waiting),
        WebhooksApi(services),
        WatchesApi(services),
        MetricsApi(services, requests or RequestMetrics()),
    )
    return Description(route for part in parts for route in part.routes())


def guard_of(app: Bottle) -> Guard:
    """The guard that decides which requests this application serves."""
    guard: Guard = app.config[_GUARD]
    return guard


def has_route(app: Bottle, head: RequestHead) -> bool:
    """Whether a route answers this method on this path, rather than a 404 or a 405."""
    path = head.path.encode("latin-1").decode(errors="ignore")  # as Bottle decodes it
    try:
        app.router.match({"REQUEST_METHOD": head.method, "PATH_INFO": path})
    except HTTPError:
        return False
    return True


def _failures_as_problems(
    services: Services, pages: Pages, handle: Callable[..., HTTPResponse]
) -> Callable[..., HTTPResponse]:
    """The HTTP boundary: every error in a route is handled here."""

    def answer(*args: Any, **kwargs: Any) -> HTTPResponse:
        try:
            found = read_again_on_primary(services, partial(handle, *args, **kwargs))
        except HTTPError:
            raise
        except HTTPResponse as raised:
            found = raised
        except Exception as error:  # noqa: BLE001  # the HTTP edge
            found = pages.present(problem_of(error))
        return coded(found)

    return answer


def _own_problem(routes: list[Route], pages: Pages, guard: Guard, error: HTTPError) -> HTTPResponse:
    """The problem for an error of Bottle itself, whose headers replace those set by `_end`."""
    answer = _refusal_of_nobody(guard, error) or bottle_problem(error, routes)
    if isinstance(answer, Problem):
        answer = pages.present(answer)
    for name, value in request.environ[_COMMON_HEADERS].items():
        answer.set_header(name, value)
    return answer


def _counted_problem(
    requests: RequestMetrics, own_problem: Callable[[HTTPError], HTTPResponse], error: HTTPError
) -> HTTPResponse:
    """The problem, counted where `_end` could not know its status: no route was found."""
    answer = own_problem(error)
    if not _has_route():
        _count(requests, answer.status_code)
    return answer


def _refusal_of_nobody(guard: Guard, error: HTTPError) -> HTTPResponse | None:
    """If the service needs tokens, a client without one does not learn which paths exist."""
    if _has_route() or request.method == "OPTIONS":
        return None
    try:
        guard.identify().require(READ_BY_ALL)
    except (Unauthorized, TooManyFailures) as failure:
        return problem_of(failure)
    except Exception:
        log.warning("tokens_unknown", exc_info=True)
    return None


def _begin(rule: AccessRule, pages: Pages) -> None:
    """Gives the request an id and applies the access rule, before routing and before the body is
    read."""
    request_id = request_id_from(header("X-Request-Id"))
    request.environ["glyphd.request_id"] = request_id
    request.environ["glyphd.began"] = time.monotonic()
    request.environ[_COMMON_HEADERS] = {
        "X-Request-Id": request_id,
        "X-Content-Type-Options": "nosniff",
    }
    clear_contextvars()
    bind_contextvars(request_id=request_id)
    traceparent = request.environ[TRACEPARENT] = read_traceparent(header("traceparent"))
    if traceparent is not None:
        bind_contextvars(trace_id=trace_id_of(traceparent))
    head = request.environ[HEAD] = RequestHead.from_environ(request.environ)
    try:
        rule.check(head)
    except GlyphdError as failure:
        log.info("request_refused", status=status_of(failure), code=failure.code, client=head.peer)
        raise pages.present(problem_of(failure)) from None
    is_trusted = rule.trusts(head.peer)
    if is_trusted:
        request.environ[CLIENT] = rule.client_of(head)
    take_forwarded(request.environ, is_trusted)


def _end(requests: RequestMetrics) -> None:
    if visitor().name is not None:
        kept = response.headers.get("Cache-Control", "")
        response.set_header("Cache-Control", ", ".join(filter(None, ("private", kept))))
    for name, value in request.environ[_COMMON_HEADERS].items():
        response.set_header(name, value)
    if _has_route() or response.status_code not in _WITHOUT_ROUTE:
        _count(requests, response.status_code)
    log.debug(
        "request_answered",
        method=request.method,
        path=request.path,
        status=response.status_code,
        milliseconds=round(1000 * _seconds_so_far(), 1),
    )


def _has_route() -> bool:
    return "bottle.route" in request.environ


def _count(requests: RequestMetrics, status: int) -> None:
    route = path_template(request.route.rule) if _has_route() else NO_ROUTE
    requests.observe(route, request.method, status, _seconds_so_far())


def _seconds_so_far() -> float:
    began: float = request.environ["glyphd.began"]
    return time.monotonic() - began
