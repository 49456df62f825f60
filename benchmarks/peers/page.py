"""The pages: the program puts tables and the picture where they belong, between two marks of a file."""

import re
from collections.abc import Iterable
from pathlib import Path

import picture
from figures import BURSAR, STOCK, UNSHARED, Results, details, summary

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PAGE = ROOT / "docs/benchmarks.md"
PICTURE = ROOT / "docs/benchmarks.svg"
RESULTS = ROOT / "benchmarks/results/peers.json"
TITLE = "Requests a second, in relation to the best peer"


def publish(results: Results) -> None:
    """Write the results, the picture, and the tables of README and page."""
    results.write(RESULTS)
    PICTURE.write_text(drawn(results))
    replace(README, "figures", [*summary(results), "", _machine(results)])
    replace(PAGE, "figures", tables(results))


def tables(results: Results) -> list[str]:
    return [_machine(results), "", *summary(results), *details(results)]


def drawn(results: Results) -> str:
    """The picture of Bursar, the peers and the stock stack."""
    groups = {}
    for question in results.rounds:
        best = results.best_peer(question)
        shown = [BURSAR, UNSHARED, *results.peers, STOCK]
        ratios = [(name, results.ratio(question, name, best)) for name in shown]
        groups[results.titles[question]] = [
            (results.titles[name], ratio.median) for name, ratio in ratios if ratio is not None
        ]
    ours = {BURSAR: "first", UNSHARED: "second"}
    kinds = {results.titles[name]: kind for name, kind in ours.items() if name in results.titles}
    return picture.bars(TITLE, groups, kinds)


def replace(file: Path, mark: str, lines: Iterable[str]) -> None:
    """Put lines between two marks of this name. Raises ValueError where there are none."""
    text = file.read_text()
    between = re.compile(rf"(?<=<!-- {mark} -->\n).*?(?=<!-- /{mark} -->)", re.DOTALL)
    if not between.search(text):
        raise ValueError(f"{file.name} has no place for {mark}")
    new = "\n" + "\n".join(lines).strip("\n") + "\n\n"
    file.write_text(between.sub(lambda _: new, text, count=1))


def _machine(results: Results) -> str:
    about = results.about
    least, most = about["slowed"][0], about["slowed"][-1]
    return (
        f"{about['date']}: {about['cores']} cores of {about['model']}, {about['memory']} GB; "
        f"PostgreSQL {about['postgres']}, Python {about['python']}, Node {about['node']}, "
        f"{about['packages']}. {about['clients']} clients, one core for each server, pools of "
        f"{about['pool']}; medians of {about['rounds']} interleaved rounds of {about['seconds']:g} s. "
        f"The same work took {least:.1f} to {most:.1f} times as long while the other cores worked."
        f"{' ' + about['warning'] if about['warning'] else ''}"
    )
