"""A population as rows for COPY, table by table, in an order in which foreign keys hold."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import orjson

from bursar.database.tables import BUDGET_OWNERS
from bursar.domain.ids import Prefix
from bursar.domain.names import key_of
from bursar.operations import seed_words as words
from bursar.operations.population import WIDEST, Limits, Population, Thing, limits_within, thing

_UNIX_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OWNERS = tuple(BUDGET_OWNERS.values())


class Rows(NamedTuple):
    """The rows of a table, made while they are read, and about how many they are."""

    table: str
    columns: Sequence[str]
    total: int
    rows: Iterator[tuple[Any, ...]]


def rows_of(population: Population) -> Iterator[Rows]:
    """All tables; the rows of each have to be read before the next."""
    seeded = f"seed-{population.seed}"
    named = ("name", "name_key")
    timed = ("created_at", "updated_at")
    joined = ("user_id", "role", "joined_at")
    yield Rows(
        "organizations",
        ("id", "external_id", *named, "metadata", *timed),
        len(population.organizations),
        _organizations(population, seeded),
    )
    yield Rows(
        "users",
        ("id", "external_id", *named, "email", "email_key", "role", "blocked", "metadata", *timed),
        len(population.users),
        _users(population, seeded),
    )
    yield Rows(
        "organization_members",
        ("id", "organization_id", *joined),
        sum(len(organization.people) for organization in population.organizations),
        _organization_members(population),
    )
    yield Rows(
        "teams",
        (
            *("id", "organization_id", "external_id", *named, "description", "blocked", "tags"),
            *("metadata", *timed),
        ),
        len(population.teams),
        _teams(population, seeded),
    )
    members = sum(population.size_of(team) for team in population.teams)
    yield Rows("team_members", ("id", "team_id", *joined), members, _team_members(population))
    owners = len(population.organizations) + len(population.teams) * 3 // 2
    owners += members // 5 + len(population.users) // 10
    yield Rows("budgets", ("id", *_OWNERS, *Limits._fields, *timed), owners, _budgets(population))


def _organizations(population: Population, seeded: str) -> Iterator[tuple[Any, ...]]:
    stream = population.stream("organization rows")
    for number, organization in enumerate(population.organizations, 1):
        yield (
            organization.thing.id,
            f"{seeded}/organization-{number}",
            *_named(organization.name),
            _json(words.particulars(stream)),
            *_times(organization.thing),
        )


def _users(population: Population, seeded: str) -> Iterator[tuple[Any, ...]]:
    stream = population.stream("user rows")
    for number, user in enumerate(population.users, 1):
        given, family = words.person(stream)
        email = f"{words.mailbox_of(given, family)}.{number}@{seeded}.example"
        yield (
            user.id,
            f"{seeded}/user-{number}" if stream.percent(50) else None,
            *_named(f"{given} {family}"),
            email,
            key_of(email),
            stream.choices(("USER", "USER_VIEWER", "VIEWER"), (970, 29, 1))[0],
            stream.percent(1),
            "{}",
            *_times(user),
        )


def _organization_members(population: Population) -> Iterator[tuple[Any, ...]]:
    stream = population.stream("organization members")
    for organization in population.organizations:
        for place, number in enumerate(organization.people):
            user = population.users[number]
            made = max(organization.thing.made, user.made) + stream.randrange(3_600_000)
            role = (
                "ADMIN"
                if place == 0
                else stream.choices(("MEMBER", "VIEWER", "ADMIN"), (95, 4, 1))[0]
            )
            membership = thing(stream, Prefix.ORGANIZATION_MEMBER, made)
            yield membership.id, organization.thing.id, user.id, role, _moment(made)


def _teams(population: Population, seeded: str) -> Iterator[tuple[Any, ...]]:
    stream = population.stream("team rows")
    for number, team in enumerate(population.teams, 1):
        name = words.team(stream)
        yield (
            team.thing.id,
            team.organization.thing.id,
            f"{seeded}/team-{number}" if stream.percent(80) else None,
            *_named(name),
            words.description(stream, name),
            stream.percent(3),
            words.tags(stream),
            _json(words.particulars(stream)),
            *_times(team.thing),
        )


def _team_members(population: Population) -> Iterator[tuple[Any, ...]]:
    for member in population.members():
        user = population.users[member.user]
        yield (
            member.thing.id,
            member.team.thing.id,
            user.id,
            member.role,
            _moment(member.thing.made),
        )


def _budgets(population: Population) -> Iterator[tuple[Any, ...]]:
    stream = population.stream("budget rows")

    def budget(owner: str, of: Thing, limits: Limits) -> tuple[Any, ...]:
        own = thing(stream, Prefix.BUDGET, of.made)
        column = BUDGET_OWNERS[owner]
        owners = (of.id if each == column else None for each in _OWNERS)
        return (own.id, *owners, *limits, *_times(own))

    for organization in population.organizations:
        yield budget("organization", organization.thing, organization.limits)
    for team in population.teams:
        if team.limits is not None:
            yield budget("team", team.thing, team.limits)
        if team.default is not None:
            yield budget("team_default", team.thing, team.default)
    for member in population.members():
        if member.limits is not None:
            yield budget("team_member", member.thing, member.limits)
    for user in population.users:
        if stream.percent(10):
            yield budget("user", user, limits_within(stream, WIDEST, 1, 2))


def _named(name: str) -> tuple[str, str]:
    return name, key_of(name)


def _times(made: Thing) -> tuple[datetime, datetime]:
    """When it was made, and changed: never since."""
    moment = _moment(made.made)
    return moment, moment


def _moment(milliseconds: int) -> datetime:
    return _UNIX_EPOCH + timedelta(milliseconds=milliseconds)


def _json(value: object) -> str:
    return orjson.dumps(value).decode()
