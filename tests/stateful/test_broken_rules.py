"""A rule of the product that is switched off is found: what the machine says is no empty praise."""

from collections import Counter
from typing import Any

import pytest
from stateful.stage import Stage
from stateful.test_operations import run

from bursar.access import door
from bursar.services import last_admins, team_moves


async def _nobody(*_: Any) -> list[Any]:
    return []


async def _nothing(*_: Any, **__: Any) -> None:
    return None


RULES = {
    "the policy": (door, "permits", lambda *_, **__: True),
    "members of a moved team belong to its organization": (team_moves, "_members_outside", _nobody),
    "the last admin stays": (last_admins, "check_stays", _nothing),
}


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "rule", [pytest.param(r, marks=pytest.mark.soak) if n else r for n, r in enumerate(RULES)]
)
def test_a_broken_rule_is_found(stage: Stage, monkeypatch: pytest.MonkeyPatch, rule: str) -> None:
    monkeypatch.setattr(*RULES[rule])
    with pytest.raises(AssertionError):
        run(stage, Counter(), runs=25, steps=40, same=True)
