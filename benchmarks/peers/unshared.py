"""Bursar but for one thing: no request shares a statement with another; started as `bursar` is."""

from typing import Any

from bursar.cli import app
from bursar.database.connections import count_statement
from bursar.database.together import Together


async def _ask_alone(self: Together[Any, Any], question: Any) -> Any:
    count_statement()
    return (await self._ask_all([question])).get(question)


Together.ask = _ask_alone  # type: ignore[method-assign]  # in place of what is to be measured

if __name__ == "__main__":
    app()
