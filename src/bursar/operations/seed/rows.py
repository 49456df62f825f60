"""A population as rows for COPY, table by table, in an order in which foreign keys hold."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import orjson

from bursar.database.tables import BUDGET_OWNERS
from bursar.domain.ids import Prefix
from bursar.domain.limits import ModelLimit
from bursar.domain.names import key_of
from bursar.operations.seed import words
from bursar.operations.seed.models import Lists, aliases
from bursar.operations.seed.population import (
    WIDEST,
    Limits,
    Population,
    Thing,
    limits_within,
    thing,
)

_UNIX_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = 86_400_000
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
    lists = Lists(population, seeded)
    yield Rows("access_groups", ("id", *named, "models", *timed), len(lists.groups), _groups(lists))
    yield Rows(
        "organizations",
        ("id", "external_id", *named, "models", "metadata", *timed),
        len(population.organizations),
        _organizations(population, seeded, lists),
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
            *("rpm_limit_type", "models", "model_aliases", "metadata", *timed),
        ),
        len(population.teams),
        _teams(population, seeded, lists),
    )
    yield Rows(
        "lifetime_spends",
        ("holder_id", "spend"),
        len(population.teams),
        ((team.thing.id, 0) for team in population.teams),
    )
    uses = lists.uses()
    yield Rows(
        "access_group_uses", ("group_id", "organization_id", "team_id"), len(uses), iter(uses)
    )
    members = sum(population.size_of(team) for team in population.teams)
    yield Rows("team_members", ("id", "team_id", *joined), members, _team_members(population))
    keys = len(population.teams) * population.keys_per_team
    yield Rows(
        "api_keys",
        (
            *("id", "external_id", "user_id", "team_id", "alias", "alias_key", "secret_hash"),
            *("last_four", "scopes", "blocked", "expires_at", "rotation_interval", "models"),
            *("metadata", *timed),
        ),
        keys,
        _keys(population, seeded, lists),
    )
    owners = len(population.organizations) + len(population.teams) * 3 // 2
    owners += members // 5 + len(population.users) // 6 + keys // 10
    yield Rows("budgets", ("id", *_OWNERS, *Limits._fields, *timed), owners, _budgets(population))
    yield Rows(
        "budget_model_limits",
        ("budget_id", *ModelLimit._fields),
        len(population.teams) // 5,
        _model_limits(population),
    )


def _groups(lists: Lists) -> Iterator[tuple[Any, ...]]:
    for group in lists.groups:
        yield (group.thing.id, *_named(group.name), group.models, *_times(group.thing))


def _organizations(population: Population, seeded: str, lists: Lists) -> Iterator[tuple[Any, ...]]:
    stream = population.stream("organization rows")
    for number, organization in enumerate(population.organizations, 1):
        yield (
            organization.thing.id,
            f"{seeded}/organization-{number}",
            *_named(organization.name),
            lists.of_organizations[organization.thing.id],
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
    for member in population.organization_members():
        yield (
            member.thing.id,
            member.organization.thing.id,
            population.users[member.user].id,
            member.role,
            _moment(member.thing.made),
        )


def _teams(population: Population, seeded: str, lists: Lists) -> Iterator[tuple[Any, ...]]:
    stream = population.stream("team rows")
    guaranteed = _guaranteed(population)
    renaming = population.stream("model aliases")
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
            "GUARANTEED" if team.thing in guaranteed else "BEST_EFFORT",
            lists.of_teams[team.thing.id],
            _json(aliases(renaming)),
            _json(words.particulars(stream)),
            *_times(team.thing),
        )


def _guaranteed(population: Population) -> set[Thing]:
    """A few teams whose requests a minute are together within their organization's."""
    stream = population.stream("guarantees")
    left = {each.thing: each.limits.rpm_limit for each in population.organizations}
    chosen = set()
    for team in population.teams:
        rpm, free = team.limits and team.limits.rpm_limit, left.get(team.organization.thing)
        if stream.percent(10) and rpm and free and rpm <= free:
            left[team.organization.thing] = free - rpm
            chosen.add(team.thing)
    return chosen


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


def _keys(population: Population, seeded: str, lists: Lists) -> Iterator[tuple[Any, ...]]:
    stream = population.stream("key rows")
    models = population.stream("models of keys")
    for key in population.api_keys():
        alias = f"{words.program(stream)} {key.number}"
        expires = stream.percent(20)
        yield (
            key.thing.id,
            f"{seeded}/{key.thing.id}" if stream.percent(30) else None,
            None if key.user is None else population.users[key.user].id,
            key.team.thing.id,
            *((alias, key_of(alias)) if stream.percent(90) else (None, None)),
            key.secret_hash,
            words.last_four(stream),
            key.scopes,
            stream.percent(2),
            _moment(key.thing.made + stream.randrange(90, 1000) * _DAY) if expires else None,
            stream.choice(("30d", "90d", None, None)),
            lists.of_key(models, key),
            _json(words.particulars(stream)) if stream.percent(30) else "{}",
            *_times(key.thing),
        )


def _budgets(population: Population) -> Iterator[tuple[Any, ...]]:
    for own, owner, of, limits in _owned(population):
        column = BUDGET_OWNERS[owner]
        owners = (of.id if each == column else None for each in _OWNERS)
        yield (own.id, *owners, *limits, *_times(own))


def _model_limits(population: Population) -> Iterator[tuple[Any, ...]]:
    """What some teams say of a model or two is within what they have, and so their organization."""
    stream = population.stream("model limits")
    for own, owner, _, limits in _owned(population):
        if owner == "team_member":
            return  # those of teams are all read
        if owner == "team" and stream.percent(15):
            for model in stream.sample(words.MODELS, stream.choice((1, 1, 2))):
                amount, rpm = limits.max_budget, limits.rpm_limit
                yield own.id, model, amount and amount / 2, None, rpm and rpm // 2


def _owned(population: Population) -> Iterator[tuple[Thing, str, Thing, Limits]]:
    """Each budget, the kind of its owner, the owner, and its limits; the same at every reading."""
    stream = population.stream("budget rows")
    for owner, of, limits in _holders(population):
        if limits is not None:
            yield thing(stream, Prefix.BUDGET, of.made), owner, of, limits


def _holders(population: Population) -> Iterator[tuple[str, Thing, Limits | None]]:
    """Everything that can have a budget, with the kind of owner that it is."""
    for organization in population.organizations:
        yield "organization", organization.thing, organization.limits
    for colleague in population.organization_members():
        yield "organization_member", colleague.thing, colleague.limits
    for team in population.teams:
        yield "team", team.thing, team.limits
        yield "team_default", team.thing, team.default
    for member in population.members():
        yield "team_member", member.thing, member.limits
    for key in population.api_keys():
        yield "api_key", key.thing, key.limits
    stream = population.stream("user budgets")
    for user in population.users:
        limits = limits_within(stream, WIDEST, 1, 2) if stream.percent(10) else None
        yield "user", user, limits


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
