"""``/metrics``: what Prometheus scrapes, with a token that may read."""

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response
from prometheus_client.exposition import choose_encoder

from hpsearch.server.who import Reader

router = APIRouter(tags=["operations"])


@router.get("/metrics", response_class=PlainTextResponse)
def metrics(request: Request, _: Reader) -> Response:
    """How the service does, for Prometheus: its text format, or OpenMetrics where asked for."""
    encode, kind = choose_encoder(request.headers.get("accept", ""))
    return Response(encode(request.app.state.metrics.registry), media_type=kind)
