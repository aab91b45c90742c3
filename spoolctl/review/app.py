"""The routes of ``spoolctl review``: which address asks for what. Each is a line; what it does stands in ``desk``, ``deeds``, ``live``.

Guarantees: every error of a route is JSON, ``{"error": {"message", "hint"}}``, with a status that says whose fault it is; no answer is kept
by a browser but pictures and the page's own files, which are asked for anew by their ETag.
"""

import hashlib
import json
import mimetypes
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, Response, StreamingResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from spoolctl.index.opening import IndexUnusable
from spoolctl.review.asking import (
    ApproveAsked,
    DeriveAsked,
    Filters,
    GroupAsked,
    JobsAsked,
    Listing,
    MoveAsked,
    RateAsked,
)
from spoolctl.review.deeds import Deeds, error_document
from spoolctl.review.desk import Desk
from spoolctl.review.gate import App, Gate
from spoolctl.review.live import Live, looks_at
from spoolctl.review.pictures import NoSuchPicture, Picture, Pictures
from spoolctl.spool import (
    BadRecord,
    NameTaken,
    NoSuchJob,
    ShareUnusable,
    SpoolError,
    StateForbids,
    UsageError,
    from_share,
    open_spool,
)
from spoolctl.views.groups import NoSuchGroup

# By Windows' registry, which Python asks, scripts may be plain text, and no browser would run them.
for _kind, _suffix in (("text/javascript", ".js"), ("text/css", ".css"), ("image/svg+xml", ".svg")):
    mimetypes.add_type(_kind, _suffix)

PAGE = Path(__file__).parent / "page"
_STATUS: tuple[tuple[type[SpoolError], HTTPStatus], ...] = (
    (UsageError, HTTPStatus.BAD_REQUEST),
    (BadRecord, HTTPStatus.BAD_REQUEST),
    (NoSuchJob, HTTPStatus.NOT_FOUND),
    (NoSuchGroup, HTTPStatus.NOT_FOUND),
    (NoSuchPicture, HTTPStatus.NOT_FOUND),
    (StateForbids, HTTPStatus.CONFLICT),
    (NameTaken, HTTPStatus.CONFLICT),
    (ShareUnusable, HTTPStatus.SERVICE_UNAVAILABLE),
    (IndexUnusable, HTTPStatus.SERVICE_UNAVAILABLE),
)
_KEPT = {"cache-control": "private, max-age=86400"}
"""Pictures: what a job committed under a number stays as it is."""
_LISTED = "docs/REVIEW.md lists what can be asked for"
_TRACE = "where 'spoolctl review' runs it is told in full"
_NOT_KEPT = {"cache-control": "no-store"}
_ASKED_ANEW = {"cache-control": "no-cache"}

JsonObject = dict[str, Any]


@dataclass(frozen=True)
class Served:
    """The page of one spool, ready to be served."""

    app: App
    live: Live


def make_app(root: Path, name: str, token: str | None) -> Served:
    """The page of one spool.

    Args:
        root: The spool's folder.
        name: Who looks and acts.
        token: What a request must bear; ``None`` if only this machine can ask.

    Raises:
        NoSpool, FormatNotUnderstood, BadRecord, ShareUnusable: As for ``open_spool``.
    """
    app = FastAPI(title="spoolctl review", docs_url=None, redoc_url=None, openapi_url=None)
    # One that looks, and others that act: a look at a slow share keeps nobody from acting.
    desk = Desk(open_spool(root, name=name), root)
    live = Live(looks_at(desk))
    deeds = Deeds(lambda: open_spool(root, name=name), desk, live.tell)
    _add_errors(app)
    _add_reads(app, desk, live)
    _add_pictures(app, desk, Pictures(root))
    _add_deeds(app, deeds)
    _add_page(app)
    spool = hashlib.sha256(desk.actor.settings.spool_id.encode()).hexdigest()[:8]
    return Served(Gate(app, token, f"spool_review_{spool}"), live)


class _PageFiles(StaticFiles):
    """The page's own files: a browser asks each time whether it still has the right ones."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:  # noqa: ANN401 - Starlette's own
        """As Starlette's, with what a browser may do with it."""
        response = super().file_response(*args, **kwargs)
        response.headers.update(_ASKED_ANEW)
        return response


def _add_reads(app: FastAPI, desk: Desk, live: Live) -> None:
    @app.get("/api/about")
    def about() -> Response:
        return _json(desk.about())

    @app.get("/api/status")
    def status() -> Response:
        return _json(desk.status())

    @app.get("/api/groups")
    def groups() -> Response:
        return _json(desk.groups())

    @app.get("/api/group")
    def group(name: str) -> Response:
        return _json(desk.group(name))

    @app.get("/api/jobs")
    def jobs(wanted: Annotated[Listing, Query()]) -> Response:
        return _json(desk.jobs(wanted.state, wanted.to, wanted.limit))

    @app.get("/api/job")
    def job(name: str) -> Response:
        return _json(desk.job(name))

    @app.get("/api/images")
    def images(filters: Annotated[Filters, Query()]) -> Response:
        return _json(desk.images(filters.wanted(desk.actor.utc_now())))

    @app.get("/api/live")
    def events() -> Response:
        kept_open = {**_NOT_KEPT, "x-accel-buffering": "no"}
        return StreamingResponse(live.events(), media_type="text/event-stream", headers=kept_open)


def _add_pictures(app: FastAPI, desk: Desk, pictures: Pictures) -> None:
    @app.get("/thumb/{job}/{image_index}")
    def thumb(job: str, image_index: int) -> Response:
        data = pictures.thumb(desk.image(job, image_index))
        return Response(data, media_type="image/jpeg", headers=_KEPT)

    @app.get("/image/{job}/{image_index}")
    def image(job: str, image_index: int) -> Response:
        return _sent(pictures.image(desk.image(job, image_index)), _KEPT)

    @app.get("/preview/{job}")
    def preview(job: str) -> Response:
        return _sent(pictures.preview(desk.preview(job)), _NOT_KEPT)


def _add_deeds(app: FastAPI, deeds: Deeds) -> None:
    @app.post("/api/rate")
    def rate(asked: RateAsked) -> Response:
        return _json(deeds.rate(asked))

    @app.post("/api/approve")
    def approve(asked: ApproveAsked) -> Response:
        return _json(deeds.approve(asked))

    @app.post("/api/cancel")
    def cancel(asked: GroupAsked) -> Response:
        return _json(deeds.cancel(asked))

    @app.post("/api/retry")
    def retry(asked: GroupAsked) -> Response:
        return _json(deeds.retry(asked))

    @app.post("/api/move")
    def move(asked: MoveAsked) -> Response:
        return _json(deeds.move(asked))

    @app.post("/api/hold")
    def hold(asked: JobsAsked) -> Response:
        return _json(deeds.hold(asked))

    @app.post("/api/release")
    def release(asked: JobsAsked) -> Response:
        return _json(deeds.release(asked))

    @app.post("/api/derive")
    def derive(asked: DeriveAsked) -> Response:
        return _json(deeds.derive(asked))


def _add_page(app: FastAPI) -> None:
    @app.get("/")
    def page() -> Response:
        return FileResponse(PAGE / "index.html", headers=_ASKED_ANEW)

    app.mount("/page", _PageFiles(directory=PAGE))


def _add_errors(app: FastAPI) -> None:
    @app.exception_handler(SpoolError)
    async def told(_request: Request, error: SpoolError) -> Response:
        kinds = (status for kind, status in _STATUS if isinstance(error, kind))
        return _error(next(kinds, HTTPStatus.CONFLICT), error_document(error))

    @app.exception_handler(OSError)
    async def of_the_share(_request: Request, error: OSError) -> Response:
        return _error(HTTPStatus.SERVICE_UNAVAILABLE, error_document(from_share(error)))

    @app.exception_handler(Exception)
    async def of_our_own(_request: Request, error: Exception) -> Response:
        document = {
            "message": f"a fault of the page's server: {type(error).__name__}",
            "hint": _TRACE,
        }
        return _error(HTTPStatus.INTERNAL_SERVER_ERROR, document)

    @app.exception_handler(HTTPException)
    async def by_the_framework(request: Request, error: HTTPException) -> Response:
        document = {"message": f"{request.url.path}: {error.detail}", "hint": _LISTED}
        return _error(HTTPStatus(error.status_code), document)

    @app.exception_handler(RequestValidationError)
    async def not_understood(_request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"][1:]) or "the request"
        document = {
            "message": f"{where}: {first['msg']}",
            "hint": _LISTED,
        }
        return _error(HTTPStatus.BAD_REQUEST, document)


def _sent(picture: Picture, headers: dict[str, str]) -> Response:
    headers = {**headers, "content-length": str(picture.length)}
    return StreamingResponse(picture.chunks(), media_type=picture.media_type, headers=headers)


def _json(document: JsonObject, status: HTTPStatus = HTTPStatus.OK) -> Response:
    # In ASCII: a file's name may hold what no UTF-8 can say.
    body = json.dumps(document, separators=(",", ":"), allow_nan=False)
    return Response(body, status, media_type="application/json", headers=_NOT_KEPT)


def _error(status: HTTPStatus, document: JsonObject) -> Response:
    return _json({"error": document}, status)
