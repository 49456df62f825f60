"""The life of a server: its database, first admin and listener, and a stop that leaves nothing."""

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial

import uvicorn
from rich.console import Console
from rich.markup import escape
from starlette.applications import Starlette

from bursar import __version__
from bursar.app import create_app
from bursar.http import logs
from bursar.operations.database import CommandDatabase, owned
from bursar.operations.failure import Failure
from bursar.operations.stopping import StopRequest
from bursar.services import first_admin
from bursar.settings import Settings

# What to open on this machine where all of its networks are listened on.
_NEAR = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 (compared with, not listened on)


def serve(settings: Settings) -> None:
    """Serve until a signal asks to stop; then nothing that was started is left running.

    Raises what `failure.reason_of` explains.
    """
    stop = StopRequest()
    stop.listen()
    logs.configure(settings.log_level)
    with owned(settings) as database:
        if stop.since is None:
            _serve(settings, database, stop)


def _serve(settings: Settings, database: CommandDatabase, stop: StopRequest) -> None:
    with closing(_listener(settings.host, settings.port)) as listener:
        made_key = asyncio.run(_prepare(settings, database))
        announce = partial(_announce, settings, listener.getsockname()[1], made_key)
        app = create_app(settings, dsn=database.application_url, peppers=database.peppers)
        _Server(settings, app, stop, announce).run([listener])


class _Server(uvicorn.Server):
    """Uvicorn, stopped in steps: not ready, drained, closed; never ended by the signal itself."""

    def __init__(
        self, settings: Settings, app: Starlette, stop: StopRequest, announce: Callable[[], None]
    ) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                loop="uvloop",
                http="httptools",
                ws="none",
                lifespan="on",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                workers=1,
                timeout_graceful_shutdown=settings.stop_seconds,
            )
        )
        self._app = app
        self._stop = stop
        self._drain_seconds = settings.drain_seconds
        self._announce = announce
        stop.at_once = self._stop_at_once

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().startup(sockets)
        except SystemExit:
            raise Failure("the application does not start: see the log") from None
        self._announce()

    async def on_tick(self, counter: int) -> bool:
        self._app.state.stopping = self._stop.since is not None
        self.should_exit |= self._stop.older_than(self._drain_seconds)
        return await super().on_tick(counter)

    def _stop_at_once(self) -> None:
        self.should_exit = self.force_exit = True


async def _prepare(settings: Settings, database: CommandDatabase) -> str | None:
    """Answers the secret of the first admin's key, where one had to be made."""
    await database.prepare()
    secret = None if settings.admin_key is None else settings.admin_key.get_secret_value()
    return await database.write(
        lambda tx: first_admin.ensure(tx, secret=secret, pepper=database.peppers[0])
    )


def _listener(host: str, port: int) -> socket.socket:
    """Bound and listening: of two servers that start at once on one port, one is refused here."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(2048)
        except BaseException:
            listener.close()
            raise
    except OSError as error:
        raise Failure(f"cannot listen on {host}, port {port}: {error.strerror}") from error
    return listener


def _announce(settings: Settings, port: int, made_key: str | None) -> None:
    host = _NEAR.get(settings.host, settings.host)
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}/graphql"
    facts = {"GraphQL": url, "GraphiQL": f"{url} in a browser"}
    if settings.database_url is None:
        facts["Data"] = str(settings.data_dir)
    if made_key is not None:
        facts["Admin key"] = f"{made_key} (shown only now)"
    terminal = Console(highlight=False, soft_wrap=True)
    terminal.print(f"[bold]Bursar {__version__} is serving[/]")
    for name, fact in facts.items():
        terminal.print(f"  [dim]{name:9}[/]  {escape(fact)}")
