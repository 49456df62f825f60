"""A manifest of trusted documents, made of the files that clients are built from."""

from pathlib import Path

import orjson

from bursar.graphql.execution.documents import RequestError, validated
from bursar.graphql.execution.trusted import id_of
from bursar.graphql.schema import schema
from bursar.operations.failure import Failure
from bursar.settings import Settings


def manifest(settings: Settings, folder: Path) -> str:
    """Each `.graphql` file below the folder, byte for byte, by its id; as JSON, in order of names.

    Raises Failure where there is none, or the server would refuse one.
    """
    texts: dict[str, str] = {}
    for file in sorted(folder.rglob("*.graphql")):
        try:
            text = file.read_bytes().decode()
            validated(schema._schema, text, settings.document_limits)  # noqa: SLF001 (as in execution.request)
        except UnicodeDecodeError:
            raise Failure(f"{file}: not in UTF-8") from None
        except RequestError as error:
            raise Failure(f"{file}: {error.errors[0].message}") from None
        texts[id_of(text)] = text
    if not texts:
        raise Failure(f"{folder}: no .graphql file below it")
    return orjson.dumps(texts, option=orjson.OPT_INDENT_2).decode()
