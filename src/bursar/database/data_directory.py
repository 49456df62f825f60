"""The data directory of the embedded PostgreSQL: what lies where, who holds it, and its secrets."""

import fcntl
import json
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

SUPERUSER = "postgres"
OWNER = "bursar_owner"
APPLICATION = "bursar_app"


class DataDirectoryInUse(Exception):
    """Another living process holds the lock."""

    def __init__(self, directory: Path, pid: int | None) -> None:
        super().__init__(f"{directory} is in use by {f'process {pid}' if pid else 'a process'}")
        self.directory = directory
        self.pid = pid


class DataDirectoryUnusable(Exception):
    """PostgreSQL cannot run here; the message is one line and says why."""

    def __init__(self, directory: Path, reason: str) -> None:
        super().__init__(f"{directory}: {' '.join(reason.split())}")
        self.directory = directory
        self.reason = reason

    @classmethod
    def because(cls, directory: Path, error: OSError) -> "DataDirectoryUnusable":
        return cls(directory, f"{error.filename or 'operating system'}: {error.strerror}")


class DataDirectory:
    """`postgres/`, `postgres.log`, `passwords`, `pepper`, and `lock` with the holder's pid.

    The kernel drops the lock with the process, so a kill -9 leaves none behind; what is left
    then is the pid in the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().resolve()
        self.postgres = self.path / "postgres"
        self.log = self.path / "postgres.log"
        self._lock: int | None = None

    def lock(self) -> None:
        """Make the directory where it is missing and hold it.

        As root it is made traversable, because PostgreSQL runs as another account; one that
        exists keeps its mode. Raises DataDirectoryInUse, DataDirectoryUnusable.
        """
        try:
            if not self.path.exists():
                self.path.mkdir(parents=True)
                self.path.chmod(0o711 if os.geteuid() == 0 else 0o700)
            lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise DataDirectoryUnusable.because(self.path, error) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise DataDirectoryInUse(self.path, self.holder()) from None
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
        self._lock = lock

    def unlock(self) -> None:
        if self._lock is not None:
            os.ftruncate(self._lock, 0)
            os.close(self._lock)
            self._lock = None

    def holder(self) -> int | None:
        """The living process whose pid is in the lock.

        Asked without touching the lock: the question cannot make another process's start fail.
        """
        try:
            pid = int((self.path / "lock").read_text())
            with suppress(PermissionError):
                os.kill(pid, 0)
        except (FileNotFoundError, ValueError, ProcessLookupError):
            return None
        return pid

    def make_secrets(self) -> None:
        """Write `passwords` and `pepper` where they are missing: 32 random bytes each."""
        passwords = {role: secrets.token_urlsafe(32) for role in (SUPERUSER, OWNER, APPLICATION)}
        self._keep("passwords", json.dumps(passwords, indent=2))
        self._keep("pepper", secrets.token_urlsafe(32))

    def password(self, role: str) -> str:
        """Of a database role; raises DataDirectoryUnusable where `passwords` cannot be read."""
        try:
            return str(json.loads(self._secret("passwords"))[role])
        except (ValueError, KeyError, TypeError):
            raise DataDirectoryUnusable(self.path, f"no password of {role} in passwords") from None

    def pepper(self) -> str:
        """Raises DataDirectoryUnusable where it cannot be read."""
        return self._secret("pepper").strip()

    def open_log(self, limit: int) -> BinaryIO:
        """PostgreSQL's log at its end, emptied first where it is longer than `limit` bytes."""
        descriptor = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        if os.fstat(descriptor).st_size > limit:
            os.ftruncate(descriptor, 0)
        os.lseek(descriptor, 0, os.SEEK_END)
        return os.fdopen(descriptor, "ab")

    def sync(self) -> None:
        """Make renames in the directory survive a power failure."""
        folder = os.open(self.path, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _secret(self, name: str) -> str:
        try:
            return (self.path / name).read_text()
        except OSError as error:
            raise DataDirectoryUnusable.because(self.path, error) from error

    def _keep(self, name: str, secret: str) -> None:
        place = self.path / name
        if place.exists():
            return
        draft = place.with_suffix(".new")
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secret + "\n")
            file.flush()
            os.fsync(file.fileno())
        draft.rename(place)
