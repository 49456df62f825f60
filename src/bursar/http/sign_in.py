"""Sign-in: the key in the Authorization header, the actor it stands for, and whom they speak for."""

from bursar.access.actor import Actor
from bursar.http import trail
from bursar.http.incoming import Incoming
from bursar.services.sign_in import SignIn


async def authenticate(incoming: Incoming, sign_in: SignIn) -> Actor | None:
    """The actor of a request; None without exactly one `Authorization: Bearer` with a valid key."""
    secret = presented(incoming)
    return None if secret is None else await actor_of(incoming, secret, sign_in)


async def actor_of(incoming: Incoming, secret: str, sign_in: SignIn) -> Actor | None:
    """The actor that a secret of a request stands for, if it does; told in the log either way."""
    actor = None
    try:
        actor = await sign_in(
            secret,
            address=address_of(incoming),
            request_id=incoming.id,
            on_behalf_of=incoming.header(b"on-behalf-of"),
        )
    finally:
        incoming.told |= trail.presented(secret) if actor is None else trail.asker(actor)
    return actor


def address_of(incoming: Incoming) -> str:
    """Where a request comes from: the peer, or whom a trusted proxy names; empty over a Unix socket."""
    client = incoming.scope.get("client")
    return client[0] if client else ""


def presented(incoming: Incoming) -> str | None:
    """The secret of the one `Authorization: Bearer` of a request."""
    lines = incoming.lines(b"authorization")
    scheme, _, secret = (lines[0] if len(lines) == 1 else "").partition(" ")
    return secret.strip() or None if scheme.lower() == "bearer" else None
