"""Whose a metered call is: its key, by id or any secret it ever had, and where that belonged then."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache

from sqlalchemy import (
    ARRAY,
    LargeBinary,
    Text,
    any_,
    bindparam,
    func,
    literal,
    null,
    select,
    union_all,
)

from bursar.database.connections import Connection
from bursar.database.rows import Row
from bursar.database.statements import Statement
from bursar.database.tables import api_keys, former_places, former_secrets
from bursar.domain.ids import Prefix, is_id
from bursar.domain.instants import LAST
from bursar.domain.keys import LONGEST_SECRET, digest
from bursar.domain.usage import Event
from bursar.services.key_places import PLACE, places_now


class Place:
    """A key and whose its calls are; of a personal key only the user, of a service's no user.

    `columns` are as events have them and `dimensions` as days do; `holders` are kind and id of all
    whose budgets count a call.
    """

    __slots__ = ("columns", "dimensions", "holders", "key_id", "team_id")

    def __init__(
        self,
        key_id: str,
        user_id: str | None,
        team_id: str | None,
        team_member_id: str | None,
        organization_id: str | None,
        organization_member_id: str | None,
    ) -> None:
        self.key_id, self.team_id = key_id, team_id
        self.columns = (
            *(key_id, user_id, team_id, team_member_id),
            *(organization_id, organization_member_id),
        )
        self.dimensions = (key_id, user_id, team_id, organization_id)
        holders = {
            "api_key": key_id,
            "user": user_id if team_id is None else None,
            "team_member": team_member_id,
            "team": team_id,
            "organization_member": organization_member_id,
            "organization": organization_id,
        }
        self.holders = [(kind, id_) for kind, id_ in holders.items() if id_ is not None]


class Keys:
    """The keys that events name, as they were found at `now`, the time of the transaction."""

    def __init__(self, hashes: Mapping[str, Sequence[bytes]], rows: Sequence[Row]) -> None:
        self.now: datetime = rows[0].now
        self._hashes = hashes
        self._named: dict[bytes, tuple[int, str]] = {}
        self._places: dict[str, dict[datetime, Place]] = {}
        for _, key_id, hash_, age, until, *place in rows:
            if key_id is None:
                continue
            if hash_ is not None:
                named = (age, key_id)
                self._named[hash_] = min(self._named.get(hash_, named), named)
            self._places.setdefault(key_id, {})[until or LAST] = Place(key_id, *place)

    def place_of(self, event: Event) -> Place | None:
        """Where the event's key belonged at its time; None if there never was such a key."""
        key_id = event.key_id if event.key is None else self._key_id(event.key)
        places = self._places.get(key_id or "")
        if places is None:
            return None
        if len(places) > 1:
            ends = sorted(places)
            return places[next((end for end in ends if event.at < end), ends[-1])]
        return next(iter(places.values()))

    def _key_id(self, secret: str) -> str | None:
        """Of several, the key that has the secret rather than one that had it."""
        found = [self._named[hash_] for hash_ in self._hashes[secret] if hash_ in self._named]
        return min(found)[1] if found else None


async def find(tx: Connection, peppers: Sequence[bytes], events: Iterable[Event]) -> Keys:
    """Ask for the keys of events, in one statement."""
    secrets: set[str] = set()
    ids: set[str] = set()
    for event in events:
        if event.key is not None:
            secrets.add(event.key)
        elif is_id(event.key_id or "", Prefix.API_KEY):
            ids.add(event.key_id or "")
    # As at sign-in, a text that is too long is no secret.
    hashes = {
        secret: [digest(secret, pepper) for pepper in peppers]
        if len(secret) <= LONGEST_SECRET
        else []
        for secret in secrets
    }
    given = [hash_ for each in hashes.values() for hash_ in each]
    return Keys(hashes, await tx.all(_places(), hashes=given, ids=list(ids)))


@cache
def _places() -> Statement:
    """Each key that is named, beside all its places; `age` says how far back its secret lies.

    One row at least, so that the time is told.
    """
    hashes = bindparam("hashes", type_=ARRAY(LargeBinary))
    ids = func.unnest(bindparam("ids", type_=ARRAY(Text))).column_valued("ids")
    named = union_all(
        select(
            api_keys.c.id.label("key_id"),
            api_keys.c.secret_hash.label("hash"),
            literal(0).label("age"),
        ).where(api_keys.c.secret_hash == any_(hashes)),
        select(api_keys.c.id, api_keys.c.previous_hash, literal(1)).where(
            api_keys.c.previous_hash == any_(hashes)
        ),
        select(former_secrets.c.api_key_id, former_secrets.c.secret_hash, literal(2)).where(
            former_secrets.c.secret_hash == any_(hashes)
        ),
        select(ids, null(), literal(0)),
    ).cte("named")
    now = places_now().add_columns(null().label("until")).where(api_keys.c.id == named.c.key_id)
    before = select(
        former_places.c.api_key_id,
        *(former_places.c[name] for name in PLACE),
        former_places.c.until,
    ).where(former_places.c.api_key_id == named.c.key_id)
    place = union_all(now, before).lateral("place")
    found = (
        select(
            named.c.key_id,
            named.c.hash,
            named.c.age,
            place.c.until,
            *(place.c[name] for name in PLACE),
        )
        .join(place, literal(True))
        .subquery("found")
    )
    clock = select(func.now().label("now")).subquery("clock")
    return Statement(select(clock.c.now, found).select_from(clock.outerjoin(found, literal(True))))
