"""The limit of HTTP here: uvicorn answers whatever is sent to /NAME with a file of that name."""

import os
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

Message = MutableMapping[str, Any]

_answers = {
    f"/{each.name}": each.read_bytes() for each in Path(os.environ["BENCHMARK_ANSWERS"]).iterdir()
}


async def app(
    scope: Message,
    receive: Callable[[], Awaitable[Message]],
    send: Callable[[Message], Awaitable[None]],
) -> None:
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    answer = _answers.get(scope["path"], b"")
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})
