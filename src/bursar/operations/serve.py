"""The life of a server: its database, first admin and listener, and a stop that leaves nothing."""

import asyncio
import socket
from contextlib import closing

from rich.console import Console
from rich.markup import escape

from bursar import __version__
from bursar.http import logs, metrics
from bursar.operations import collector, external
from bursar.operations.database import CommandDatabase, owned
from bursar.operations.failure import Failure
from bursar.operations.nursery import Nursery
from bursar.operations.stopping import StopRequest
from bursar.operations.supervisor import Supervisor
from bursar.operations.upkeep import daily
from bursar.operations.work import Work
from bursar.services import first_admin
from bursar.settings import Settings

# What to open on this machine where all of its networks are listened on.
_NEAR = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 (compared with, not listened on)


def serve(settings: Settings, nursery: Nursery | None) -> None:
    """Serve until a signal asks to stop; then nothing that was started is left running.

    Several workers come from the nursery. Raises what `failure.reason_of` explains.
    """
    if settings.trusted_documents != "off":
        from bursar.app import documents  # noqa: PLC0415 (is imported in the nursery, as it takes long)

        documents(settings)  # what is wrong with them is said before anything starts, and once
    stop = StopRequest()
    stop.listen()
    logs.configure(settings.log_level)
    logs.tell_ignored()
    with owned(settings) as database:
        if stop.since is None:
            _serve(settings, database, stop, nursery)


def _serve(
    settings: Settings, database: CommandDatabase, stop: StopRequest, nursery: Nursery | None
) -> None:
    with (
        closing(_listener(settings.host, settings.port)) as listener,
        daily(database, settings) as keep_up,
    ):
        settings, made_key = asyncio.run(_prepare(settings, database))
        port = listener.getsockname()[1]

        def announce() -> None:
            _announce(settings, port, made_key)
            keep_up()

        folder = metrics.prepare(settings.workers)
        work = Work(settings, database.application_url, database.peppers, folder)
        if nursery is None:
            from bursar.operations.worker import run  # noqa: PLC0415 (as above)

            run(work, listener, stop, announce)
        else:
            collector.on()
            Supervisor(work, listener, stop, nursery).run(announce)


async def _prepare(settings: Settings, database: CommandDatabase) -> tuple[Settings, str | None]:
    """Answers settings that fit the database, and the first admin's key where one had to be made."""
    await database.prepare()
    if not database.embedded:
        settings = await external.fitted(database.application_url, settings)
    secret = None if settings.admin_key is None else settings.admin_key.get_secret_value()
    made_key = await database.write(
        lambda tx: first_admin.ensure(tx, secret=secret, pepper=database.peppers[0])
    )
    return settings, made_key


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
    if settings.workers > 1:
        facts["Workers"] = str(settings.workers)
    if settings.database_url is None:
        facts["Data"] = str(settings.data_dir)
    if made_key is not None:
        facts["Admin key"] = f"{made_key} (shown only now)"
    terminal = Console(highlight=False, emoji=False, soft_wrap=True)
    terminal.print(f"[bold]Bursar {__version__} is serving[/]")
    for name, fact in facts.items():
        terminal.print(f"  [dim]{name:9}[/]  {escape(fact)}")
