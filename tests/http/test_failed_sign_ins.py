"""Failed sign-ins: many wait, the owner of a key does not, and what is remembered is bounded."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx2
import pytest

from bursar.domain.allowances import MOST_KNOWN
from bursar.domain.errors import RateLimited
from bursar.services import failed_sign_ins, sign_in
from bursar.services.failed_sign_ins import MOST_WAITING, SECONDS, FailedSignIns
from factories import Factory

GOOD, BAD = "bk_good-good-good-good", "bk_bad-bad-bad-bad"
HERE, THERE = "192.0.2.1", "192.0.2.2"
VIEWER = {"query": "{ viewer { platformRole } }"}

Serve = Callable[..., AbstractAsyncContextManager[httpx2.AsyncClient]]


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was slept, without sleeping."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(failed_sign_ins, "sleep", sleep)
    return slept


def failing(secret: str, address: str, times: int = 10) -> FailedSignIns:
    failed = FailedSignIns(10)
    for _ in range(times):
        failed.tell(secret, address, good=False)
    return failed


async def test_an_address_that_failed_often_waits_with_any_key(waits: list[float]) -> None:
    failed = failing(BAD, HERE, 9)
    await failed.admit(BAD, HERE)
    assert waits == []
    failed.tell(BAD, HERE, good=False)
    await failed.admit(GOOD, HERE)
    assert waits == [SECONDS]
    await failed.admit(GOOD, THERE)
    assert waits == [SECONDS]


async def test_the_beginning_of_a_key_that_failed_often_waits_wherever_it_comes_from(
    waits: list[float],
) -> None:
    failed = FailedSignIns(10)
    for number in range(10):
        failed.tell(f"{GOOD[:12]}{number}", f"192.0.2.{number}", good=False)
    await failed.admit(GOOD, "198.51.100.1")
    assert waits == [SECONDS]
    await failed.admit(BAD, "198.51.100.1")
    assert waits == [SECONDS]


async def test_a_key_that_was_good_lately_never_waits_until_it_is_bad(waits: list[float]) -> None:
    failed = failing(GOOD[:12] + "x", HERE)
    failed.tell(GOOD, HERE, good=True)
    await failed.admit(GOOD, HERE)
    assert waits == []
    failed.tell(GOOD, HERE, good=False)
    await failed.admit(GOOD, HERE)
    assert waits == [SECONDS]


async def test_of_an_ipv6_address_its_network_counts(waits: list[float]) -> None:
    failed = FailedSignIns(10)
    for number in range(10):
        failed.tell(f"{number}" * 20, f"2001:db8::{number:x}", good=False)
    await failed.admit(BAD, "2001:db8::ffff")
    assert waits == [SECONDS]
    await failed.admit(BAD, "2001:db8:0:1::1")
    await failed.admit(BAD, "::ffff:192.0.2.1")
    await failed.admit(BAD, "")
    assert waits == [SECONDS]


async def test_no_more_wait_than_a_bound_and_then_one_is_told_to_come_again() -> None:
    failed = failing(BAD, HERE)
    waiting = [asyncio.create_task(failed.admit(BAD, HERE)) for _ in range(MOST_WAITING)]
    await asyncio.sleep(0)
    with pytest.raises(RateLimited) as refused:
        await failed.admit(BAD, HERE)
    assert refused.value.retry_after == 1
    failed.tell(GOOD, HERE, good=True)
    await failed.admit(GOOD, HERE)
    await asyncio.gather(*waiting)
    await failed.admit(BAD, HERE)


def test_what_is_remembered_is_bounded_and_is_no_secret() -> None:
    failed = FailedSignIns(10)
    secrets = [f"{number:020}-" for number in range(MOST_KNOWN + 100)]
    for number, secret in enumerate(secrets):
        failed.tell(secret[:-1], f"192.0.{number}", good=number % 2 == 0)
        failed.tell(secret, HERE, good=True)
    assert len(failed._good) == MOST_KNOWN  # noqa: SLF001 (nothing tells its size)
    remembered = repr(failed._good)  # noqa: SLF001 (as above)
    # A part of one is in some of so many random bytes now and then.
    assert not any(secret[:-1] in remembered for secret in secrets[-100:])


async def test_guesses_wait_before_they_are_hashed_and_the_owner_signs_in(
    serve: Serve, make: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, unseen = await make.person(), await make.person()
    hashed: list[str] = []
    original = sign_in.digest

    def counted(secret: str, pepper: bytes) -> bytes:
        hashed.append(secret)
        return original(secret, pepper)

    waited = asyncio.Event()

    async def sleep(_: float) -> None:
        await waited.wait()

    monkeypatch.setattr(sign_in, "digest", counted)
    monkeypatch.setattr(failed_sign_ins, "sleep", sleep)
    async with serve(max_failed_sign_ins=5) as caller:

        async def ask(secret: str) -> Any:
            headers = {"Authorization": f"Bearer {secret}"}
            return await caller.post("/graphql", json=VIEWER, headers=headers)

        assert (await ask(owner.secret)).status_code == 200
        guesses = [owner.secret[:-6] + f"{number:06}" for number in range(MOST_WAITING + 55)]
        for guess in guesses[:5]:
            assert (await ask(guess)).status_code == 401
        hashed.clear()
        asked = [asyncio.create_task(ask(guess)) for guess in guesses[5:]]
        assert (await ask(owner.secret)).status_code == 200
        assert hashed == [owner.secret]
        waited.set()
        answers = await asyncio.gather(*asked)
        assert sorted(answer.status_code for answer in answers) == [401] * MOST_WAITING + [429] * 50
        refused = next(answer for answer in answers if answer.status_code == 429)
        assert refused.headers["Retry-After"] == "1"
        assert refused.json()["errors"][0]["extensions"]["code"] == "RATE_LIMITED"
        assert len(hashed) == 1 + MOST_WAITING
        assert (await ask(unseen.secret)).status_code == 200  # after a wait
