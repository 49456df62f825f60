"""The parent of several workers: starts them, replaces those that die, and stops them all.

Uvicorn's own does not wait for all before it announces, restarts without a pause, and leaves
workers behind when it is killed.
"""

import os
import pickle
import select
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import structlog

from bursar.http import metrics
from bursar.operations.failure import Failure
from bursar.operations.nursery import Nursery
from bursar.operations.stopping import StopRequest
from bursar.operations.work import Work

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
        work: Work,
        listener: socket.socket,
        stop: StopRequest,
        nursery: Nursery,
    ) -> None:
        settings, number = work.settings, listener.fileno()

        def begin() -> Worker:
            return Worker(work, number, nursery)

        self._places = [_Place(begin) for _ in range(settings.workers)]
        self._nursery = nursery
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
        self._nursery.end()
        workers = [place.worker for place in self._places if place.worker is not None]
        for _ in _while_any_lives(workers, self._patience):
            at_once, self._at_once = self._at_once, False
            for worker in workers:
                worker.stop(at_once=at_once)
        stuck = [worker for worker in workers if worker.lives()]
        for worker in stuck:
            log.error("a worker does not stop and is killed", pid=worker.pid)
            worker.kill()
        if stuck:  # it may itself be, and then forks none that was asked for and tells of no end
            self._nursery.kill()
        for _ in _while_any_lives(stuck, _MARGIN_SECONDS):
            pass
        for worker in workers:
            worker.bury()


class Worker:
    """One process: `pid`, since when it serves, and its exit `code`, as far as they are known."""

    def __init__(self, work: Work, listener: int, nursery: Nursery) -> None:
        its_input, self._leash = os.pipe()
        self._voice, its_output = os.pipe()
        nursery.fork(its_input, its_output, listener)
        os.close(its_input)
        os.close(its_output)
        with suppress(BrokenPipeError):  # it died already, which is noticed soon
            os.write(self._leash, pickle.dumps(work))
        self.pid: int | None = None
        self.code: int | None = None
        self.since: float | None = None
        self._heard = 0.0
        self._told = self._stops = self._ended = False

    def lives(self) -> bool:
        """Hear what is said by it, and of it. A worker that says no more, for good, has ended."""
        while not self._ended and select.select([self._voice], [], [], 0)[0]:
            said = os.read(self._voice, 65_536)
            if not said and not self._is_reaped():
                break
            self._ended = not said
            for word, _, number in (line.partition(" ") for line in said.decode().splitlines()):
                if word == "pid":
                    self.pid = int(number)
                elif word == "ended":
                    self.code = int(number)
                else:
                    self._heard, self._told = time.monotonic(), False
                    self.since = self.since or self._heard
        return not self._ended

    def _is_reaped(self) -> bool:
        """Hear the code where this is process 1, to which the workers of a nursery that died come."""
        if self.pid is None or self.code is not None:
            return True
        try:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
        except ChildProcessError:  # somebody else's
            return True
        if pid == 0:
            return False
        self.code = os.waitstatus_to_exitcode(status)
        return True

    def end_if_stuck(self) -> None:
        """Tell of one that serves and fell silent, and then kill it.

        Nothing but an event loop that is stuck keeps a worker from speaking every second. The others
        go on serving, and answer the probes, so that nobody else would see it.
        """
        silence = time.monotonic() - self._heard
        if self.since is None or silence < _SILENT_SECONDS:
            return
        if not self._told:
            self._told = True
            log.error("a worker is stuck", pid=self.pid, seconds=round(silence, 1))
        if silence >= 2 * _SILENT_SECONDS:
            self.kill()

    def stop(self, *, at_once: bool) -> None:
        """Ask it to, as soon as its pid is known; once, and once more `at_once`."""
        if self.pid is not None and not self._stops:
            self._stops = True
            self._signal(signal.SIGTERM)
        if at_once:
            self._signal(signal.SIGINT)

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        if self.pid is not None and not self._ended:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def bury(self) -> None:
        os.close(self._leash)
        os.close(self._voice)


def _while_any_lives(workers: list[Worker], seconds: float) -> Iterator[None]:
    """A turn every moment until none does, or the time is over."""
    deadline = time.monotonic() + seconds
    while any(worker.lives() for worker in workers) and time.monotonic() < deadline:
        yield
        time.sleep(_TICK_SECONDS)


class _Place:
    """Where one worker after the other serves."""

    def __init__(self, begin: Callable[[], Worker]) -> None:
        self._begin = begin
        self.worker: Worker | None = None
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
                self.worker = self._begin()
        elif self.worker.lives():
            self.worker.end_if_stuck()
        elif replace:
            self._mourn(self.worker)
        else:
            raise Failure("a worker does not start: see the log")

    def _mourn(self, worker: Worker) -> None:
        """The first death is made up for at once; where one follows another, ever later."""
        now = time.monotonic()
        if worker.since is not None and now - worker.since >= _SOUND_SECONDS:
            self._deaths_in_a_row = 0
        pause = min(2.0**self._deaths_in_a_row - 1, _LONGEST_PAUSE_SECONDS)
        log.error(
            "a worker died and is replaced",
            pid=worker.pid,
            code=worker.code,
            pause=pause,
        )
        self._deaths_in_a_row += 1
        self._not_before = now + pause
        self.worker = None
        worker.bury()
        if worker.pid is not None:
            metrics.worker_died(worker.pid)
