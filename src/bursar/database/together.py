"""Questions of one process that come at the same moment, asked of the database together."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from typing import Generic, NamedTuple, TypeVar

from bursar import traces
from bursar.database.connections import count_statement

AT_A_TIME = 2
"""How many statements may be under way; what comes meanwhile waits, and goes together."""
LARGEST = 200

Question = TypeVar("Question", bound=Hashable)
Answer = TypeVar("Answer")


class _Asked(NamedTuple, Generic[Question, Answer]):
    question: Question
    answer: "asyncio.Future[Answer | None]"
    trace: traces.Trace


class Together(Generic[Question, Answer]):
    """Asks the questions that wait by one statement, each different one once.

    Nothing is kept: a question never joins a statement that has begun, but goes with the next. So each
    answer is from a statement that began after it was asked, and has all that was acknowledged before.
    What nobody waits for any more when its turn comes is not asked, as it may be a write. `ask_all`
    answers a number of questions by one statement, and leaves out what has no answer.
    """

    def __init__(
        self, ask_all: Callable[[Sequence[Question]], Awaitable[Mapping[Question, Answer]]]
    ) -> None:
        self._ask_all = ask_all
        self._waiting: list[_Asked[Question, Answer]] = []
        self._under_way: set[asyncio.Task[None]] = set()
        self._starting = False

    async def ask(self, question: Question) -> Answer | None:
        """The answer; None if there is none. Raises what the statement raises."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Answer | None] = loop.create_future()
        self._waiting.append(_Asked(question, answer, traces.current()))
        if not self._starting and len(self._under_way) < AT_A_TIME:
            # Not yet: what else is ready in this turn of the loop goes along.
            self._starting = True
            loop.call_soon(self._start)
        count_statement()
        return await answer

    def _start(self) -> None:
        self._starting = False
        waiting = [each for each in self._waiting if not each.answer.done()]
        asked, self._waiting = waiting[:LARGEST], waiting[LARGEST:]
        if not asked:
            return
        # The statement belongs to no request, and so neither to the context of one; but it is traced
        # where it was asked for first.
        context = traces.apart(asked[0].trace)
        task = asyncio.get_running_loop().create_task(self._answer(asked), context=context)
        self._under_way.add(task)
        task.add_done_callback(self._ended)

    async def _answer(self, asked: list[_Asked[Question, Answer]]) -> None:
        try:
            found = await self._ask_all(list(dict.fromkeys(each.question for each in asked)))
        except BaseException as error:
            for each in asked:
                if not each.answer.done():
                    each.answer.set_exception(error)
            raise
        for each in asked:
            if not each.answer.done():
                each.answer.set_result(found.get(each.question))

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            task.exception()  # told to all who asked
        if self._waiting:
            self._start()
