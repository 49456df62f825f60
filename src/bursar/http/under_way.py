"""The requests under way: so many at most, each for so long, and only while its client waits for it."""

import asyncio
from enum import Enum, auto

from starlette.types import Message, Receive

from bursar.database.borrowing import Borrowing, borrowing
from bursar.domain.errors import Overloaded

UNDER_WAY_A_CONNECTION = 4
"""How many requests a connection to PostgreSQL keeps up with, as most of them think or wait."""
LOOK_SECONDS = 0.05
"""How often it is looked what takes long; what ends sooner costs no watch over its client."""
AGAIN_SECONDS = 1.0
SENDERS = 10
"""How many times more requests there may be than are worked on, as they wait for their bodies."""


class End(Enum):
    """Why a request was ended before its answer."""

    LATE = auto()
    GONE = auto()


class Place(Borrowing):
    """One request under way, in the task that answers it. Its time runs from here on."""

    __slots__ = (
        *("_cut_at", "_cuts", "_receive", "_share", "_task", "_token", "_watch"),
        *("ended", "has_body", "is_sending", "since"),
    )

    def __init__(self, share: "Share", task: "asyncio.Task[object]", receive: Receive) -> None:
        super().__init__(share.count)
        self._share = share
        self._task = task
        self._receive = receive
        self._watch: asyncio.Task[None] | None = None
        self._cuts = 0
        self._cut_at = 0.0
        self.since = task.get_loop().time()
        self.has_body = self.is_sending = False
        self.ended: End | None = None
        self._token = borrowing.set(self)

    async def receive(self) -> Message:
        """The next part of the body; who waits for one keeps nobody else from being answered.

        Raises Overloaded where so many have sent theirs meanwhile that there is no room.
        """
        self.is_sending = True
        self._share.working -= 1  # by hand, as every request comes by here: `idle` is a generator
        try:
            message = await self._receive()
        finally:
            self._share.working += 1
        self.is_sending = False
        self.has_body = not message.get("more_body", False)
        if self._share.working > self._share.most:
            raise Overloaded
        return message

    def look(self, now: float) -> None:
        """End the request if its time is up; else see that it ends when the client hangs up."""
        if self.ended is not None:
            if now - self._cut_at >= AGAIN_SECONDS:  # something took the cancellation for its own
                self._cut(self.ended)
        elif now - self.since >= self._share.seconds:
            self._cut(End.LATE)
        elif self._watch is None and self.has_body:
            self._watch = self._task.get_loop().create_task(self._await_hang_up())

    def leave(self) -> None:
        borrowing.reset(self._token)
        if self._watch is not None:
            self._watch.cancel()
        for _ in range(self._cuts):
            self._task.uncancel()

    async def _await_hang_up(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._cut(End.GONE)

    def _cut(self, end: End) -> None:
        """Cancel the request, with all that it does at the database."""
        self.ended = end
        self._cuts += 1
        self._cut_at = self._task.get_loop().time()
        self._task.cancel()
        self.cancel()


class Share:
    """The requests of one kind that are under way: at most so many, each for so many seconds."""

    def __init__(self, most: int, seconds: float) -> None:
        self.most = most
        self.seconds = seconds
        self.working = 0
        self._places: dict[Place, None] = {}  # in the order of their coming
        self._looks = False

    @property
    def is_full(self) -> bool:
        return self.working >= self.most or len(self._places) >= self.most * SENDERS

    def enter(self, receive: Receive) -> Place:
        """Begin a request in the running task, which has to `leave` its place."""
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a request is answered in a task")
        place = Place(self, task, receive)
        self._places[place] = None
        self.working += 1
        if not self._looks:
            self._look_later(task.get_loop())
        return place

    def leave(self, place: Place) -> None:
        self.working -= 1
        del self._places[place]
        place.leave()

    def count(self, more: int) -> None:
        """More requests, or fewer, are worked on."""
        self.working += more

    def _look_later(self, loop: asyncio.AbstractEventLoop) -> None:
        self._looks = True
        loop.call_later(LOOK_SECONDS, self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        self._looks = False
        now = loop.time()
        for place in list(self._places):
            if now - place.since < LOOK_SECONDS:
                break
            place.look(now)
        if self._places:
            self._look_later(loop)
