"""The settings that are limits: each has a hard maximum, and `limits` of the API tells it."""

from dataclasses import fields
from typing import TYPE_CHECKING

from pydantic import Field
from pydantic_settings import BaseSettings

if TYPE_CHECKING:
    from bursar.graphql.execution.limits import DocumentLimits


class LimitSettings(BaseSettings):
    """How much a request, and who sends many, may ask for."""

    max_body_bytes: int = Field(
        262_144, ge=1, le=1_048_576, description="The longest request body taken, in bytes."
    )
    max_gateway_body_bytes: int = Field(
        2_097_152,
        ge=1,
        le=8_388_608,
        description="The longest request body taken from a key with the scope GATEWAY, in bytes.",
    )
    max_request_seconds: int = Field(
        10, ge=1, le=60, description="How long a request may take until it is ended, in seconds."
    )
    max_requests_under_way: int | None = Field(
        None,
        ge=1,
        le=10_000,
        description="The most GraphQL requests that each worker works on at a time, and beside "
        "them as many reports of usage; if not said four times its pool.",
    )
    max_document_characters: int = Field(
        15_000, ge=1, le=1_000_000, description="The longest document, in characters."
    )
    max_document_tokens: int = Field(
        2_000, ge=1, le=20_000, description="The most tokens of a document."
    )
    max_depth: int = Field(15, ge=1, le=50, description="How deep fields may nest in a document.")
    max_aliases: int = Field(30, ge=1, le=1_000, description="The most aliases in a document.")
    max_root_fields: int = Field(20, ge=1, le=1_000, description="The most root fields of a query.")
    max_root_mutations: int = Field(
        10,
        ge=1,
        le=100,
        description="The most mutations in one request; each is a transaction of its own.",
    )
    max_fragments: int = Field(50, ge=1, le=500, description="The most fragments in a document.")
    max_directives: int = Field(
        50, ge=1, le=1_000, description="The most directives in a document."
    )
    max_operations: int = Field(10, ge=1, le=100, description="The most operations in a document.")
    max_selections: int = Field(
        2_000,
        ge=1,
        le=20_000,
        description="The most fields of an operation, those of a fragment counted wherever it is "
        "spread.",
    )
    max_comparisons: int = Field(
        10_000,
        ge=1,
        le=100_000,
        description="The most steps to find out whether fields of one name agree; documents that "
        "clients are built with take a hundredth of it.",
    )
    max_errors: int = Field(
        50,
        ge=2,
        le=1_000,
        description="The most errors in an answer; the last says if there are more.",
    )
    max_cost: int = Field(
        5_000,
        ge=1,
        le=1_000_000,
        description="The most objects that a request may ask for: a connection counts as many times as "
        "its page is long.",
    )
    max_variables_depth: int = Field(16, ge=1, le=64, description="How deep variables may nest.")
    max_list_items: int = Field(
        1_000,
        ge=1,
        le=10_000,
        description="The most items in a list, or fields in an object, among the variables.",
    )
    max_values: int = Field(
        10_000,
        ge=1,
        le=1_000_000,
        description="The most values in all variables, lists and objects among them.",
    )
    max_gateway_values: int = Field(
        40_000,
        ge=1,
        le=1_000_000,
        description="The same of a key with the scope GATEWAY; a full report of usage has so many.",
    )
    max_cost_per_minute: int = Field(
        60_000_000,
        ge=60,
        le=2_000_000_000,
        description="How much each key may ask of each worker in a minute: a point for a request, one "
        "for each object of its cost, two for each character of a document that is new.",
    )
    max_cost_at_once: int = Field(
        60_000_000,
        ge=1,
        le=2_000_000_000,
        description="How much of that a key that was idle may ask at once.",
    )
    max_failed_sign_ins: int = Field(
        600,
        ge=1,
        le=1_000_000,
        description="How many sign-ins may fail in a minute, from one address or with one beginning of "
        "a key, before further ones wait.",
    )

    @property
    def document_limits(self) -> "DocumentLimits":
        """What the settings say of documents and of the variables beside them."""
        from bursar.graphql.execution.limits import DocumentLimits  # noqa: PLC0415 (graphql-core takes long)

        names = [each.name for each in fields(DocumentLimits)]
        return DocumentLimits(**{name: getattr(self, f"max_{name}") for name in names})
