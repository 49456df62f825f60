"""Questions asked together: fewer statements, and no answer from one that began before the question."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import pytest

from bursar.database.together import AT_A_TIME, LARGEST, Together


class Slow:
    """Answers with the state as it was when it was asked; keeps what was asked at once."""

    def __init__(self) -> None:
        self.state = 0
        self.asked: list[list[str]] = []
        self.may_end = asyncio.Event()

    async def __call__(self, questions: Sequence[str]) -> dict[str, int]:
        self.asked.append(list(questions))
        seen = self.state
        await self.may_end.wait()
        return {question: seen for question in questions if question != "nothing"}


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_what_waits_is_asked_together_and_each_question_once() -> None:
    slow = Slow()
    slow.may_end.set()
    together = Together[str, int](slow)
    answers = await asyncio.gather(*map(together.ask, ["a", "b", "a", "nothing"]))
    assert answers == [0, 0, 0, None]
    assert slow.asked == [["a", "b", "nothing"]]


async def test_a_question_never_joins_what_is_under_way() -> None:
    slow = Slow()
    together = Together[str, int](slow)
    first = []
    for _ in range(AT_A_TIME):
        first.append(asyncio.create_task(together.ask("a")))
        await settle()
    assert slow.asked == [["a"]] * AT_A_TIME
    later = [asyncio.create_task(together.ask("a")) for _ in range(3)]
    await settle()
    assert len(slow.asked) == AT_A_TIME
    slow.state = 1
    slow.may_end.set()
    assert await asyncio.gather(*first) == [0] * AT_A_TIME
    assert await asyncio.gather(*later) == [1] * 3
    assert slow.asked[AT_A_TIME:] == [["a"]]


async def test_more_than_one_statement_takes_go_with_the_next() -> None:
    slow = Slow()
    slow.may_end.set()
    together = Together[str, int](slow)
    count = LARGEST + 5
    answers = await asyncio.gather(*(together.ask(str(n)) for n in range(count)))
    assert answers == [0] * count
    assert list(map(len, slow.asked)) == [LARGEST, 5]


async def test_who_gives_up_keeps_nobody_from_an_answer() -> None:
    slow = Slow()
    together = Together[str, int](slow)
    gone, stays = (asyncio.create_task(together.ask("a")) for _ in range(2))
    await settle()
    gone.cancel()
    with suppress(asyncio.CancelledError):
        await gone
    slow.may_end.set()
    assert await stays == 0


async def test_who_gives_up_before_their_turn_is_not_asked_for() -> None:
    slow = Slow()
    together = Together[str, int](slow)
    asking = []
    for name in "abcdc":
        asking.append(asyncio.create_task(together.ask(name)))
        await settle()
    for gone in asking[2:4]:
        gone.cancel()
    slow.may_end.set()
    await asyncio.gather(*asking, return_exceptions=True)
    assert slow.asked == [["a"], ["b"], ["c"]]
    asking = [asyncio.create_task(together.ask("d"))]
    await asyncio.sleep(0)
    asking[0].cancel()
    await settle()
    assert slow.asked == [["a"], ["b"], ["c"]]


async def test_a_failure_is_told_to_all_who_asked_and_to_nobody_after() -> None:
    fails = True

    async def ask_all(questions: Sequence[str]) -> dict[str, int]:
        if fails:
            raise OSError
        return dict.fromkeys(questions, 1)

    together = Together[str, int](ask_all)
    gone = asyncio.create_task(together.ask("a"))
    await asyncio.sleep(0)
    gone.cancel()
    answers = await asyncio.gather(*map(together.ask, "ab"), return_exceptions=True)
    assert [type(answer) for answer in answers] == [OSError, OSError]
    with pytest.raises(asyncio.CancelledError):
        await gone
    fails = False
    assert await together.ask("a") == 1
