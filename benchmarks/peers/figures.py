"""What was measured, put in relation: medians, ratios to the best peer of the same rounds, tables."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from picture import TIMES

MANY, ONE = "32", "1"
NOTHING = "\u2013"
SUMMARY = (
    "Bursar ÷ best peer",
    "Bursar, requests/s",
    "best peer, requests/s",
    "p99 ms, Bursar and peer",
    "without sharing",
    "one client",
    "÷ Strawberry",
)
DETAILS = (
    "÷ best peer",
    "requests/s",
    "p50 ms",
    "p99 ms",
    "CPU ms, server",
    "CPU ms, PostgreSQL",
    "one client: ÷ best peer",
    "requests/s",
    "p50 ms",
    "CPU ms, server",
    "CPU ms, PostgreSQL",
)
BURSAR, UNSHARED, STOCK = "bursar", "bursar-unshared", "strawberry"


@dataclass(frozen=True)
class Figure:
    """What a round came to: requests a second, milliseconds, and milliseconds of CPU a request."""

    rate: float
    p50: float
    p99: float
    server_cpu: float
    postgres_cpu: float


@dataclass(frozen=True)
class Ratio:
    median: float
    least: float
    most: float


@dataclass
class Results:
    """The rounds of each question, contestant and number of clients, and what they were run on.

    `titles` are those of questions and contestants; `peers` are the contestants to be ahead of.
    """

    about: dict[str, Any]
    titles: dict[str, str]
    peers: Sequence[str]
    rounds: dict[str, dict[str, dict[str, list[Figure]]]] = field(default_factory=dict)

    def add(self, question: str, contestant: str, clients: str, figure: Figure) -> None:
        of_question = self.rounds.setdefault(question, {})
        of_question.setdefault(contestant, {}).setdefault(clients, []).append(figure)

    def figure(self, question: str, contestant: str, clients: str = MANY) -> Figure | None:
        rounds = self.rounds[question].get(contestant, {}).get(clients)
        return middle(rounds) if rounds else None

    def best_peer(self, question: str, clients: str = MANY) -> str | None:
        """The peer that answers most requests a second."""
        rates = {
            name: found.rate
            for name in self.peers
            if (found := self.figure(question, name, clients)) is not None
        }
        return max(rates, key=rates.__getitem__, default=None)

    def ratio(
        self, question: str, contestant: str, to: str | None, clients: str = MANY
    ) -> Ratio | None:
        """Rates in relation to another's: the median over rounds, each with the other's same one."""
        of = self.rounds.get(question, {}).get(contestant, {}).get(clients)
        others = self.rounds.get(question, {}).get(to or "", {}).get(clients)
        if not of or not others:
            return None
        ratios = [a.rate / b.rate for a, b in zip(of, others, strict=False)]
        return Ratio(median(ratios), min(ratios), max(ratios))

    def write(self, file: Path) -> None:
        file.parent.mkdir(exist_ok=True)
        plain = {**vars(self), "rounds": _rounded(self.rounds)}
        file.write_text(json.dumps(plain, indent=1) + "\n")

    @classmethod
    def read(cls, file: Path) -> "Results":
        plain = json.loads(file.read_text())
        rounds = {
            question: {
                contestant: {
                    clients: [Figure(**each) for each in figures]
                    for clients, figures in by_clients.items()
                }
                for contestant, by_clients in by_contestant.items()
            }
            for question, by_contestant in plain.pop("rounds").items()
        }
        return cls(**plain, rounds=rounds)


def middle(rounds: Sequence[Figure]) -> Figure:
    """The median of each figure by itself."""
    each = [asdict(figure) for figure in rounds]
    return Figure(**{name: median(one[name] for one in each) for name in each[0]})


def summary(results: Results) -> Iterator[str]:
    """The lines of the table that says how far ahead Bursar is."""
    yield from head(SUMMARY)
    for question in results.rounds:
        peer, peer_of_one = (results.best_peer(question, clients) for clients in (MANY, ONE))
        ours, theirs = (results.figure(question, name or "") for name in (BURSAR, peer))
        if ours is None or theirs is None or peer is None:
            continue
        cells = [
            results.titles[question],
            times(results.ratio(question, BURSAR, peer), bold=True),
            f"{ours.rate:,.0f}",
            f"{theirs.rate:,.0f} ({results.titles[peer]})",
            f"{ours.p99:.1f}, {theirs.p99:.1f}",
            times(results.ratio(question, UNSHARED, peer)),
            times(results.ratio(question, BURSAR, peer_of_one, ONE)),
            times(results.ratio(question, BURSAR, STOCK)),
        ]
        yield f"| {' | '.join(cells)} |"


def details(results: Results) -> Iterator[str]:
    """For each question the lines of a table of all contestants."""
    for question, contestants in results.rounds.items():
        peer, peer_of_one = (results.best_peer(question, clients) for clients in (MANY, ONE))
        yield f"\n### {results.titles[question].capitalize()}\n"
        yield from head(DETAILS)
        for name in contestants:
            many = results.figure(question, name)
            one = results.figure(question, name, ONE)
            ratio = results.ratio(question, name, peer)
            of_one = results.ratio(question, name, peer_of_one, ONE)
            spread = f" ({ratio.least:.2f} to {ratio.most:.2f})" if ratio else ""
            cells = [results.titles[name], times(ratio) + spread, *_cells(many), times(of_one)]
            rate, p50, _, *cpu = _cells(one)
            yield f"| {' | '.join([*cells, rate, p50, *cpu])} |"


def head(columns: Sequence[str]) -> Iterator[str]:
    """The first two lines of a table whose first column has no name."""
    yield f"| | {' | '.join(columns)} |"
    yield f"|---|{'---:|' * len(columns)}"


def _cells(figure: Figure | None) -> list[str]:
    if figure is None:
        return [NOTHING] * 5
    rate = f"{figure.rate:,.0f}" if figure.rate >= 100 else f"{figure.rate:.1f}"
    times = (figure.p50, figure.p99, figure.server_cpu, figure.postgres_cpu)
    return [rate, *(f"{each:.2f}" if each < 10 else f"{each:,.0f}" for each in times)]


def times(ratio: Ratio | None, *, bold: bool = False) -> str:
    """The median of a ratio, as a reader sees it."""
    if ratio is None:
        return NOTHING
    text = f"{ratio.median:.2f}{TIMES}" if ratio.median < 10 else f"{ratio.median:.0f}{TIMES}"
    return f"**{text}**" if bold else text


def _rounded(value: Any) -> Any:
    match value:
        case Mapping():
            return {key: _rounded(each) for key, each in value.items()}
        case list():
            return [_rounded(each) for each in value]
        case Figure():
            return {name: float(f"{each:.5g}") for name, each in asdict(value).items()}
    raise TypeError(value)
