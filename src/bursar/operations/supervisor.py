"""The parent of several workers: starts them, replaces those that die, and stops them all.

Uvicorn's own does not wait for all before it announces, restarts without a pause, and leaves
workers behind when it is killed.
"""

import os
import pickle
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress

import structlog

from bursar.http import metrics
from bursar.operations.failure import Failure
from bursar.operations.stopping import StopRequest
from bursar.operations.worker import Work
from bursar.settings import Settings

# -P: modules are not looked for in whatever folder the server was started from.
_COMMAND = [sys.executable, "-P", "-m", "bursar.operations.worker"]
_TICK_SECONDS = 0.05
_SOUND_SECONDS = 10
_LONGEST_PAUSE_SECONDS = 30
_MARGIN_SECONDS = 5
_SILENT_SECONDS = 5
"""From when on a worker that says nothing is held to be stuck; it is killed after twice that."""

log = structlog.get_logger()


class Supervisor:
    """Keeps the workers at work that the settings ask for."""

    def __init__(
        self,
        settings: Settings,
        *,
        dsn: str,
        peppers: tuple[bytes, ...],
        listener: socket.socket,
        stop: StopRequest,
    ) -> None:
        work = (settings, dsn, peppers, listener.fileno())
        self._places = [_Place(work) for _ in range(settings.workers)]
        self._listener = listener
        self._stop = stop
        self._patience = settings.drain_seconds + settings.stop_seconds + _MARGIN_SECONDS
        self._at_once = False
        stop.at_once = self._hurry

    def run(self, announce: Callable[[], None]) -> None:
        """Return when a stop was asked for and the last worker has ended; closes the listener.

        All serve before it is announced. Raises Failure where one ends before.
        """
        announced = False
        try:
            while self._stop.since is None:
                for place in self._places:
                    place.tend(replace=announced)
                if not announced and all(place.serving for place in self._places):
                    announced = True
                    announce()
                time.sleep(_TICK_SECONDS)
        finally:
            self._end()

    def _hurry(self) -> None:
        self._at_once = True

    def _end(self) -> None:
        # The port is closed when the last worker closes it, and takes nobody into a queue then.
        self._listener.close()
        workers = [place.worker for place in self._places if place.worker is not None]
        for worker in workers:
            worker.process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + self._patience
        while any(worker.lives for worker in workers) and time.monotonic() < deadline:
            if self._at_once:
                self._at_once = False
                for worker in workers:
                    worker.process.send_signal(signal.SIGINT)
            time.sleep(_TICK_SECONDS)
        for worker in workers:
            if worker.lives:
                log.error("a worker does not stop and is killed", pid=worker.process.pid)
                worker.process.kill()
            worker.bury()


class _Worker:
    """One process: `process`, and since when it serves."""

    def __init__(self, work: Work) -> None:
        its_input, self._leash = os.pipe()
        self._voice, its_output = os.pipe()
        # A session of its own: Ctrl-C in the terminal is for the parent, which passes it on.
        self.process = subprocess.Popen(  # noqa: S603 (this Python, with fixed arguments)
            _COMMAND,
            stdin=its_input,
            stdout=its_output,
            pass_fds=[work[-1]],
            start_new_session=True,
        )
        os.close(its_input)
        os.close(its_output)
        with suppress(BrokenPipeError):  # it died already, which is noticed soon
            os.write(self._leash, pickle.dumps(work))
        self.since: float | None = None
        self._heard = 0.0
        self._told = False

    @property
    def lives(self) -> bool:
        return self.process.poll() is None

    def listen(self) -> None:
        """Hear whether it says that it serves; one that fell silent is told of, and then killed.

        Nothing but an event loop that is stuck keeps a worker from speaking every second. The others
        go on serving, and answer the probes, so that nobody else would see it.
        """
        now = time.monotonic()
        while select.select([self._voice], [], [], 0)[0] and os.read(self._voice, 4096):
            self._heard = now
            self._told = False
            self.since = self.since or now
        silence = now - self._heard
        if self.since is None or silence < _SILENT_SECONDS:
            return
        if not self._told:
            self._told = True
            log.error("a worker is stuck", pid=self.process.pid, seconds=round(silence, 1))
        if silence >= 2 * _SILENT_SECONDS:
            self.process.kill()

    def bury(self) -> None:
        self.process.wait()
        os.close(self._leash)
        os.close(self._voice)


class _Place:
    """Where one worker after the other serves."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self.worker: _Worker | None = None
        self._deaths_in_a_row = 0
        self._not_before = 0.0

    @property
    def serving(self) -> bool:
        return self.worker is not None and self.worker.since is not None

    def tend(self, *, replace: bool) -> None:
        """Start a worker where there is none, hear whether it serves, see that it lives.

        Raises Failure where it died and is not to be replaced.
        """
        if self.worker is None:
            if time.monotonic() >= self._not_before:
                self.worker = _Worker(self._work)
        elif self.worker.lives:
            self.worker.listen()
        elif replace:
            self._mourn(self.worker)
        else:
            raise Failure("a worker does not start: see the log")

    def _mourn(self, worker: _Worker) -> None:
        """The first death is made up for at once; where one follows another, ever later."""
        now = time.monotonic()
        if worker.since is not None and now - worker.since >= _SOUND_SECONDS:
            self._deaths_in_a_row = 0
        pause = min(2.0**self._deaths_in_a_row - 1, _LONGEST_PAUSE_SECONDS)
        log.error(
            "a worker died and is replaced",
            pid=worker.process.pid,
            code=worker.process.returncode,
            pause=pause,
        )
        self._deaths_in_a_row += 1
        self._not_before = now + pause
        self.worker = None
        worker.bury()
        metrics.worker_died(worker.process.pid)
