"""Who works on which core, and how long each has worked, as the kernel counts it."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

CORES = sorted(os.sched_getaffinity(0))
SERVER = CORES[:1]
LOAD = CORES[1:2] or CORES
POSTGRES = CORES[2:4] or CORES
IDLE = 0.5  # cores at work before anything is started: more is somebody else

_TRIES = 5
_TICKS = os.sysconf("SC_CLK_TCK")


def warning() -> str:
    """Why what is measured from now on tells little, if it does."""
    if len(CORES) < 4:
        return f"Only {len(CORES)} cores, which server, load and PostgreSQL share: not comparable."
    before = _busy()
    time.sleep(2)
    if (others := (_busy() - before) / 2) > IDLE:
        return f"The machine was busy with something else ({others:.1f} cores): not comparable."
    return ""


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


def slowed() -> list[float]:
    """How many times as long the same work takes on the server's core while the others work too.

    It is 1 where each is a core of its own. More is the machine's doing: its cores are threads of the
    same cores, or somebody else's, and which they are may change by the minute.
    """
    own = os.sched_getaffinity(0)
    others = [core for core in CORES if core not in SERVER]
    found = []
    try:
        os.sched_setaffinity(0, SERVER)
        for _ in range(_TRIES):
            alone = _seconds_of_work()
            busy = [
                subprocess.Popen(pinned([core], sys.executable, "-c", "while True: pass"))
                for core in others
            ]
            try:
                time.sleep(0.3)  # until they are there
                found.append(_seconds_of_work() / alone)
            finally:
                for each in busy:
                    each.kill()
                    each.wait()
    finally:
        os.sched_setaffinity(0, own)
    return sorted(found)


def _seconds_of_work() -> float:
    began = time.process_time()
    for _ in range(200):
        dict.fromkeys(map(str, range(5000)))
    return time.process_time() - began


def model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return os.uname().machine


def _busy() -> float:
    """How many seconds all cores together have worked."""
    user, nice, system, _idle, _waiting, *rest = Path("/proc/stat").read_text().split()[1:9]
    return sum(map(int, (user, nice, system, *rest))) / _TICKS


def _ticks(pid: int) -> int:
    with suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
        return sum(map(int, fields[11:15]))
    return 0
