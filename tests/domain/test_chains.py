"""The hash of an audit entry is what the page says, and a chain is read from its end to its head."""

import hashlib

from bursar.domain.chains import NOTHING, SAID, Finding, Head, Verification, hash_of

FIRST = {
    **dict.fromkeys(SAID),
    "chain": "org_1",
    "position": 1,
    "id": "audit_1",
    "at": "2026-11-22T10:00:00.000000Z",
    "action": "team.update",
    "object_id": "team_1",
    "organization_id": "org_1",
    "after": '{"name": "é"}',
    "previous_hash": NOTHING,
}
TEXT = (
    '["org_1", 1, "audit_1", "2026-11-22T10:00:00.000000Z", null, null, null, "team.update",'
    ' "team_1", "org_1", null, null, null, {"name": "é"}]'
)


def test_hash_is_of_the_hash_before_and_the_text() -> None:
    assert hash_of(FIRST) == hashlib.sha256(NOTHING + TEXT.encode()).digest()


def test_heads_and_anchors_of_chains_without_entries_are_told_in_order() -> None:
    head, anchor = Head("org_2", 2, NOTHING), Head("org_1", 1, NOTHING)
    verification = Verification([head], [anchor])
    entry = {**FIRST, "chain": "platform", "hash": NOTHING}
    assert [each.problem for each in verification.read(entry)] == ["is not what was written"]
    assert list(verification.end()) == [
        Finding("platform", 1, None, "its head is at 0, its last entry at 1"),
        Finding("org_1", 0, None, "entry 1 is gone since it was anchored"),
        Finding("org_2", 0, None, "entries 1 to 2 are gone from the end"),
    ]
    assert (verification.entries, verification.chains, verification.problems) == (1, 3, 4)


def test_a_finding_says_where() -> None:
    assert str(Finding("org_1", 2, "audit_1", "is changed")) == "org_1 2, audit_1: is changed"
    assert str(Finding("org_1", 2, None, "is cut")) == "org_1 2, after it: is cut"


def test_no_entry_and_no_head_is_well() -> None:
    assert list(Verification([]).end()) == []
