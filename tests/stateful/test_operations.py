"""Whatever is done to it by whomever, the API does what the small model says."""

from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from stateful.machine import Everything
from stateful.stage import Stage

from bursar.operations.doctor import CHECKS


def run(stage: Stage, counted: Counter[str], *, runs: int, steps: int, same: bool) -> None:
    """Let the machine do its steps, the same ones each time if asked so."""
    run_state_machine_as_test(
        lambda: Everything(stage, counted),
        settings=settings(
            max_examples=runs,
            stateful_step_count=steps,
            phases=[Phase.generate],  # to shrink takes minutes, and the notes tell as much
            derandomize=same,
            database=None,
            deadline=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.parametrize(
    ("runs", "steps", "same"),
    [
        pytest.param(10, 30, True, marks=pytest.mark.timeout(400)),
        pytest.param(500, 100, False, marks=pytest.mark.soak),
    ],
)
def test_the_api_and_the_model_agree(
    stage: Stage,
    record_property: Callable[[str, object], None],
    runs: int,
    steps: int,
    same: bool,
) -> None:
    counted: Counter[str] = Counter()
    run(stage, counted, runs=runs, steps=steps, same=same)
    assert stage.violations(CHECKS) == []
    for what, number in counted.items():
        record_property(what, number)
