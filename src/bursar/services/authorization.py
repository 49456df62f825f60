"""Authorization: may this key use this model, asked by a gateway for a secret, or for an id by people.

Decisions are not cached. Each is made of a statement that began after it was asked for, so that what
was acknowledged before, by whichever process, holds in it; those asked for meanwhile share the next.
"""

from collections.abc import Sequence
from decimal import Decimal
from functools import partial

from bursar.access.actor import Actor
from bursar.access.policy import Action, forbidden, permits
from bursar.database.connections import Reads
from bursar.database.together import AT_A_TIME, LARGEST, Together
from bursar.domain.decisions import Decision, KeyFacts, decide
from bursar.domain.errors import Forbidden
from bursar.domain.keys import LONGEST_SECRET
from bursar.domain.limits import problem_with_literal
from bursar.services.key_facts import ById, BySecret, facts_by_id, facts_by_secret
from bursar.services.sign_in import hashes_of

CONNECTIONS = 2 * AT_A_TIME
"""What it takes to sign in and to decide, however many ask, as they share statements."""

MOST_AT_ONCE = AT_A_TIME * LARGEST
"""How many decisions the statements under way make."""


def problem_with(actor: Actor) -> Forbidden | None:
    """Why the actor may not ask about keys by their secrets, if they may not."""
    allowed = permits(actor, Action.CALL_AUTHORIZE)
    return None if allowed else forbidden(Action.CALL_AUTHORIZE)


class Authorizer:
    """Decides for gateways; one for a process, whose requests share statements."""

    def __init__(self, source: Reads, peppers: Sequence[bytes]) -> None:
        self._peppers = peppers
        self._facts = Together[BySecret, KeyFacts](partial(facts_by_secret, source))

    async def authorize(
        self, secret: str, model: str, estimated_cost: Decimal | None = None
    ) -> Decision:
        """The decision for a key that was presented with a call.

        What cannot be a secret is looked up like one that is wrong, so that both take the same time.
        Raises Overloaded or Unavailable where there is no decision, which is none to allow.
        """
        asked = BySecret(hashes_of(secret, self._peppers), _storable(model))
        facts = await self._facts.ask(asked)
        return decide(facts if len(secret) <= LONGEST_SECRET else None, model, estimated_cost)


async def explain(
    source: Reads, key_id: str, model: str, estimated_cost: Decimal | None = None
) -> Decision:
    """The same decision for a key by its id, which the caller has to have seen."""
    asked = ById(key_id, _storable(model))
    return decide((await facts_by_id(source, [asked])).get(asked), model, estimated_cost)


def _storable(model: str) -> str:
    """What PostgreSQL can hold of a name that may be none; no limit and no alias has the empty one."""
    return "" if problem_with_literal(model) else model
