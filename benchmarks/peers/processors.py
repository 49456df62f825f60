"""Who works on which core, and how long each has worked, as the kernel counts it."""

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

CORES = sorted(os.sched_getaffinity(0))
SERVER = CORES[:1]
LOAD = CORES[1:2] or CORES
POSTGRES = CORES[2:4] or CORES
WARNING = (
    f"Only {len(CORES)} cores here, which server, load and PostgreSQL share: not comparable."
    if len(CORES) < 4
    else ""
)

_TICKS = os.sysconf("SC_CLK_TCK")


def pinned(cores: Sequence[int], *command: str) -> list[str]:
    return ["taskset", "--cpu-list", ",".join(map(str, cores)), *command]


def seconds_of(pid: int) -> float:
    """What a process and those it started have worked, those that ended included."""
    return sum(_ticks(each) for each in family(pid)) / _TICKS


def family(pid: int) -> list[int]:
    """A process and those it started, and those that these started."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            for child in task.read_text().split():
                found += family(int(child))
    return found


def memory_of(pid: int) -> dict[str, int]:
    """KiB of a process: all that is mapped, and its share where it shares with others."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    sizes = {name: int(rest.split()[0]) for name, rest in (line.split(":") for line in lines)}
    return {"rss": sizes["Rss"], "pss": sizes["Pss"]}


def model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return os.uname().machine


def _ticks(pid: int) -> int:
    with suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
        return sum(map(int, fields[11:15]))
    return 0
