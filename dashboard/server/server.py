"""HTTP: turns strangers away, lands friends on the page, and lets Bokeh do the rest.

::

    GET /?token=...  -> cookie, redirect to live     GET /live         -> Bokeh's page
    GET /            -> redirect to live             GET /live/ws      -> Bokeh's WebSocket
    anything without the token -> 403 and how to get the link

`/` makes no Bokeh session, so Jupyter's readiness probe is answered lightly.  All addresses in the page
are relative, so that it works under any prefix that a proxy puts before it.

This module costs about 100 MB and most of a second to import: see `doorman` for when that happens.
"""

import asyncio
import contextlib
import gc
import logging
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from bokeh.document import Document
from bokeh.resources import Resources
from bokeh.server.server import BaseServer
from bokeh.server.tornado import BokehTornado
from bokeh.server.views.static_handler import StaticHandler
from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPServerRequest
from tornado.ioloop import IOLoop, PeriodicCallback
from tornado.template import Template
from tornado.web import RequestHandler, StaticFileHandler

from ..frame.app import Library, Page, arguments_of
from ..view.theme import STYLE
from .exports import TYPES, Export
from .guard import Admission, Guard

HERE = Path(__file__).parent
LEFT_TAB_MS = 4_000  # for which a tab without a connection is served; more than it takes to make the first
NICENESS = 10  # of 19: about a tenth of a CPU that others want too
SETTLING_SECONDS = 5.0  # for loading and the first page, which somebody waits for
COOKIE = "minray-dashboard"
COOKIE_DAYS = 7
REFUSED = Template((HERE / "refused.html").read_text(encoding="utf-8"), autoescape="xhtml_escape")


class Landing(RequestHandler):
    """`/`: trade the token in the link for a cookie, and go on to the page."""

    def get(self) -> None:
        """A relative redirect, which any proxy's prefix survives."""
        token = self.get_query_argument("token", "")
        if token:
            # Lax, not Strict: the link is followed from a notebook, which is another site to the browser.
            name = cookie_name(self.request)
            self.set_cookie(name, token, httponly=True, samesite="Lax", expires_days=COOKIE_DAYS)
        self.set_header("Referrer-Policy", "no-referrer")
        self.set_header("Cache-Control", "no-store")
        page = self.get_query_argument("page", "")
        self.redirect(f"live?{urlencode({'page': page})}" if page else "live")


class Refusal(RequestHandler):
    """What somebody sees who may not come in."""

    def initialize(self, admission: Admission) -> None:
        """Tornado hands over the keyword arguments here."""
        self._admission = admission

    def prepare(self) -> None:
        """Any method, any path: 403."""
        self.set_status(403)
        self.finish(REFUSED.generate(reason=self._admission.value, style=STYLE))


class Dashboard(BokehTornado):
    """Bokeh's web application behind a `Guard`, with addresses that are relative."""

    def __init__(self, guard: Guard, library: Library) -> None:
        self._guard = guard

        def open_page(document: Document) -> None:
            arguments = arguments_of(document)
            Page(document, library, arguments.get("page", ""), arguments.get("session", ""))

        super().__init__(
            {"/live": open_page},
            extra_patterns=[
                (r"/", Landing),
                (r"/(icon\.svg)", StaticFileHandler, {"path": HERE.parent}),
                (rf"/export/({'|'.join(TYPES)})", Export, {"library": library}),
            ],
            use_index=False,
            # A tab that was left costs as much as one that is looked at: forget it soon.
            check_unused_sessions_milliseconds=1_000,
            unused_session_lifetime_milliseconds=LEFT_TAB_MS,
            # The guard has judged Host and Origin when Bokeh asks, and knows about Jupyter's proxy.
            extra_websocket_origins=["*"],
            # Bokeh would write them into the page, cookies of others on this host included.
            include_headers=[],
            include_cookies=[],
        )

    def find_handler(self, request: HTTPServerRequest, **kwargs: Any) -> Any:  # noqa: ANN401 (Tornado's own)
        """Every request passes here, WebSockets and static files too."""
        token = request.cookies[cookie_name(request)].value if cookie_name(request) in request.cookies else ""
        if request.path == "/":
            token = request.query_arguments.get("token", [token.encode()])[-1].decode("utf-8", "replace")
        admission = self._guard.judge(request.host, request.headers.get("Origin"), token)
        if admission is Admission.WELCOME:
            return super().find_handler(request, **kwargs)
        return self.get_handler_delegate(request, Refusal, {"admission": admission})

    def resources(self, absolute_url: str | bool | None = None) -> Resources:
        """BokehJS from beside the page, and only the parts that are used."""
        return Resources(
            mode="server",
            root_url="",
            path_versioner=StaticHandler.append_version,
            components=["bokeh", "bokeh-widgets"],
        )

    @property
    def visitors(self) -> int:
        """How many browser tabs are connected."""
        return len(self._clients)


def cookie_name(request: HTTPServerRequest) -> str:
    """Browsers share cookies between all ports of a host, so each dashboard needs its own name."""
    return f"{COOKIE}-{request.host.rpartition(':')[2]}"


def serve(listener: socket.socket, guard: Guard, needed: Callable[[int], bool]) -> None:
    """Serve on this socket until nobody needs it.

    Args:
        listener: bound and listening; may have connections waiting already.
        guard: who may come in.
        needed: asked twice a second with the number of connected tabs; `False` ends the server.
    """
    # A tab that is closed while something is on its way to it is nothing to warn about.
    logging.getLogger("bokeh.server.views.ws").setLevel(logging.ERROR)
    # Nor is it that an exported page has no server behind it.
    logging.getLogger("bokeh.embed.util").setLevel(logging.ERROR)
    asyncio.set_event_loop(asyncio.new_event_loop())
    loop = IOLoop.current()
    library = Library()
    dashboard = Dashboard(guard, library)
    http = HTTPServer(dashboard)
    listener.setblocking(False)
    http.add_sockets([listener])
    server = BaseServer(loop, dashboard, http)
    server.start()
    # Bokeh collects garbage for each tab that is left; what was loaded for good need not be looked through.
    gc.freeze()

    def look() -> None:
        if not needed(dashboard.visitors):
            loop.stop()

    looking = PeriodicCallback(look, 500)
    looking.start()
    loop.call_later(SETTLING_SECONDS, step_back)
    try:
        loop.start()
    finally:
        looking.stop()
        server.stop()


def step_back() -> None:
    """From now on, drawing can wait for a moment; tasks should not.

    Where Linux shares the CPUs among login sessions first, as on most desktops, a session of this process's
    own has to be nice, too; a terminal's or Jupyter's is not ours to slow down.
    """
    os.nice(NICENESS)
    if os.getsid(0) == os.getpid():
        with contextlib.suppress(OSError):
            Path("/proc/self/autogroup").write_text(str(NICENESS))
