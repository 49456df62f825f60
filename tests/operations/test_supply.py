"""What is installed is what was locked; the image has no root, no secret, nothing to write to."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "Dockerfile"
PIN = re.compile(r"[a-z0-9-]+(\[[a-z,]+\])?==[\w.]+( ; .+)?( --hash=sha256:[0-9a-f]{64})+")


def joined(file: Path) -> list[str]:
    """The lines that say something, those that go on as one."""
    lines = [line for line in file.read_text().splitlines() if not line.lstrip().startswith("#")]
    whole = re.sub(r"\s*\\\n\s*", " ", "\n".join(lines))
    return [line for line in whole.splitlines() if line]


@pytest.mark.parametrize(
    "lock", sorted((ROOT / "requirements").iterdir()), ids=lambda lock: lock.name
)
def test_every_dependency_is_one_version_with_its_digests_from_no_named_index(lock: Path) -> None:
    pins = joined(lock)
    assert len(pins) > 20
    assert [pin for pin in pins if not PIN.fullmatch(pin)] == []


def test_nothing_is_installed_without_its_digest() -> None:
    steps = re.split(r"&&|\n", "\n".join(joined(DOCKERFILE)))
    installs = [step for step in steps if re.search(r"pip .*install|npm (i|ci)\b", step)]
    assert len(installs) == 3 + 1  # one takes the embedded PostgreSQL away
    for step in installs:
        locked = "--require-hashes" in step and "--only-binary :all:" in step
        assert locked or "--no-index" in step or "npm ci" in step or " uninstall " in step, step
    makefile = (ROOT / "Makefile").read_text().replace("\\\n", " ")
    installs = re.findall(r"^\t.*(?:PIP_INSTALL\)|pip install).*", makefile, re.MULTILINE)
    assert len(installs) > 4
    assert [step for step in installs if "LOCKED)" not in step and "EDITABLE)" not in step] == []


def test_the_image_is_run_by_a_number_that_owns_nothing_and_has_no_secret() -> None:
    last = joined(DOCKERFILE)
    last = last[max(n for n, line in enumerate(last) if line.startswith("FROM")) :]
    assert "USER 10001:10001" in last
    assert not [line for line in last if line.startswith(("RUN", "ADD", "VOLUME"))]
    assert not [line for line in last if line.startswith("COPY") and "--chown" in line]
    told = " ".join(line for line in joined(DOCKERFILE) if line.startswith(("ENV", "ARG")))
    assert "PYTHONDONTWRITEBYTECODE=1" in told
    assert not re.search(r"DATABASE_URL|PEPPER|ADMIN_KEY|PASSWORD|SECRET|TOKEN", told)


def test_only_what_the_image_needs_is_sent_to_the_engine() -> None:
    assert joined(ROOT / ".dockerignore")[0] == "*"
    assert "**/.env*" in joined(ROOT / ".dockerignore")
