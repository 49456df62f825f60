"""The guard of an endpoint: a request too many is refused at once, one that takes too long is ended."""

from collections.abc import Sequence
from time import monotonic

import structlog

from bursar.domain.errors import EndedWhileCommitting, Fault, Overloaded, TookTooLong
from bursar.http.answer import JSON, Answer, refusal, unavailable
from bursar.http.incoming import Incoming
from bursar.http.media_types import preferred
from bursar.http.requests import Respond
from bursar.http.under_way import End, Place, Share

_LOG_EVERY_SECONDS = 1.0
_HUNG_UP = 499  # as nginx logs it; nobody is there to read it


class Guard:
    """Stands before an endpoint: `respond` answers in its place, with one of these media types.

    Of requests refused for being too many the log tells the number once a second: a line for each
    would cost as much as they save.
    """

    def __init__(
        self, share: Share, respond: Respond, media_types: Sequence[str] = (JSON,)
    ) -> None:
        self._share = share
        self._respond = respond
        self._media_types = media_types
        self._log = structlog.get_logger()
        self._untold = 0
        self._told_at = -_LOG_EVERY_SECONDS

    async def respond(self, incoming: Incoming) -> Answer:
        if self._share.is_full:
            return self._too_many(incoming)
        place = self._share.enter(incoming.receive)
        incoming.receive = place.receive
        try:
            return await self._respond(incoming)
        except BaseException:  # what was cancelled may say so in its own way
            if place.ended is None:
                raise
            return self._ended(incoming, place)
        finally:
            self._share.leave(place)

    def _too_many(self, incoming: Incoming) -> Answer:
        incoming.is_quiet = True
        self._untold += 1
        if (now := monotonic()) - self._told_at >= _LOG_EVERY_SECONDS:
            self._log.warning(
                "too many requests are under way", most=self._share.most, refused=self._untold
            )
            self._untold, self._told_at = 0, now
        return self._fault(incoming, Overloaded())

    def _ended(self, incoming: Incoming, place: Place) -> Answer:
        if place.ended is End.GONE:
            incoming.told |= {"outcome": "gone"}
            return Answer(_HUNG_UP, b"", ())
        if place.may_have_changed:
            return self._fault(incoming, EndedWhileCommitting())
        if place.is_sending:
            return refusal(incoming, 408, "BAD_USER_INPUT", "The body did not come in time.")
        return self._fault(incoming, TookTooLong())

    def _fault(self, incoming: Incoming, fault: Fault) -> Answer:
        media_type = preferred(incoming.joined(b"accept"), self._media_types) or JSON
        return unavailable(incoming, fault, media_type)
