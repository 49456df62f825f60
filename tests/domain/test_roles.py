"""What a member may do by role and by what is stored of the team."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.domain.names import problem_with_repeated
from bursar.domain.roles import MemberPermission, TeamRole, permissions_of

STORED = st.none() | st.lists(st.sampled_from(MemberPermission), unique=True)


@given(STORED)
def test_an_admin_may_do_everything_whatever_is_stored(stored: list[str] | None) -> None:
    assert permissions_of(TeamRole.ADMIN, stored) == list(MemberPermission)


@given(STORED)
def test_a_member_may_do_what_is_stored_and_read_where_nothing_is(stored: list[str] | None) -> None:
    expected = [MemberPermission.KEY_READ] if stored is None else stored
    assert permissions_of(TeamRole.MEMBER, stored) == expected


@pytest.mark.parametrize(
    ("permissions", "is_good"),
    [([], True), (list(MemberPermission), True), (["KEY_READ", "KEY_READ"], False)],
)
def test_permissions_are_named_once(permissions: list[str], is_good: bool) -> None:
    assert (problem_with_repeated(permissions) is None) is is_good
