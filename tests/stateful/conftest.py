"""The stage of the machine, whose modules assert like tests, and say as much."""

from collections.abc import Iterator

import pytest
import structlog

from bursar.database.embedded import EmbeddedPostgres

pytest.register_assert_rewrite("stateful")

from stateful.stage import Stage  # noqa: E402 (to be rewritten, it comes after)


@pytest.fixture
def stage(migrated: EmbeddedPostgres) -> Iterator[Stage]:
    with (
        structlog.testing.capture_logs(),
        Stage(migrated.owner_url, migrated.application_url) as stage,
    ):
        yield stage
