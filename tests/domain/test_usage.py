"""What makes two events the same, and the ids that find them again."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from bursar.domain import money
from bursar.domain.ids import Prefix, is_id
from bursar.domain.usage import (
    Event,
    Tokens,
    content_hash,
    dimensions_of,
    event_id,
    problem_with_event,
)

_WORDS = st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=1, max_size=9)
INSTANTS = st.datetimes(datetime(2020, 1, 1), datetime(2099, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 (hypothesis adds the zone)
COSTS = st.decimals(0, 10**17, places=10)
EVENTS = st.builds(
    Event,
    request_id=_WORDS,
    key=st.none(),
    key_id=_WORDS,
    model=_WORDS,
    at=INSTANTS,
    cost=COSTS,
    tokens=st.builds(Tokens, *[st.integers(0, 2**62)] * 4),
    provider=st.none() | _WORDS,
    success=st.booleans(),
    endpoint=st.none() | _WORDS,
    tags=st.lists(_WORDS, max_size=20, unique=True),
)
UNCOUNTED = {"request_id", "key", "key_id"}


@given(EVENTS)
def test_an_event_of_these_values_is_sound(event: Event) -> None:
    assert problem_with_event(event) is None


@given(EVENTS, st.sampled_from(["\x1e", "\x1f", "\0"]))
def test_no_text_of_an_event_has_a_character_that_separates_texts(
    event: Event, character: str
) -> None:
    for name in ("request_id", "model", "provider", "endpoint"):
        assert problem_with_event(event._replace(**{name: f"a{character}b"})) is not None
    assert problem_with_event(event._replace(tags=[f"a{character}b"])) is not None


@given(EVENTS, EVENTS)
def test_the_content_is_the_same_exactly_where_all_but_the_request_id_is(
    one: Event, other: Event
) -> None:
    for name in one._fields:
        mixed = one._replace(**{name: getattr(other, name)})
        alike = name in UNCOUNTED or getattr(one, name) == getattr(other, name)
        if name == "tags":
            alike = sorted(one.tags) == sorted(other.tags)
        assert (content_hash(one, "key") == content_hash(mixed, "key")) is alike
    assert content_hash(one, "key") != content_hash(one, "another")


@given(EVENTS)
def test_the_same_content_in_other_forms_has_the_same_hash(event: Event) -> None:
    other = event._replace(
        cost=event.cost.normalize() + 0,
        tags=tuple(reversed(event.tags)),
        at=event.at.astimezone(ZoneInfo("Asia/Tokyo")).astimezone(UTC),
    )
    assert content_hash(other, "key") == content_hash(event, "key")


@given(st.lists(st.none() | _WORDS, min_size=2, max_size=2), st.lists(_WORDS))
def test_dimensions_tell_a_value_from_none_and_from_its_neighbour(
    two: list[str | None], tags: list[str]
) -> None:
    one, other = two
    known = dimensions_of(one, other, tags)
    assert len(known) == 16
    assert (dimensions_of(other, one, tags) == known) is (one == other)
    assert dimensions_of(one, other, [*tags, "more"]) != known


@given(INSTANTS)
def test_an_id_has_the_millisecond_of_the_call(at: datetime) -> None:
    one, other = event_id(at), event_id(at)
    assert is_id(one, Prefix.USAGE_EVENT)
    assert one != other
    later = event_id(at + timedelta(milliseconds=1))
    assert max(one, other) < later


@given(st.lists(st.decimals(0, money.LIMIT - 1, places=10), max_size=50))
def test_units_add_up_exactly_whatever_the_amounts(amounts: list[Decimal]) -> None:
    units = sum(map(money.to_units, amounts))
    assert units == sum(map(Fraction, amounts)) * 10**10
    assert Fraction(Decimal(money.units_to_text(units))) == sum(map(Fraction, amounts))
