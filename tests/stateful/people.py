"""People as inputs name them, by id, by e-mail, or by both; who is added, and who must stay."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from stateful.model import Membership, Model, User
from stateful.rules import Given, Refusal, contradictions, refusal_of, refuse


def check_new(persons: Sequence[Given]) -> None:
    """Refuse names that are there twice, and budgets that contradict themselves."""
    problems: list[Refusal] = []
    seen: set[str] = set()
    for place, person in enumerate(persons):
        names = _names(person)
        if names & seen:
            problems.append(("BAD_INPUT", f"members.{place}"))
        seen |= names
    for place, person in enumerate(persons):
        problems += contradictions(person.get("budget"), "members", str(place), "budget")
    refuse(*problems)


def names_oneself(person: Given, me: User) -> bool:
    return bool(_names(person) & {me.id, me.email})


def _names(person: Given) -> set[str]:
    return {person[name] for name in ("userId", "email") if name in person}


def field(person: Given) -> str:
    return "userId" if "userId" in person else "email"


def paths(persons: Sequence[Given]) -> list[str]:
    return [f"members.{place}.{field(person)}" for place, person in enumerate(persons)]


def named(model: Model, person: Given) -> User | None:
    """Whom the id names, or else the e-mail."""
    if "userId" in person:
        return model.users.get(person["userId"])
    return model.user_by_email(person["email"])


def find_members(
    model: Model, members: Collection[User], persons: Sequence[Given], *, path: str
) -> list[User]:
    """The member behind each person; `path` is empty where the input itself names the one person."""
    at = [f"{path}.{place}." if path else "" for place in range(len(persons))]
    users = [user if (user := named(model, each)) in members else None for each in persons]
    pairs = list(zip(at, persons, users, strict=True))
    refuse(*(("NOT_FOUND", at + field(person)) for at, person, user in pairs if user is None))
    refuse(
        *(
            ("BAD_INPUT", f"{at}email")
            for at, person, user in pairs
            if user and person.get("email", user.email) != user.email
        )
    )
    refuse(
        *(
            ("BAD_INPUT", f"{path}.{place}")
            for place, user in enumerate(users)
            if user in users[:place]
        )
    )
    return [user for user in users if user]


def last_admins(members: Mapping[User, Membership], going: Mapping[User, str]) -> Iterator[Refusal]:
    """Each admin among those who go, at their path, if no other admin stays."""
    admins = {user for user, membership in members.items() if membership.role == "ADMIN"}
    if admins <= {*going}:
        for user, path in going.items():
            if user in admins:
                yield "CONFLICT", path


class Additions:
    """People to be added, all or whoever can be, and what stands against each."""

    def __init__(self, model: Model, persons: Sequence[Given], mode: str | None) -> None:
        self.users = [named(model, person) for person in persons]
        self._model = model
        self._persons = persons
        self._all_or_nothing = mode != "BEST_EFFORT"
        self._against: dict[int, tuple[Refusal, bool]] = {}
        self.results: list[tuple[str, Refusal | None]] = []

    def against(self, place: int, code: str, *, already: bool = False) -> None:
        self._against[place] = ((code, paths(self._persons)[place]), already)

    def judge(self, budgets: Mapping[int, Refusal] | None = None) -> None:
        """Refuse all, in the order of the kinds of reason; or say for each what will become of them.

        `budgets`: what would contradict itself, of those against whom nothing else is.
        """
        found = {
            place: user
            for place, user in enumerate(self.users)
            if user is not None and not self._is("NOT_FOUND", place)
        }
        different = {
            place: ("BAD_INPUT", f"members.{place}.email")
            for place, user in found.items()
            if self._persons[place].get("email", user.email) != user.email
        }
        users = list(found.items())
        again = {
            place: ("BAD_INPUT", f"members.{place}")
            for n, (place, user) in enumerate(users)
            if user in [other for _, other in users[:n]]
        }
        reasons = {place: reason for place, (reason, _) in self._against.items()}
        unknown = {place: reason for place, reason in reasons.items() if reason[0] == "NOT_FOUND"}
        stages = [different, again, unknown, reasons]
        free = {n: each for n, each in (budgets or {}).items() if not any(n in s for s in stages)}
        stages.append(free)
        if self._all_or_nothing:
            for stage in stages:
                refuse(*stage.values())
        for place in range(len(self._persons)):
            first = next((stage[place] for stage in stages if place in stage), None)
            already = first is not None and self._against.get(place) == (first, True)
            status = "ALREADY_MEMBER" if already else "FAILED" if first else "ADDED"
            self.results.append((status, None if already else first))

    def _is(self, code: str, place: int) -> bool:
        return place in self._against and self._against[place][0][0] == code

    def joined(self, payload: Any) -> Iterator[tuple[int, User]]:
        """Who is added, by their place in the input; who was nobody becomes a user."""
        if not self._all_or_nothing:
            told = [
                (each["status"], each["error"] and refusal_of(each["error"]))
                for each in payload["results"]
            ]
            assert told == self.results
        else:
            assert payload.get("results", []) == []
        added = [place for place, (status, _) in enumerate(self.results) if status == "ADDED"]
        for place in added:
            yield place, self.users[place] or self._new(self._persons[place]["email"])

    def _new(self, email: str) -> User:
        """Their id is learned later."""
        user = User("", email.split("@", maxsplit=1)[0], email, "USER")
        self._model.newcomers.append(user)
        return user
