"""How signals ask the server to stop, from its first moment to its last."""

import signal
import time
from collections.abc import Callable
from types import FrameType


class StopRequest:
    """Remembers when SIGINT, SIGTERM or SIGHUP first came; a second Ctrl-C calls `at_once`.

    A signal only leaves its mark, so that nothing is cut off between a start and the record of
    it: an exception there would orphan PostgreSQL. The handlers stay to the end of the process,
    because `make` may pass a signal on that the terminal has sent already.
    """

    def __init__(self) -> None:
        self.since: float | None = None
        self.at_once: Callable[[], None] = self._interrupt

    def listen(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._arrived)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as nohup has it
            signal.signal(signal.SIGHUP, self._arrived)

    def older_than(self, seconds: float) -> bool:
        return self.since is not None and time.monotonic() - self.since >= seconds

    def _arrived(self, number: int, _frame: FrameType | None) -> None:
        if self.since is None:
            self.since = time.monotonic()
        elif number == signal.SIGINT:
            self.at_once()

    def _interrupt(self) -> None:
        """A start that takes long is given up; once, as the unwinding stops PostgreSQL."""
        self.at_once = lambda: None
        raise KeyboardInterrupt
