"""What requests cost who sends them: the work that a document makes, in points of an allowance.

One for the request, one for each object that it may answer with, and two for each character of a
document that is new here, as to parse, to validate and to plan it takes as long, and is not done again.
"""

from bursar.access.actor import Actor
from bursar.domain.allowances import Allowances
from bursar.domain.errors import RateLimited
from bursar.graphql.execution.documents import Prepared
from bursar.graphql.execution.library import Documents
from bursar.graphql.execution.limits import DocumentLimits
from bursar.http.body import Operation

_PER_CHARACTER = 2


class Spending:
    """The allowances of keys in this process."""

    def __init__(self, limits: DocumentLimits) -> None:
        self._allowances = Allowances(limits.cost_per_minute, limits.cost_at_once)

    def admit(self, actor: Actor) -> None:
        """Raises RateLimited where the key of the actor has spent what it had, and more."""
        if seconds := self._allowances.wait(actor.key_id):
            raise RateLimited(seconds)
        self._allowances.spend(actor.key_id)

    def prepare(self, actor: Actor, documents: Documents, operation: Operation) -> Prepared:
        """The document of an operation, paid for where it is not at hand. Raises RequestError."""
        if operation.document is None:
            return documents.trusted(operation.document_id or "", operation.name)
        found = documents.at_hand(operation.document, operation.name)
        if found is not None:
            return found
        self._allowances.spend(actor.key_id, len(operation.document) * _PER_CHARACTER)
        return documents.prepare(operation.document, operation.name)

    def run(self, actor: Actor, cost: int) -> None:
        """Pay for the objects that an operation may answer with."""
        self._allowances.spend(actor.key_id, cost)
