"""What one request has going on at the database, so that it can end with the request."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class Borrowing:
    """The tasks that borrow connections for one request, and whether it has begun to commit.

    Not all of them end with the request's own task: graphql-core leaves reads behind whose answer no
    longer matters. `count` is told by how many more, or fewer, requests are worked on.
    """

    __slots__ = ("_count", "_tasks", "may_have_changed")

    def __init__(self, count: Callable[[int], None] = lambda _: None) -> None:
        self._count = count
        self._tasks: set[asyncio.Task[object]] = set()
        self.may_have_changed = False

    def begin(self) -> "asyncio.Task[object] | None":
        """Remember the running task; answers it, for `end`."""
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
        return task

    def end(self, task: "asyncio.Task[object] | None") -> None:
        if task is not None:
            self._tasks.discard(task)

    @contextmanager
    def idle(self) -> Iterator[None]:
        """Meanwhile the request waits for what takes nobody's time."""
        self._count(-1)
        try:
            yield
        finally:
            self._count(1)

    def cancel(self) -> None:
        """Cancel what waits for a connection or works with one."""
        for task in list(self._tasks):
            task.cancel()


borrowing: ContextVar[Borrowing | None] = ContextVar("borrowing", default=None)
"""Of the request that this task works for."""


@contextmanager
def idle() -> Iterator[None]:
    """As `Borrowing.idle`, for the request that this task works for, if any."""
    if (request := borrowing.get()) is None:
        yield
    else:
        with request.idle():
            yield
