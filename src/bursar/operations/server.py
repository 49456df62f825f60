"""Uvicorn as Bursar runs it: stopped in steps, and never ended by the signal itself."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from starlette.applications import Starlette

from bursar.operations import collector
from bursar.operations.failure import Failure
from bursar.operations.open_connections import OpenConnection, allow_files, close_idle
from bursar.operations.stopping import StopRequest
from bursar.settings import Settings

_TICKS_A_SECOND = 10


class Server(uvicorn.Server):
    """Tells when it serves, and every second that it does; at a stop not ready first, then closed."""

    def __init__(
        self,
        settings: Settings,
        app: Starlette,
        stop: StopRequest,
        started: Callable[[], None],
        beat: Callable[[], None] = lambda: None,
    ) -> None:
        OpenConnection.most = allow_files()
        super().__init__(
            uvicorn.Config(
                app,
                loop="uvloop",
                http=OpenConnection,
                ws="none",
                lifespan="on",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=settings.trusted_proxies is not None,
                forwarded_allow_ips=settings.trusted_proxies or [],
                workers=1,
                timeout_graceful_shutdown=settings.stop_seconds,
            )
        )
        self._app = app
        self._stop = stop
        self._drain_seconds = settings.drain_seconds
        self._started = started
        self._beat = beat
        stop.at_once = self._stop_at_once

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().startup(sockets)
        except SystemExit:
            raise Failure("the application does not start: see the log") from None
        collector.on()
        self._started()

    async def on_tick(self, counter: int) -> bool:
        self._app.state.stopping = self._stop.since is not None
        if counter % _TICKS_A_SECOND == 0:
            self._beat()
            close_idle(self.server_state)
        self.should_exit |= self._stop.older_than(self._drain_seconds)
        return await super().on_tick(counter)

    def _stop_at_once(self) -> None:
        self.should_exit = self.force_exit = True
