"""What was tried for the peers: each with one thing changed, beside itself as it is compared."""

import argparse
import asyncio
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import agreement
import contestants
from asking import asked_of
from contestants import CONTESTANTS, serving
from figures import MANY, Results, head, times
from load import load
from questions import QUESTIONS
from world import SIZE, world

VARIANTS: Mapping[str, Mapping[str, str]] = {
    "a pool of 8": {"POOL_SIZE": "8"},
    "a pool of 32": {"POOL_SIZE": "32"},
    "`--max-semi-space-size=64`": {"NODE_OPTIONS": "--max-semi-space-size=64"},
}
AS_IT_IS = ""


def tried(given: argparse.Namespace) -> list[str]:
    """The lines of a table: requests a second of each variant, in relation to the peer as it is."""
    contestants.install()
    lines = [*head(("tried", *(question.title for question in QUESTIONS)))]
    with world(given.data_dir, SIZE) as stored, tempfile.TemporaryDirectory() as name:
        asked = asyncio.run(asked_of(stored))
        for peer in (each for each in CONTESTANTS if each.peer):
            results = Results({}, {}, [AS_IT_IS])
            with ExitStack() as stack:
                servers = [
                    stack.enter_context(serving(peer, stored, Path(name), more=changed))
                    for changed in ({}, *VARIANTS.values())
                ]
                for question in peer.only:
                    file = agreement.write_requests(Path(name), servers[0], asked, question)
                    for round_ in range(given.rounds + 1):
                        for variant, server in zip((AS_IT_IS, *VARIANTS), servers, strict=True):
                            figure = load(
                                *(server, question, file, stored),
                                clients=int(MANY),
                                seconds=given.seconds,
                            )
                            if round_:  # the first warms up
                                results.add(question.name, variant, MANY, figure)
            lines += _rows(peer.title, results)
            print(*_rows(peer.title, results), sep="\n", flush=True)
    return lines


def _rows(peer: str, results: Results) -> Iterator[str]:
    for variant in VARIANTS:
        cells = [times(results.ratio(question.name, variant, AS_IT_IS)) for question in QUESTIONS]
        yield f"| {peer} | {variant} | {' | '.join(cells)} |"
