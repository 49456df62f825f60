"""Whom an input means: people named by id, by e-mail, or by both, which must agree."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from operator import itemgetter
from typing import NamedTuple

from sqlalchemy import ARRAY, Text, any_, bindparam, or_, select

from bursar.access.actor import Actor, Sight
from bursar.access.visibility import visible_users
from bursar.database.connections import Connection
from bursar.database.given import repeated
from bursar.database.pool import RunAgain
from bursar.database.rows import Row
from bursar.database.statements import Statement
from bursar.database.tables import organization_members, team_members, users
from bursar.database.writes import insert_absent
from bursar.domain.errors import DifferentUsers, Invalid, Path, Refusal
from bursar.domain.ids import Prefix, new_id
from bursar.domain.names import NAME_LENGTH, is_storable, key_of
from bursar.services import audit
from bursar.services.attributes import columns_of, problems_with
from bursar.services.audit import Change

_NOBODY = ""  # no id, and no e-mail
NAMED_BEFORE = "names a user who is named before"


class Person(NamedTuple):
    user_id: str | None
    email: str | None

    @property
    def email_key(self) -> str | None:
        return None if self.email is None else key_of(self.email)

    @property
    def names(self) -> set[str]:
        return {name for name in (self.user_id, self.email_key) if name is not None}

    @property
    def field(self) -> str:
        """The input field that an error about the person belongs to."""
        return "email" if self.user_id is None else "user_id"


def problems_with_people(people: Sequence[tuple[Path, Person]]) -> Iterator[Refusal]:
    """People who are not named, or named twice; each comes with its path."""
    seen: set[str] = set()
    for path, person in people:
        names = person.names
        if not names:
            yield Invalid(*path, problem="must name a user by id, by e-mail, or by both")
        if person.email is not None:
            yield from problems_with({"email": person.email}, *path)
        if names & seen:
            yield Invalid(*path, problem=NAMED_BEFORE)
        seen |= names


def names_of(people: Iterable[Person]) -> dict[str, Sequence[str]]:
    """The parameters of a statement that looks people up; none of them is empty."""
    people = list(people)
    ids = [p.user_id for p in people if p.user_id is not None and is_storable(p.user_id)]
    keys = [p.email_key for p in people if p.email_key is not None]
    return {"user_ids": repeated(ids or [_NOBODY]), "email_keys": repeated(keys or [_NOBODY])}


async def oneself(tx: Connection, actor: Actor) -> Person:
    """The actor, by id and e-mail."""
    row = await tx.one(_user(), user_id=actor.user_id)
    return Person(actor.user_id, row and row.email)


async def find(
    tx: Connection,
    actor: Actor,
    people: Iterable[Person],
    *,
    organization_id: str,
    team_id: str | None = None,
) -> dict[Person, Row | None]:
    """The user behind each person, kept from being deleted; None where there is none.

    Beside the user's columns a row says whether the actor sees the user, and whether the user is in
    the organization and in the team.
    """
    people = list(people)
    rows = await tx.all(
        _candidates(actor.sight),
        **actor.parameters,
        **names_of(people),
        team_id=team_id,
        organization_id=organization_id,
    )
    by_id = {row.id: row for row in rows}
    by_email = {row.email_key: row for row in rows if row.email_key is not None}
    return {
        person: by_email.get(person.email_key)
        if person.user_id is None
        else by_id.get(person.user_id)
        for person in people
    }


def disagreements(found: Iterable[tuple[Path, Person, Row | None]]) -> Iterator[Refusal]:
    """DifferentUsers for each id whose user has another e-mail than the one given beside it."""
    for path, person, row in found:
        if row is not None and person.email is not None and row.email_key != person.email_key:
            yield DifferentUsers(*path, "email")


def repetitions(named: Iterable[tuple[Path, str]]) -> Iterator[Refusal]:
    """Invalid where an id and an e-mail of the input turn out to be one user."""
    seen: set[str] = set()
    for path, user_id in named:
        if user_id in seen:
            yield Invalid(*path, problem=NAMED_BEFORE)
        seen.add(user_id)


async def create(tx: Connection, actor: Actor, people: Sequence[Person]) -> dict[Person, Row]:
    """Create a user for each person, who have only e-mails, named by what stands before the @.

    Whom somebody else creates meanwhile is found, and kept from being deleted.
    """
    drafts = [
        {
            "id": new_id(Prefix.USER),
            **columns_of({"name": email.split("@")[0][:NAME_LENGTH], "email": email}),
        }
        for email in (person.email for person in people)
        if email is not None
    ]
    # In one order, so that two who create the same people do not wait for each other.
    drafts.sort(key=itemgetter("email_key"))
    rows = await insert_absent(tx, users, drafts)
    audit.record(tx, actor, *(Change("user.create", row.id, after=row) for row in rows))
    by_email = {row.email_key: row for row in rows}
    if len(rows) < len(drafts):
        lost = [draft["email_key"] for draft in drafts if draft["email_key"] not in by_email]
        by_email |= {row.email_key: row for row in await tx.all(_of_emails(), email_keys=lost)}
        if len(by_email) < len(drafts):
            raise RunAgain  # who was created meanwhile has gone meanwhile
    return {person: by_email[person.email_key] for person in people}


@cache
def _user() -> Statement:
    return Statement(select(users.c.email).where(users.c.id == bindparam("user_id")))


@cache
def _of_emails() -> Statement:
    return Statement(
        select(users)
        .where(users.c.email_key == any_(bindparam("email_keys", type_=ARRAY(Text))))
        .order_by(users.c.id)
        .with_for_update(read=True, key_share=True)
    )


@cache
def _candidates(sight: Sight) -> Statement:
    ids = bindparam("user_ids", type_=ARRAY(Text))
    keys = bindparam("email_keys", type_=ARRAY(Text))
    in_team = select(team_members.c.id).where(
        team_members.c.user_id == users.c.id, team_members.c.team_id == bindparam("team_id")
    )
    in_organization = select(organization_members.c.id).where(
        organization_members.c.user_id == users.c.id,
        organization_members.c.organization_id == bindparam("organization_id"),
    )
    return Statement(
        select(
            users,
            visible_users(sight).label("visible"),
            in_team.exists().label("in_team"),
            in_organization.exists().label("in_organization"),
        )
        .where(or_(users.c.id == any_(ids), users.c.email_key == any_(keys)))
        .order_by(users.c.id)
        .with_for_update(of=users, read=True, key_share=True)
    )
