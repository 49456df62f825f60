"""Sign-in: the key in the Authorization header, the actor it stands for, and whom they speak for."""

from collections.abc import Sequence

from starlette.requests import Request

from bursar.access.actor import Actor
from bursar.database.connections import Reads
from bursar.services.sign_in import sign_in


async def authenticate(request: Request, source: Reads, peppers: Sequence[bytes]) -> Actor | None:
    """The actor of a request; None without exactly one `Authorization: Bearer` with a valid key."""
    secret = presented(request)
    if secret is None:
        return None
    return await sign_in(
        source,
        secret,
        peppers=peppers,
        request_id=request.state.request_id,
        on_behalf_of=request.headers.get("on-behalf-of"),
    )


def presented(request: Request) -> str | None:
    """The secret of the one `Authorization: Bearer` of a request."""
    headers = request.headers.getlist("authorization")
    scheme, _, secret = (headers[0] if len(headers) == 1 else "").partition(" ")
    return secret.strip() or None if scheme.lower() == "bearer" else None
