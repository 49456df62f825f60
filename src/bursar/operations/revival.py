"""The embedded PostgreSQL, started again where it dies under a server that goes on."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

import structlog

from bursar.database.embedded import DataDirectoryUnusable, EmbeddedPostgres

_LOOK_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 30.0

log = structlog.get_logger()


@contextmanager
def revived(postgres: EmbeddedPostgres) -> Iterator[None]:
    """Look after it in a thread: at once where it has served, ever later where it does not start.

    An end of this waits for a start that has begun, so that none is left unknown.
    """
    ending = Event()
    thread = Thread(target=_look_after, args=(postgres, ending), name="revival", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join()


def _look_after(postgres: EmbeddedPostgres, ending: Event) -> None:
    pause = _LOOK_SECONDS
    while not ending.wait(pause):
        if postgres.lives:
            continue
        log.error("PostgreSQL died and is started again")
        try:
            postgres.start_again()
        except (DataDirectoryUnusable, OSError) as error:
            pause = min(max(1.0, pause * 2), _LONGEST_PAUSE_SECONDS)
            log.error("PostgreSQL does not start", reason=str(error), pause=pause)  # noqa: TRY400 (no fault of ours)
        else:
            pause = _LOOK_SECONDS
