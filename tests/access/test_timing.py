"""Time does not tell what an answer hides: medians and ranks of samples that were taken by turns.

That as many statements are sent is asserted exactly by test_not_found and test_sign_in.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from random import Random
from statistics import median
from urllib.parse import urlsplit

import orjson
import pytest

from access.canaries import make_canaries
from access.world import ACTORS, build_world
from bursar.domain.ids import new_id, prefix_of
from bursar.domain.keys import new_secret
from factories import Factory
from fuzz.bodies import Sent
from fuzz.wire import Wire
from live_server import LiveServer

SAMPLES = 3_000
# Of as many samples of one and the same thing, ranks differ by more than this once in 10,000 times.
NOTICEABLE = 0.03
QUERY = "query($id: ID!) { node(id: $id) { id } }"
MUTATION = 'mutation($id: ID!) { teamUpdate(input: {id: $id, name: "A"}) { errors { code } } }'
Pair = tuple[Callable[[], tuple[str, Sent]], Callable[[], tuple[str, Sent]]]


@pytest.mark.soak
@pytest.mark.timeout(1800)
async def test_what_is_invisible_takes_the_time_of_what_is_absent_and_wrong_keys_that_of_unknown(
    make: Factory,
    live_server: Callable[..., AbstractContextManager[LiveServer]],
    record_property: Callable[[str, object], None],
) -> None:
    world = await build_world(make)
    hidden = await make_canaries(make, world.mate)
    teams = [each for each in hidden if each.startswith("team_")]
    me = await ACTORS["admin elsewhere"](make, world)
    random = Random(1)  # noqa: S311 (repeatable, and no secret)

    def wrong() -> str:
        """All but the end of a key that is good."""
        return me.secret[:-8] + new_secret()[-8:]

    def about(document: str, ids: Sequence[str], secret: str = me.secret) -> tuple[str, Sent]:
        body = orjson.dumps({"query": document, "variables": {"id": random.choice(ids)}})
        return secret, Sent("POST", "/graphql", {"Content-Type": "application/json"}, body)

    def absent(ids: Sequence[str]) -> list[str]:
        return [new_id(prefix_of(random.choice(ids)))]

    seen = [world.other_team.id]
    pairs: dict[str, Pair] = {
        "key": (lambda: about(QUERY, seen, wrong()), lambda: about(QUERY, seen, new_secret())),
        "node": (lambda: about(QUERY, hidden), lambda: about(QUERY, absent(hidden))),
        "change": (lambda: about(MUTATION, teams), lambda: about(MUTATION, absent(teams))),
        # The control: what is visible takes longer than what is not, and it is seen.
        "visible": (lambda: about(QUERY, seen), lambda: about(QUERY, absent(teams))),
    }
    told = {}
    with live_server(BURSAR_MAX_FAILED_SIGN_INS="1000000") as server:
        address = urlsplit(server.url)
        async with Wire(address.hostname or "", address.port or 0) as wire:
            for name, pair in pairs.items():
                times = await sampled(wire, pair, random)
                told[name] = slower(*times)
                for which, some in zip(("one", "other"), times, strict=True):
                    record_property(f"timing: {name}, the {which}, µs", round(median(some) * 1e6))
    control = told.pop("visible")
    assert control > 0.5 + NOTICEABLE, control
    assert all(abs(share - 0.5) < NOTICEABLE for share in told.values()), told


async def sampled(wire: Wire, pair: Pair, random: Random) -> tuple[list[float], list[float]]:
    """The seconds that each took; which goes first is chance, as what runs beside them changes."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(SAMPLES):
        for which in random.sample((0, 1), 2):
            secret, sent = pair[which]()
            times[which].append((await wire.ask(sent, secret)).seconds)
    return times


def slower(ones: Sequence[float], others: Sequence[float]) -> float:
    """How often one of the first takes longer than one of the second (Mann and Whitney's U, 1947)."""
    ranked = sorted(others)
    above = sum(bisect_left(ranked, one) + bisect_right(ranked, one) for one in ones) / 2
    return above / (len(ones) * len(ranked))
