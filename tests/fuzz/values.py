"""What Schemathesis writes for a string, an id, a number or one of our scalars, good or bad.

Its process imports this page by SCHEMATHESIS_HOOKS. BURSAR_TEST_IDS names things that are there,
separated by commas.
"""

import os

from graphql import NameNode, ObjectFieldNode, ObjectValueNode, ValueNode
from hypothesis import strategies as st
from schemathesis.graphql import nodes, scalar

IDS = os.environ["BURSAR_TEST_IDS"].split(",")
WORDS = ["UTC", "Europe/Zurich", "ada@example.com", "Ada", "research", "gpt-4o"]
BAD_AMOUNTS = ["-1", "1E+999999", "NaN", "Infinity", "0.00000000001", "1e3", ""]
UNITS = ["s", "m", "h", "d", "w", "mo", "y"]


def mostly(good: st.SearchStrategy, bad: st.SearchStrategy) -> st.SearchStrategy:
    """Good in five of six: a mutation with one bad value is refused before its rules are asked."""
    return st.integers(0, 5).flatmap(lambda die: good if die else bad)


def as_object(fields: dict[str, ValueNode]) -> ObjectValueNode:
    return nodes.Object(
        [ObjectFieldNode(name=NameNode(value=name), value=value) for name, value in fields.items()]
    )


text = st.text(max_size=20)
names = st.sampled_from(WORDS) | st.from_regex("[a-z]{3,12}", fullmatch=True)
small, large = st.integers(0, 100), st.integers(-(2**63) - 1, 2**63)
amounts = st.decimals(0, 10**6, places=2).map(str)
instants = st.datetimes().map(lambda instant: f"{instant.isoformat(timespec='seconds')}Z")
durations = st.tuples(st.integers(1, 90).map(str), st.sampled_from(UNITS)).map("".join)
objects = st.dictionaries(
    st.from_regex("[a-z_]{1,9}", fullmatch=True),
    text.map(nodes.String) | large.map(nodes.Int) | st.just(nodes.Null),
    max_size=3,
)

scalar("ID", mostly(st.sampled_from(IDS), text).map(nodes.String))
scalar("String", mostly(names, text).map(nodes.String))
scalar("Int", mostly(small, st.integers(-(2**31), 2**31 - 1)).map(nodes.Int))
scalar("BigInt", mostly(small, large).map(nodes.Int) | small.map(nodes.String))
scalar("Decimal", mostly(amounts, st.sampled_from(BAD_AMOUNTS) | text).map(nodes.String))
scalar("Duration", mostly(durations, text).map(nodes.String))
scalar("DateTime", mostly(instants, text).map(nodes.String))
scalar("JSON", mostly(objects.map(as_object), text.map(nodes.String)))
