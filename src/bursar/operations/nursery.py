"""The nursery: a process that imports the application once, for all workers, and forks them.

It has no thread, no loop, no connection and no setting, so that a fork is safe and has all there is to
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
_END_SECONDS = 5


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
        """Return when it has ended, as it does after the last worker; kill it if it does not."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_SECONDS)
        self.kill()

    def kill(self) -> None:
        """End it whatever it does, without its workers; no worker begins any more."""
        self._process.kill()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_SECONDS)

    def _begin(self) -> None:
        from bursar.environment import without_settings  # noqa: PLC0415 (the nursery imports it below)

        self._control, its_end = socket.socketpair()
        with its_end:
            # A session of its own: Ctrl-C in the terminal is for the parent, which passes it on.
            self._process = subprocess.Popen(  # noqa: S603 (this Python, with fixed arguments)
                _COMMAND,
                stdin=its_end.fileno(),
                start_new_session=True,
                env=without_settings(os.environ),
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
    workers = dict[int, tuple[int, int]]()  # pid and voice, by a pipe that ends with it
    with socket.socket(fileno=sys.stdin.fileno()) as parent:
        asking = [parent.fileno()]
        while asking or workers:
            for ready in select.select([*asking, *workers], [], [])[0]:
                if ready in workers:
                    _bury(ready, *workers.pop(ready))
                    continue
                asked, descriptors, _, _ = socket.recv_fds(parent, 1, 3)
                if not asked:
                    asking.clear()
                    continue
                its_end, held = os.pipe()
                if (pid := os.fork()) == 0:
                    parent.detach()
                    os.close(its_end)
                    _become(descriptors, workers)
                    return work(descriptors[-1])
                its_input, voice, listener = descriptors
                workers[its_end] = pid, voice
                _say(voice, f"pid {pid}")
                for descriptor in (its_input, listener, held):
                    os.close(descriptor)
    return None


def _become(descriptors: list[int], others: dict[int, tuple[int, int]]) -> None:
    """Be a worker, with nothing of the nursery's or of another worker's."""
    its_input, its_output, _ = descriptors
    for its_end, (_, voice) in others.items():
        os.close(its_end)
        os.close(voice)
    os.dup2(its_input, sys.stdin.fileno())
    os.dup2(its_output, sys.stdout.fileno())
    os.close(its_input)
    os.close(its_output)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)


def _bury(its_end: int, pid: int, voice: int) -> None:
    """Tell of one that ended, for which only its parent hears the code."""
    _, status = os.waitpid(pid, 0)
    _say(voice, f"ended {os.waitstatus_to_exitcode(status)}")
    os.close(its_end)
    os.close(voice)


def _say(voice: int, line: str) -> None:
    with suppress(OSError):  # who should hear it is gone, or has not listened for hours
        os.write(voice, f"{line}\n".encode())


if __name__ == "__main__":
    collector.off()
    from bursar.operations import worker

    main(worker.main)
