"""The trail that a request leaves in the log: who asked, as whom, and what was refused and why.

Of a client's words it has two alone: whom a request speaks for, where that is to be believed, and the
end of a secret that signed nobody in.
"""

from collections.abc import Iterable
from typing import Any

from bursar.access.actor import Actor
from bursar.domain.decisions import Decision
from bursar.domain.keys import last_four
from bursar.domain.names import problem_with_behalf
from bursar.graphql.context import Refused

LONG_ENOUGH = 32
"""Characters that a secret has at least; of less, as of a password, four would be too many to tell."""
MOST_PATHS = 10
"""Of one field and code; how many there are is said beside them."""


def asker(actor: Actor) -> dict[str, str]:
    """Who asked: the key, its user unless it is a service's, and whom they speak for."""
    told = {"key_id": actor.key_id}
    if actor.user_id is not None:
        told["user_id"] = actor.user_id
    behalf = actor.on_behalf_of
    if behalf is not None and actor.speaks_for_others and not problem_with_behalf(behalf):
        told["on_behalf_of"] = behalf
    return told


def presented(secret: str) -> dict[str, str]:
    """What a secret that signed nobody in may be known by: its end, as people see those of keys."""
    return {"presented": f"…{last_four(secret)}" if len(secret) >= LONG_ENOUGH else "…"}


def refusals(refused: Iterable[Refused]) -> list[dict[str, Any]]:
    """For each mutation and each of its codes how many things were refused, and where in the input."""
    told: dict[tuple[str, str], dict[str, Any]] = {}
    for field, error in refused:
        said = told.setdefault(
            (field, error.code), {"field": field, "code": error.code, "count": 0, "paths": []}
        )
        said["count"] += 1
        if len(said["paths"]) < MOST_PATHS:
            said["paths"].append(".".join(error.path))
    return list(told.values())


def decision(made: Decision) -> dict[str, Any]:
    """Whether a call was allowed; of one that was not, the key, where there is one, and why."""
    if made.allowed:
        return {"allowed": True}
    told: dict[str, Any] = {"allowed": False, "reasons": reasons([made])}
    return told if made.key is None else {**told, "denied_key_id": made.key.id}


def reasons(decisions: Iterable[Decision]) -> list[str]:
    """The codes of all that is against the calls, each once."""
    return list(dict.fromkeys(reason.code for made in decisions for reason in made.reasons))
