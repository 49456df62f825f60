"""What one request has going on at the database, so that it can end with the request."""

import asyncio
from contextvars import ContextVar


class Borrowing:
    """The tasks that borrow connections for one request, and whether it has begun to commit.

    Not all of them end with the request's own task: graphql-core leaves reads behind whose answer no
    longer matters.
    """

    __slots__ = ("_tasks", "may_have_changed")

    def __init__(self) -> None:
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

    def cancel(self) -> None:
        """Cancel what waits for a connection or works with one."""
        for task in list(self._tasks):
            task.cancel()


borrowing: ContextVar[Borrowing | None] = ContextVar("borrowing", default=None)
"""Of the request that this task works for."""
