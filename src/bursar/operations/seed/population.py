"""A population: organizations, their people and teams, the same ones for the same numbers.

The domain's rules hold in it: who is in a team is in its organization, a team's limits are within
its organization's, and every organization and every team has an ADMIN.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_DOWN, Decimal
from functools import cached_property
from itertools import accumulate, groupby
from typing import NamedTuple

from bursar.domain.ids import DEFAULT_ORGANIZATION, Prefix, id_from
from bursar.domain.roles import KeyScope, OrganizationRole, TeamRole
from bursar.operations.seed import words
from bursar.operations.seed.chance import Chance

TODAY = datetime(2026, 11, 1, tzinfo=UTC)
"""Everything was made in the two years before; a constant, or rows would differ from day to day."""

_HOUR = 3_600_000
_DAY = 24 * _HOUR
_END = int(TODAY.timestamp()) * 1000
_START = _END - 730 * _DAY
_CENT = Decimal("0.01")


class Limits(NamedTuple):
    """Those of a budget; the fields are columns."""

    max_budget: Decimal | None
    soft_budget: Decimal | None
    duration: str | None
    timezone: str
    tpm_limit: int | None
    rpm_limit: int | None
    max_parallel_requests: int | None


class Thing(NamedTuple):
    """An id, and the moment in it: milliseconds since 1970."""

    id: str
    made: int


class Organization(NamedTuple):
    """`people` are numbers of users; the first is an ADMIN."""

    thing: Thing
    name: str
    people: Sequence[int]
    limits: Limits


class OrganizationMember(NamedTuple):
    thing: Thing
    organization: Organization
    user: int
    role: OrganizationRole
    limits: Limits | None


class Team(NamedTuple):
    """Has limits and a default for its members where it has budgets; the ceiling always binds."""

    thing: Thing
    organization: Organization
    limits: Limits | None
    default: Limits | None
    ceiling: Limits


class Member(NamedTuple):
    thing: Thing
    team: Team
    user: int
    role: TeamRole
    limits: Limits | None


class Key(NamedTuple):
    """A key of a team: of the member with this number of a user, or of a service without one.

    Nobody knows a secret that it is looked up by.
    """

    thing: Thing
    team: Team
    user: int | None
    number: int
    scopes: Sequence[KeyScope]
    secret_hash: bytes
    limits: Limits | None


WIDEST = Limits(Decimal(1_000_000), None, "1mo", "UTC", 5_000_000, 20_000, 500)
_BUILT_IN = Thing(DEFAULT_ORGANIZATION, _START)


@dataclass(frozen=True)
class Population:
    """So many of each, of which at least one user, and at least one member in a team.

    A team has fewer members only where there are fewer users.
    """

    organization_count: int
    team_count: int
    user_count: int
    members_per_team: int
    keys_per_team: int
    seed: int

    @cached_property
    def users(self) -> list[Thing]:
        """By age."""
        stream = self.stream("users")
        made = sorted(stream.randrange(_START, _END - _DAY) for _ in range(self.user_count))
        return [thing(stream, Prefix.USER, moment) for moment in made]

    @cached_property
    def organizations(self) -> list[Organization]:
        """By age; the older, the larger. A few people work for two."""
        stream = self.stream("organizations")
        people: list[list[int]] = [[] for _ in range(self.organization_count)]
        shares = _shares(people)
        for user in range(self.user_count if people else 0):
            employer = stream.choices(people, cum_weights=shares)[0]
            employer.append(user)
            if stream.percent(8) and (second := stream.choice(people)) is not employer:
                second.append(user)
        made = sorted(stream.randrange(_START, _END - 365 * _DAY) for _ in people)
        return [self._organization(stream, *each) for each in zip(made, people, strict=True)]

    def _organization(self, stream: Chance, made: int, people: list[int]) -> Organization:
        fewest = min(self.members_per_team, self.user_count)
        if len(people) < fewest:
            others = set(stream.sample(range(self.user_count), fewest)).difference(people)
            people += sorted(others)[: fewest - len(people)]
        return Organization(
            thing(stream, Prefix.ORGANIZATION, made),
            words.company(stream),
            people,
            limits_within(stream, WIDEST, 2, 5, 10, 25, 100),
        )

    def organization_members(self) -> Iterator[OrganizationMember]:
        """Organization by organization; the same at every reading."""
        stream = self.stream("organization members")
        roles = (OrganizationRole.MEMBER, OrganizationRole.VIEWER, OrganizationRole.ADMIN)
        for organization in self.organizations:
            ceiling = _filled(organization.limits, WIDEST)
            for place, user in enumerate(organization.people):
                made = max(organization.thing.made, self.users[user].made)
                itself = thing(stream, Prefix.ORGANIZATION_MEMBER, made + stream.randrange(_HOUR))
                role = OrganizationRole.ADMIN
                if place > 0:
                    role = stream.choices(roles, (95, 4, 1))[0]
                own = limits_within(stream, ceiling, 1, 2, 5) if stream.percent(5) else None
                yield OrganizationMember(itself, organization, user, role, own)

    @cached_property
    def teams(self) -> list[Team]:
        """A few belong to the built-in organization, whose members are everybody."""
        stream = self.stream("teams")
        built_in = Organization(_BUILT_IN, "", range(self.user_count), WIDEST)
        organizations = self.organizations or [built_in]
        shares = _shares(organizations)
        teams = []
        for _ in range(self.team_count):
            owner = stream.choices(organizations, cum_weights=shares)[0]
            owner = built_in if stream.percent(3) else owner
            made = stream.randrange(owner.thing.made, _END - _DAY)
            ceiling = _filled(owner.limits, WIDEST)
            limits = default = None
            if stream.percent(90):
                limits = limits_within(stream, ceiling, 1, 2, 5, 10, 25, 50)
                ceiling = _filled(limits, ceiling)
            if stream.percent(60):
                default = limits_within(stream, ceiling, 1, 2, 5, 10)
            teams.append(Team(thing(stream, Prefix.TEAM, made), owner, limits, default, ceiling))
        return teams

    def members(self) -> Iterator[Member]:
        """Team by team; the same at every reading, so that nobody has to keep them."""
        stream = self.stream("members")
        for team in self.teams:
            chosen = stream.sample(team.organization.people, self.size_of(team))
            for place, user in enumerate(chosen):
                since = max(team.thing.made, self.users[user].made) + _HOUR
                itself = thing(stream, Prefix.TEAM_MEMBER, stream.randrange(since, _END))
                role = TeamRole.ADMIN if place == 0 or stream.percent(3) else TeamRole.MEMBER
                own = (
                    limits_within(stream, team.ceiling, 1, 2, 5, 10) if stream.percent(20) else None
                )
                yield Member(itself, team, user, role, own)

    def api_keys(self) -> Iterator[Key]:
        """Team by team, two of three of a member; the same at every reading."""
        stream = self.stream("keys")
        for team, grouped in groupby(self.members(), key=lambda member: member.team):
            members = list(grouped)
            for number in range(1, self.keys_per_team + 1):
                user, since = None, team.thing.made
                if stream.randrange(3):
                    member = stream.choice(members)
                    user, since = member.user, member.thing.made
                manages = user is not None and stream.percent(5)
                yield Key(
                    thing(stream, Prefix.API_KEY, stream.randrange(since, _END)),
                    team,
                    user,
                    number,
                    (KeyScope.MANAGE, KeyScope.INFER) if manages else (KeyScope.INFER,),
                    stream.randbytes(32),
                    limits_within(stream, team.ceiling, 1, 2, 5) if stream.percent(10) else None,
                )

    def size_of(self, team: Team) -> int:
        return min(self.members_per_team, len(team.organization.people))

    def stream(self, purpose: str) -> Chance:
        return Chance.of(self.seed, purpose)


def thing(stream: Chance, prefix: Prefix, made: int) -> Thing:
    """Make an id like those of new things: a UUIDv7 by RFC 9562, of 74 random bits."""
    bits = stream.getrandbits(74)
    number = made << 80 | 7 << 76 | bits >> 62 << 64 | 2 << 62 | bits & (1 << 62) - 1
    return Thing(id_from(prefix, number), made)


def limits_within(stream: Chance, ceiling: Limits, *percents: int) -> Limits:
    """Choose limits of which none is above the ceiling's; some are null, a few budgets are 0."""
    amount = ceiling.max_budget
    if amount is not None:
        percent = 0 if stream.percent(1) else stream.choice(percents)
        amount = (amount * percent / 100).quantize(_CENT, ROUND_DOWN)
    if stream.percent(5):
        amount = None
    soft = (amount * 4 / 5).quantize(_CENT, ROUND_DOWN) if amount and stream.percent(70) else None
    tpm, rpm, parallel = (
        None if whole is None or stream.percent(25) else whole * stream.choice(percents) // 100
        for whole in (ceiling.tpm_limit, ceiling.rpm_limit, ceiling.max_parallel_requests)
    )
    duration = stream.choice(("1mo", "1mo", "1mo", "30d", "7d", "1d", None))
    timezone = stream.choice(("UTC", "UTC", "UTC", "Europe/Berlin", "America/New_York"))
    return Limits(amount, soft, duration, timezone, tpm, rpm, parallel)


def _filled(limits: Limits, ceiling: Limits) -> Limits:
    """What binds: the limits, and where there is none, the ceiling's."""
    given = {name: value for name, value in limits._asdict().items() if value is not None}
    return ceiling._replace(**given)


def _shares(members: Sequence[object]) -> list[float]:
    """Weights, added up, that fall as the sizes of companies do."""
    return list(accumulate(1 / (rank + 3) for rank in range(len(members))))
