"""Plans: what has one, what has none and why, and how often one is made."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import strawberry
from graphql import FieldNode, NameNode, is_object_type
from graphql.execution import VariableValues
from strawberry.types import Info

from bursar.graphql.execution.documents import Prepared, RequestError, prepare
from bursar.graphql.execution.kept import Kept
from bursar.graphql.execution.library import Documents
from bursar.graphql.execution.limits import DocumentLimits
from bursar.graphql.execution.plans import plan_of
from bursar.graphql.execution.sources import source_of
from bursar.graphql.execution.surprises import Refused
from bursar.graphql.execution.wanted import WantedOf
from bursar.graphql.schema import schema

SCHEMA = schema._schema  # noqa: SLF001 (as in execution.request)
QUOTED = r"\"{3}(.*?)\"{3}|```graphql\n(.*?)```|\"([^\"\n]*)\"|'([^'\n]*)'"
REPOSITORY = Path(__file__).parents[2]


def test_every_field_below_the_roots_is_compiled() -> None:
    roots = {SCHEMA.query_type, SCHEMA.mutation_type}
    for type_ in SCHEMA.type_map.values():
        if is_object_type(type_) and type_ not in roots and not type_.name.startswith("__"):
            for name, field in type_.fields.items():
                node = FieldNode(name=NameNode(value=name), arguments=())
                source_of(schema, field, node, WantedOf())


def test_of_the_documents_in_the_repository_nearly_all_are_compiled(
    record_property: Callable[[str, object], None],
) -> None:
    compiled: Counter[str] = Counter()
    for prepared in documents_of(REPOSITORY / "README.md", *(REPOSITORY / "tests").rglob("*.py")):
        try:
            plan_of(schema, prepared, VariableValues({}, {}))
        except Refused as refusal:
            compiled[f"refused: {refusal}"] += 1
        else:
            compiled["compiled"] += 1
    for how, count in compiled.items():
        record_property(f"documents in the repository, {how}", count)
    assert compiled.total() > 100
    assert compiled["compiled"] >= 0.95 * compiled.total(), compiled


def documents_of(*files: Path) -> Iterator[Prepared]:
    """What in the files are whole documents, valid and written out."""
    for file in files:
        text = file.read_text()
        quoted = re.findall(QUOTED, text, re.DOTALL)
        for found in {"".join(each) for each in quoted}:
            if re.match(r"\s*(query|mutation|fragment|\{)", found):
                try:
                    yield prepare(SCHEMA, found, None)
                except RequestError:
                    continue


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ("{ __schema { description } }", "introspection"),
        ('{ viewer { userId: __typename } __type(name: "Team") { name } }', "introspection"),
        ("query($x: Boolean = true) { viewer @skip(if: $x) { __typename } }", "directive"),
    ],
)
def test_what_has_no_plan_says_why(document: str, why: str) -> None:
    prepared = prepare(SCHEMA, document, None)
    for _ in range(2):
        with pytest.raises(Refused, match=why):
            plan_of(schema, prepared, VariableValues({}, {"x": None}))


def test_what_is_selected_depends_on_what_directives_are_given() -> None:
    document = "query($x: Boolean!) { viewer { __typename } limits @include(if: $x) { maxTags } }"
    prepared = prepare(SCHEMA, document, None)
    with_limits = plan_of(schema, prepared, VariableValues({}, {"x": True}))
    assert [*with_limits.fields] == ["viewer", "limits"]
    assert [*plan_of(schema, prepared, VariableValues({}, {"x": False})).fields] == ["viewer"]
    assert plan_of(schema, prepared, VariableValues({}, {"x": True})) is with_limits


def test_a_document_is_prepared_once_for_each_of_its_operations() -> None:
    documents = Documents(SCHEMA, DocumentLimits())
    text = "query A { viewer { __typename } } query B { limits { maxTags } }"
    first, second = documents.prepare(text, "A"), documents.prepare(text, "B")
    assert documents.prepare(text, "A") is first
    assert (first.field, second.field) == ("viewer", "limits")
    for _ in range(2):
        with pytest.raises(RequestError):
            documents.prepare(text, "C")


def test_what_was_not_used_for_longest_goes_first() -> None:
    kept: Kept[str] = Kept(3)
    for key in "abc":
        kept.keep(key, key)
    assert kept.get("a") == "a"
    kept.keep("d", "d", 2)
    assert [kept.get(key) for key in "abcd"] == ["a", None, None, "d"]
    assert kept.keep("e", "too heavy", 4) == "too heavy"
    assert [kept.get(key) for key in "ade"] == ["a", "d", None]


def refusals_of(resolver: Any, **settings: Any) -> str:
    """Why a schema whose one type has this field gives a document no plan."""
    leaf = strawberry.field(resolver=resolver, **settings)
    thing = strawberry.type(type("Thing", (), {"leaf": leaf, "__annotations__": {}}))

    def root() -> Any:
        return None

    root.__annotations__["return"] = thing
    query = strawberry.type(type("Query", (), {"thing": strawberry.field(resolver=root)}))
    other = strawberry.Schema(query)
    prepared = prepare(other._schema, "{ thing { leaf } }", None)  # noqa: SLF001 (as above)
    with pytest.raises(Refused) as refusal:
        plan_of(other, prepared, VariableValues({}, {}))
    return str(refusal.value)


class Extension(strawberry.extensions.FieldExtension):
    """One that does nothing."""


def test_what_only_graphql_core_can_resolve_is_refused() -> None:
    async def asking() -> int:
        return 1

    def informed(info: Info[Any, None]) -> int:
        return len(info.field_name)

    def orphan(size: int = 1) -> int:
        return size

    def plain() -> int:
        return 1

    assert refusals_of(asking) == "resolver"
    assert refusals_of(informed) == "resolver"
    assert refusals_of(orphan) == "resolver"
    assert refusals_of(plain, extensions=[Extension()]) == "field extension"
