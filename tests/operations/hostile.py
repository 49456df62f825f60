"""Bodies of up to 256 KiB that are as much work as one can make them."""

import json
from collections.abc import Sequence
from typing import Any

import orjson
from graphql import get_introspection_query


def bodies(team_id: str) -> dict[str, bytes]:
    """By what is much in them; who sends them may see the team, and change it."""
    documents = {name: {"query": text} for name, text in DOCUMENTS.items()}
    given = {**documents, **variables(team_id)}
    return {**{name: orjson.dumps(body) for name, body in given.items()}, **RAW}


def times(count: int, text: str) -> str:
    return " ".join(text.replace("#", str(n)) for n in range(count))


DOCUMENTS = {
    "fragments": "{ ...f0 } "
    + "".join(f"fragment f{n} on Query {{ ...f{n + 1} ...f{n + 1} }} " for n in range(45))
    + "fragment f45 on Query { limits { maxCost } }",
    "aliases": "{ " + times(400, "a#: viewer { platformRole }") + " }",
    "one field": "{ " + "viewer { platformRole } " * 490 + "}",
    "levels": "{ viewer " + "{ user " * 700 + "{ id }" + "}" * 700 + " }",
    "directives": "{ " + "limits @skip(if: false) { maxCost } " * 180 + "}",
    "variables": "query(" + times(150, "$v#: [[[String]]]") + ") { viewer { platformRole } }",
    "lists": "{ node(id: " + "[" * 900 + "1" + "]" * 900 + ") { id } }",
    "a block": '{ node(id: """' + "x\\n" * 7_000 + '""") { id } }',
    "one field of many": "{ " + "viewer { platformRole } " * 10_000 + "}",
    "a name": "{ " + "x" * 250_000 + " }",
    "a comment": "{ viewer { platformRole } }#" + "," * 250_000,
    "mutations": "mutation { " + times(150, "m#: teamsDelete(input: {ids: []}) { __typename }") + " }",
    "digits": "{ teams(first: " + "9" * 14_900 + ") { totalCount } }",
    "the schema": get_introspection_query(),
    "the schema often": "{ __schema { " + times(20, "a#: types { fields { args { name } } }") + " } }",
    "the schema within": "{ __schema { types { fields { type { fields { name args { name } } } } } } }",
}  # fmt: skip
PLACES = times(450, "a#: $v")
WRONG = {"maxBudget": "-1", "tpmLimit": -1, "rpmLimit": -1, "duration": "9s"}


def variables(team_id: str) -> dict[str, Any]:
    def of_team(type_: str, value: Any, metadata: str) -> dict[str, Any]:
        changed = f'teamUpdate(input: {{id: "{team_id}", metadata: {metadata}}})'
        query = f"mutation($v: {type_}) {{ {changed} {{ errors {{ code }} }} }}"
        return {"query": query, "variables": {"v": value}}

    def members(added: Sequence[Any]) -> dict[str, Any]:
        made = f'teamMembersAdd(input: {{teamId: "{team_id}", members: $v}})'
        query = f"mutation($v: [NewTeamMemberInput!]!) {{ {made} {{ errors {{ code message }} }} }}"
        return {"query": query, "variables": {"v": added}}

    limits = [{"model": f"m{n}", "maxBudget": "-1"} for n in range(4)]
    ids = "query($v: [ID!]!) { nodes(ids: $v) { id } }"
    return {
        "ids": {"query": ids, "variables": {"v": ["team_" + "x" * 20] * 1_000}},
        "inputs in JSON": of_team("[[GatewaySettingsInput]]", [[{}] * 990] * 85, "{a: $v}"),
        "lists in JSON": of_team("[String]", ["x"] * 990, f"{{{PLACES}}}"),
        "lists that fit in JSON": of_team("[String]", ["x"] * 21, f"{{{PLACES}}}"),
        "much JSON in JSON": of_team("JSON", {"a": [{}] * 980}, f"{{{times(10, 'a#: $v')}}}"),
        "long texts in JSON": of_team("[String]", ["é" * 4_000] * 20, f"{{{PLACES}}}"),
        "JSON in JSON": of_team("JSON", {"a": ["x"] * 900}, f"{{{PLACES}}}"),
        "a text in JSON": of_team("String", "é" * 16_000, f"{{{PLACES}}}"),
        "JSON": of_team("JSON", {"a": [[[{}] * 990] * 10]}, "$v"),
        "members": members([{"email": "@", "budget": WRONG}] * 500),
        "members with limits": members([{"email": "@", "budget": {"modelLimits": limits}}] * 500),
        "members with too many": members([{"budget": {"modelLimits": limits * 240}}] * 8),
        "items": {
            "query": "{ viewer { platformRole } }",
            "variables": {"v": [1] * 120_000},
        },
    }


RAW = {
    "objects": b'{"query": "{ viewer { platformRole } }", "variables": '
    + b'{"a":' * 40_000
    + b"1"
    + b"}" * 40_000
    + b"}",
    "brackets": b"[" * 262_000,
    "escapes": b'{"query": "' + b"\\u0041" * 43_000 + b'"}',
    "names": b'{"query": "{ viewer { platformRole } }", "extensions": {'
    + b",".join(b'"%d" :0' % n for n in range(20_000))
    + b"}}",
    "names in disguise": b'{"query": "{ viewer { platformRole } }", "extensions": {'
    + b",".join(b'"\\u0061%d" : 0' % n for n in range(10_900))
    + b"}}",
    "empty objects": b'{"query": "{ viewer { scopes } }", "extensions": {"a": ['
    + b"{}," * 80_000
    + json.dumps("é").encode()
    + b"]}}",
}
