"""What a server works with, as its parent hands it to a worker."""

from pathlib import Path
from typing import NamedTuple

from bursar.settings import Settings


class Work(NamedTuple):
    """The first of the peppers hashes; `metrics` is the folder that several workers count in."""

    settings: Settings
    dsn: str
    peppers: tuple[bytes, ...]
    metrics: Path | None = None
