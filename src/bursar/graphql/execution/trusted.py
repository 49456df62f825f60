"""Trusted documents: those that clients may name by their hash, read from a manifest at the start.

Specification: GraphQL over HTTP, appendix A, persisted documents.
"""

import re
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any

import orjson
from graphql import GraphQLSchema, OperationDefinitionNode

from bursar.graphql.execution.documents import Prepared, RequestError, Valid, validated
from bursar.graphql.execution.limits import DocumentLimits

_ID = re.compile(r"(?:sha256:)?([0-9a-f]{64})")
_SHOWN = 100  # characters of an id that is told


class BadManifest(Exception):
    """A manifest that cannot be used; says of which document what is wrong."""


class Trusted:
    """Documents by id, each parsed and validated when this is made, and kept for as long as it is.

    They keep the limits of all documents. Raises BadManifest, which names the first that is refused.
    """

    def __init__(
        self, schema: GraphQLSchema, texts: Mapping[str, str], limits: DocumentLimits
    ) -> None:
        self._valid = {id_: _validated(schema, id_, text, limits) for id_, text in texts.items()}
        self._ids = {text: id_ for id_, text in texts.items()}
        self._prepared: dict[tuple[str, str | None], Prepared] = {
            (id_, name): valid.operation(name)
            for id_, valid in self._valid.items()
            for name in _names(valid)
        }

    def id_of(self, text: str) -> str | None:
        """The id of a document that was sent whole."""
        return self._ids.get(text)

    def prepared(self, id_: str, operation_name: str | None) -> Prepared | None:
        """The document of this id, None if there is none.

        Raises RequestError where it has no such operation.
        """
        found = self._prepared.get((id_, operation_name))
        if found is None and (valid := self._valid.get(id_)):
            return valid.operation(operation_name)
        return found


def id_of(text: str) -> str:
    """What a document is asked for by."""
    return f"sha256:{sha256(text.encode()).hexdigest()}"


def texts_in(manifest: bytes) -> dict[str, str]:
    """The documents of a manifest by id. Raises BadManifest.

    It is a JSON object of id and document, as `bursar documents`, GraphQL Code Generator and Relay
    write it, or Apollo's `{"operations": [{"id", "body"}]}`. Ids are SHA-256 in hexadecimal, with
    `sha256:` before it or not, and are checked.
    """
    try:
        told = orjson.loads(manifest)
    except orjson.JSONDecodeError:
        raise BadManifest("it is not JSON in UTF-8") from None
    pairs = list(_pairs(told))
    texts = {}
    for given, text in pairs:
        if not isinstance(given, str) or not isinstance(text, str):
            raise BadManifest("an id or a document is not a string")
        shown = given[:_SHOWN]
        if (found := _ID.fullmatch(given)) is None:
            raise BadManifest(f"{shown!r} is not a SHA-256 in hexadecimal")
        if (id_ := f"sha256:{found[1]}") != id_of(text):
            raise BadManifest(f"{shown} is not the hash of its document")
        texts[id_] = text
    return texts


def _pairs(told: Any) -> Iterator[tuple[Any, Any]]:
    operations = told.get("operations") if isinstance(told, dict) else None
    if isinstance(operations, list):
        for each in operations:
            if not isinstance(each, dict):
                raise BadManifest("an operation is not an object")
            yield each.get("id"), each.get("body")
    elif isinstance(told, dict):
        yield from told.items()
    else:
        raise BadManifest("it is not an object of id and document")


def _validated(schema: GraphQLSchema, id_: str, text: str, limits: DocumentLimits) -> Valid:
    try:
        return validated(schema, text, limits)
    except RequestError as error:
        raise BadManifest(f"{id_} is refused: {error.errors[0].message}") from None


def _names(valid: Valid) -> Iterator[str | None]:
    """The names that its operations can be asked for by."""
    operations = [
        node for node in valid.document.definitions if isinstance(node, OperationDefinitionNode)
    ]
    if len(operations) == 1:
        yield None
    for operation in operations:
        if operation.name:
            yield operation.name.value
