"""Ids are TypeIDs of their own kind: written as specified, sorted by time; nothing else is one."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.domain.ids import Prefix, id_from, is_id, moment_of, new_id, prefix_of

PREFIXES = st.sampled_from(Prefix)
NUMBERS = st.integers(0, 2**128 - 1)
YEAR_10000 = 253_402_300_800_000  # in milliseconds since 1970
SUFFIX = "01h455vb4pex5vsknk084sn02q"


@pytest.mark.parametrize(
    ("uuid", "suffix"),
    [
        ("00000000-0000-0000-0000-000000000000", "00000000000000000000000000"),
        ("00000000-0000-0000-0000-000000000001", "00000000000000000000000001"),
        ("00000000-0000-0000-0000-00000000000a", "0000000000000000000000000a"),
        ("00000000-0000-0000-0000-000000000010", "0000000000000000000000000g"),
        ("00000000-0000-0000-0000-000000000020", "00000000000000000000000010"),
        ("ffffffff-ffff-ffff-ffff-ffffffffffff", "7zzzzzzzzzzzzzzzzzzzzzzzzz"),
        ("0110c853-1d09-52d8-d73e-1194e95b5f19", "0123456789abcdefghjkmnpqrs"),
        ("01890a5d-ac96-774b-bcce-b302099a8057", SUFFIX),
    ],
)
def test_ids_are_written_as_the_typeid_specification_says(uuid: str, suffix: str) -> None:
    assert id_from(Prefix.TEAM, UUID(uuid).int) == f"team_{suffix}"


@given(PREFIXES, NUMBERS)
def test_an_id_is_of_its_own_kind_and_no_other(prefix: Prefix, number: int) -> None:
    text = id_from(prefix, number)
    assert prefix_of(text) is prefix
    assert [kind for kind in Prefix if is_id(text, kind)] == [prefix]


@given(NUMBERS, NUMBERS)
def test_ids_sort_as_their_numbers(one: int, other: int) -> None:
    ids = id_from(Prefix.USER, one), id_from(Prefix.USER, other)
    assert (ids[0] < ids[1]) == (one < other)


@pytest.mark.parametrize("number", [-1, 2**128])
def test_a_number_beyond_128_bits_makes_no_id(number: int) -> None:
    with pytest.raises(ValueError, match="128 bits"):
        id_from(Prefix.TEAM, number)


def test_new_ids_are_uuid7_and_each_sorts_after_the_one_before() -> None:
    ids = [new_id(Prefix.USAGE_EVENT) for _ in range(10_000)]
    assert ids == sorted(set(ids))
    digits = "0123456789abcdefghjkmnpqrstvwxyz"
    number = sum(digits.index(d) << 5 * n for n, d in enumerate(reversed(ids[0][6:])))
    assert UUID(int=number).version == 7


@pytest.mark.parametrize(
    "text",
    [
        "",
        "team",
        "team_",
        SUFFIX,
        f"_{SUFFIX}",
        f"teams_{SUFFIX}",
        f"TEAM_{SUFFIX}",
        f"team-{SUFFIX}",
        f"team__{SUFFIX}",
        f" team_{SUFFIX}",
        f"team_{SUFFIX}\n",
        f"team_{SUFFIX}\0",
        f"team_{SUFFIX.upper()}",
        f"team_{SUFFIX[1:]}",
        f"team_{SUFFIX}0",
        f"team_8{SUFFIX[1:]}",
        f"team_{SUFFIX[:-1]}u",
        f"team_{SUFFIX[:-1]}l",
        f"team_{SUFFIX[:-1]}\u0661",
        f"team_{SUFFIX[:-1]}\u017f",
    ],
)
def test_anything_else_is_no_id(text: str) -> None:
    assert prefix_of(text) is None
    assert not is_id(text, Prefix.TEAM)


@given(st.integers(0, 2**128 - 1))
def test_an_id_tells_its_time_to_the_millisecond(number: int) -> None:
    told = moment_of(id_from(Prefix.USAGE_EVENT, number))
    milliseconds = number >> 80
    if milliseconds < YEAR_10000:
        assert told == datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
    else:
        assert told is None


@pytest.mark.parametrize("milliseconds", [0, YEAR_10000 - 1, YEAR_10000, 2**48 - 1])
def test_an_id_of_a_time_after_the_year_9999_tells_none(milliseconds: int) -> None:
    told = moment_of(id_from(Prefix.USAGE_EVENT, milliseconds << 80))
    assert (told is None) is (milliseconds >= YEAR_10000)
