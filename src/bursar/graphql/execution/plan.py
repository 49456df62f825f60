"""A plan: what is done for the fields of an operation, in the order of the answer."""

from asyncio import gather
from collections.abc import Callable, Iterable, Mapping
from inspect import isawaitable, iscoroutine
from typing import Any, NamedTuple

from graphql import GraphQLObjectType

from bursar.graphql.execution.request import Request
from bursar.graphql.execution.steps import finish, together
from bursar.graphql.execution.values import Completion


class RootField(NamedTuple):
    """A field of the operation itself: what gives its value, and what completes that.

    The value may be still to be awaited; to give it raises what the resolver raises.
    """

    give: Callable[[Request], Any]
    complete: Completion


class Plan(NamedTuple):
    """The root type and the fields selected of it, by the name that each is answered under.

    None stands for `__typename`.
    """

    root: GraphQLObjectType
    fields: Mapping[str, RootField | None]

    async def answer(self, request: Request) -> dict[str, Any]:
        """The data of a query. Raises whatever surprises the plan."""
        fields = [field for field in self.fields.values() if field]
        values = await _all(field.give(request) for field in fields)
        works = [
            field.complete([value], request) for field, value in zip(fields, values, strict=True)
        ]
        completed = iter(await finish(together(works), request.context))
        return {
            key: next(completed)[0] if field else self.root.name
            for key, field in self.fields.items()
        }

    async def change(self, request: Request, ran: "Ran") -> dict[str, Any]:
        """The data of a mutation, whose fields run one after the other; `ran` gets what they gave.

        Raises what a field raises, and whatever surprises the plan.
        """
        for key, field in self.fields.items():
            if field is None:
                ran.done[key] = self.root.name
                continue
            try:
                value = field.give(request)
                ran.given = key, await value if isawaitable(value) else value
            except Exception as error:
                ran.given = key, error
                raise
            work = field.complete([ran.given[1]], request)
            (ran.done[key],) = await finish(work, request.context)
        return ran.done


class Ran:
    """What the fields of a mutation that have run are answered with, and what the last of them gave."""

    def __init__(self) -> None:
        self.done: dict[str, Any] = {}
        self.given: tuple[str, Any] | None = None

    @property
    def failed(self) -> bool:
        """Whether the last of them raised something."""
        return self.given is not None and isinstance(self.given[1], Exception)


async def _all(values: Iterable[Any]) -> list[Any]:
    """The values, those awaited that must be: all at once, and none left behind by an error."""
    got: list[Any] = []
    try:
        got.extend(values)
    except Exception:
        for value in filter(iscoroutine, got):
            value.close()
        raise
    awaited = [value for value in got if isawaitable(value)]
    if not awaited:
        return got
    if len(awaited) == 1:
        results = [await awaited[0]]
    else:
        results = await gather(*awaited, return_exceptions=True)
    for error in results:
        if isinstance(error, BaseException):
            raise error
    rest = iter(results)
    return [next(rest) if isawaitable(value) else value for value in got]
