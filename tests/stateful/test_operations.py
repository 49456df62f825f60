"""Whatever is done to it by whomever, the API does what the small model says."""

from collections import Counter
from collections.abc import Callable, Iterator

import pytest
import structlog
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from stateful.machine import Everything
from stateful.stage import Stage

from bursar.database.embedded import EmbeddedPostgres


@pytest.fixture
def stage(migrated: EmbeddedPostgres) -> Iterator[Stage]:
    with (
        structlog.testing.capture_logs(),
        Stage(migrated.owner_url, migrated.application_url) as stage,
    ):
        yield stage


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("runs", "steps", "same"),
    [(25, 40, True), pytest.param(500, 100, False, marks=pytest.mark.soak)],
)
def test_the_api_and_the_model_agree(
    stage: Stage, record_property: Callable[[str, object], None], runs: int, steps: int, same: bool
) -> None:
    counted: Counter[str] = Counter()
    run_state_machine_as_test(
        lambda: Everything(stage, counted),
        settings=settings(
            print_blob=True,
            max_examples=runs,
            stateful_step_count=steps,
            phases=[Phase.generate],  # to shrink takes minutes, for what forty notes tell as well
            derandomize=same,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    for what, number in counted.items():
        record_property(what, number)
