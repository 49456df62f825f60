"""Who acts: the user and key behind a request, as sign-in found them."""

from dataclasses import dataclass
from enum import StrEnum

from bursar.domain.roles import KeyScope, PlatformRole


class Sight(StrEnum):
    """How far an actor sees: everything, or what they are related to."""

    ALL = "ALL"
    RELATED = "RELATED"


@dataclass(frozen=True, slots=True)
class Actor:
    """A signed-in caller. Authority comes from these stored facts, never from a request's fields."""

    user_id: str
    key_id: str
    role: PlatformRole
    scopes: frozenset[KeyScope]
    request_id: str | None = None

    @property
    def sight(self) -> Sight:
        sees_all = self.role in {PlatformRole.ADMIN, PlatformRole.VIEWER}
        return Sight.ALL if sees_all else Sight.RELATED

    @property
    def administers_all(self) -> bool:
        return self.role is PlatformRole.ADMIN

    @property
    def only_reads(self) -> bool:
        """VIEWER and USER_VIEWER cap every other relation to reading."""
        return self.role in {PlatformRole.VIEWER, PlatformRole.USER_VIEWER}
