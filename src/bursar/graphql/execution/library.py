"""The documents at hand: those that are trusted for ever, any others while there is room."""

from graphql import GraphQLError, GraphQLSchema

from bursar.graphql.execution.documents import MOST_PLANS, Prepared, RequestError, prepare
from bursar.graphql.execution.kept import Kept
from bursar.graphql.execution.limits import DocumentLimits
from bursar.graphql.execution.trusted import Trusted

MOST_CHARACTERS = 250_000  # of all documents kept; each is some 200 to 350 bytes in memory
_PER_FIELD = 10  # characters: the 3 KB that a field takes in a plan, with all fragments written out
NOT_FOUND = "PERSISTED_QUERY_NOT_FOUND"


class Documents:
    """The documents that were prepared, kept so that each is parsed and validated once.

    With `only`, others than trusted ones are refused unread, and no refusal suggests what there is.
    What strangers send takes no room from what is trusted.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        limits: DocumentLimits,
        trusted: Trusted | None = None,
        *,
        only: bool = False,
    ) -> None:
        self._schema = schema
        self._limits = limits
        self._trusted = trusted
        self._only = only
        self._kept: Kept[Prepared] = Kept(MOST_CHARACTERS)

    @property
    def trusts(self) -> bool:
        """Whether documents can be asked for by their ids at all."""
        return self._trusted is not None

    def at_hand(self, text: str, operation_name: str | None) -> Prepared | None:
        """The document where it is prepared already. Raises RequestError."""
        if self._trusted and (id_ := self._trusted.id_of(text)):
            return self.trusted(id_, operation_name)
        return self._kept.get((text, operation_name))

    def prepare(self, text: str, operation_name: str | None) -> Prepared:
        """The document, kept from now on if it was not at hand. Raises RequestError."""
        if (found := self.at_hand(text, operation_name)) is not None:
            return found
        if self._only:
            raise _not_found("Only trusted documents are run here, and this is none of them.")
        prepared = prepare(self._schema, text, operation_name, self._limits)
        return self._kept.keep((text, operation_name), prepared, _weight(text, prepared))

    def trusted(self, id_: str, operation_name: str | None) -> Prepared:
        """The trusted document of this id. Raises RequestError."""
        found = self._trusted.prepared(id_, operation_name) if self._trusted else None
        if found is None:
            raise _not_found("No trusted document has this documentId.")
        found.hide_suggestions = self._only
        return found


def _weight(text: str, prepared: Prepared) -> int:
    """The memory that a document takes with its plans, in characters of one that spreads nothing."""
    plans = MOST_PLANS if "@" in text else 1
    return max(len(text), _PER_FIELD * prepared.measure.measure.selections * plans)


def _not_found(message: str) -> RequestError:
    return RequestError(NOT_FOUND, GraphQLError(message))
