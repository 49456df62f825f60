"""A plan: what is done for the fields of an operation, in the order of the answer."""

from asyncio import gather
from collections.abc import Awaitable, Callable, Iterable, Mapping
from inspect import isawaitable, iscoroutine
from typing import Any, NamedTuple

from graphql import FieldNode, GraphQLField, GraphQLObjectType
from graphql.execution import get_argument_values

from bursar.graphql.execution.fields import Make
from bursar.graphql.execution.request import Request
from bursar.graphql.execution.steps import Steps, finish, together
from bursar.graphql.execution.surprises import Refused
from bursar.graphql.execution.values import Completion


class RootField:
    """A field of the operation itself, completed by the plan: made, done, or resolved.

    Of one that is looked up, `work` is all that is done.
    """

    def __init__(
        self,
        field: GraphQLField,
        nodes: list[FieldNode],
        complete: Completion,
        make: Make | None = None,
        work: Callable[[Request], Steps[list[Any]]] | None = None,
        act: Callable[[Request], Awaitable[Any]] | None = None,
    ) -> None:
        if field.resolve is None:
            raise Refused("default resolver")
        self._make = make
        self._act = act
        self._resolve = field.resolve
        self._field = field
        self._nodes = nodes
        self.complete = complete
        self.work = work

    def value(self, key: str, root: GraphQLObjectType, request: Request) -> Any:
        """What the resolver gives, which may be still to be awaited. Raises what it raises."""
        if self._make is not None:
            return self._make(request)(None)
        if self._act is not None:
            return self._act(request)
        arguments = get_argument_values(self._field, self._nodes[0], request.variables)
        info = request.info(self._field, self._nodes, root, key)
        return self._resolve(None, info, **arguments)


class Plan(NamedTuple):
    """The root type and the fields selected of it, by the name that each is answered under.

    None stands for `__typename`.
    """

    root: GraphQLObjectType
    fields: Mapping[str, RootField | None]

    async def answer(self, request: Request) -> dict[str, Any]:
        """The data of a query. Raises whatever surprises the plan."""
        resolved = [
            (key, field) for key, field in self.fields.items() if field and field.work is None
        ]
        values = iter(
            await _all(field.value(key, self.root, request) for key, field in resolved)
            if resolved
            else ()
        )
        works = [
            field.work(request) if field.work else field.complete([next(values)], request)
            for field in self.fields.values()
            if field
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
                value = field.value(key, self.root, request)
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
