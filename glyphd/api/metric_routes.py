"""`/metrics`: what a Prometheus server scrapes."""

from bottle import HTTPResponse
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics

from glyphd.api.answers import answer_bytes, media_types
from glyphd.api.content_codings import BY_CODING
from glyphd.api.descriptions import DATABASE_PROBLEMS, TEXT, About, Answer, Content
from glyphd.api.needs import READ
from glyphd.api.process_figures import process_figures
from glyphd.api.query_strings import query
from glyphd.api.request_headers import header
from glyphd.api.request_metrics import RequestMetrics
from glyphd.api.routes import Route
from glyphd.api.service_metrics import ServiceMetrics
from glyphd.contracts.queries import NoParameters
from glyphd.services import Services

OPENMETRICS = "application/openmetrics-text"
PLAIN = "text/plain"

METRICS = About(
    "get_metrics",
    "Service",
    "Metrics for Prometheus",
    (Answer(200, "The metrics", (Content(PLAIN, TEXT), Content(OPENMETRICS, TEXT))),),
    "Imports are counted in the registry: the numbers are the same from every service and after "
    "every restart. Metrics of requests are totals of all processes of the service that answers.",
    problems=DATABASE_PROBLEMS,
)


class MetricsApi:
    def __init__(self, services: Services, requests: RequestMetrics) -> None:
        self._collectors = CollectorRegistry()
        self._collectors.register(ServiceMetrics(services))
        self._collectors.register(requests)
        process_figures(services.siblings, self._collectors)

    def routes(self) -> list[Route]:
        return [Route("GET", "/metrics", self.metrics, READ, about=METRICS)]

    def metrics(self) -> HTTPResponse:
        """The metrics, in OpenMetrics if that is preferred to text."""
        query(NoParameters)
        wanted = [kind for kind in media_types(header("Accept")) if kind in (PLAIN, OPENMETRICS)]
        if wanted[:1] == [OPENMETRICS]:
            body = openmetrics.generate_latest(self._collectors)
            content_type = openmetrics.CONTENT_TYPE_LATEST
        else:
            body = generate_latest(self._collectors)
            content_type = CONTENT_TYPE_PLAIN_0_0_4
        headers = {"Cache_Control": "no-store", "Vary": f"Accept, {BY_CODING}"}
        return answer_bytes(body, content_type, **headers)
