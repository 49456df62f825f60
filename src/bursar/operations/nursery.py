"""The nursery: a process that imports the application once, for all workers, and forks them.

It has no thread, no loop, no connection and no secret, so that a fork is safe and has all there is to
have. It is started before its parent imports what the parent needs, and a worker that is to replace
another is ready in a moment.
"""

import gc
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from bursar.operations import collector

# -P: modules are not looked for in whatever folder the server was started from.
_COMMAND = [sys.executable, "-P", "-m", "bursar.operations.nursery"]
_STOPS = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
_LOOK_SECONDS = 0.05


class Nursery:
    """The parent's end of it."""

    def __init__(self) -> None:
        self._begin()

    def fork(self, its_input: int, its_output: int, listener: int) -> None:
        """Have a worker with these descriptors soon, which are the caller's to close.

        `its_output` says `pid N` of it, and `ended N` with its exit code. It ends without where the
        nursery did, whose place then is taken by another.
        """
        if self._process.poll() is not None:
            self.end()
            self._begin()
        with suppress(BrokenPipeError):  # it died just now, and the worker with it
            socket.send_fds(self._control, [b"."], [its_input, its_output, listener])

    def end(self) -> None:
        """Let no worker begin any more; those that have begun go on."""
        self._control.close()
        self._process.terminate()

    def wait(self) -> None:
        """Return when the last worker has ended."""
        self._process.wait()

    def _begin(self) -> None:
        self._control, its_end = socket.socketpair()
        with its_end:
            # A session of its own: Ctrl-C in the terminal is for the parent, which passes it on.
            self._process = subprocess.Popen(  # noqa: S603 (this Python, with fixed arguments)
                _COMMAND, stdin=its_end.fileno(), start_new_session=True
            )


@contextmanager
def nursed(workers: int) -> Iterator[Nursery | None]:
    """The nursery of several workers; one is the server itself, and needs none."""
    if workers == 1:
        yield None
        return
    nursery = Nursery()
    try:
        yield nursery
    finally:
        nursery.end()
        nursery.wait()


def main(work: Callable[[int], None]) -> None:
    """Fork as the parent asks, and end after the last child when it asks no more.

    In each child `work` is called with the descriptor of the listener.
    """
    gc.freeze()  # so that none of its memory has to be copied for a worker that looks
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)  # the workers stop, and it ends after them
    voices = dict[int, int]()
    with socket.socket(fileno=sys.stdin.fileno()) as parent:
        asking = [parent]
        while asking or voices:
            if select.select(asking, [], [], _LOOK_SECONDS)[0]:
                asked, descriptors, _, _ = socket.recv_fds(parent, 1, 3)
                if not asked:
                    asking.clear()
                elif (pid := os.fork()) == 0:
                    parent.detach()
                    _become(descriptors, voices)
                    return work(descriptors[-1])
                else:
                    its_input, voices[pid], listener = descriptors
                    _say(voices[pid], f"pid {pid}")
                    os.close(its_input)
                    os.close(listener)
            _bury(voices)
    return None


def _become(descriptors: list[int], voices: dict[int, int]) -> None:
    """Be a worker, with nothing of the nursery's or of another worker's."""
    its_input, its_output, _ = descriptors
    for voice in voices.values():
        os.close(voice)
    os.dup2(its_input, sys.stdin.fileno())
    os.dup2(its_output, sys.stdout.fileno())
    os.close(its_input)
    os.close(its_output)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)


def _bury(voices: dict[int, int]) -> None:
    """Tell of workers that ended, for which only their parent hears the code."""
    while voices:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        voice = voices.pop(pid)
        _say(voice, f"ended {os.waitstatus_to_exitcode(status)}")
        os.close(voice)


def _say(voice: int, line: str) -> None:
    with suppress(OSError):  # who should hear it is gone, or has not listened for hours
        os.write(voice, f"{line}\n".encode())


if __name__ == "__main__":
    collector.off()
    from bursar.operations import worker

    main(worker.main)
