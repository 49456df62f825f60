"""Limits of a budget: which are allowed by themselves, and which under a parent's.

`null` is "no limit", 0 is "nothing". A null under a limited parent is allowed: the parent binds.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple, TypedDict

from bursar.domain.durations import is_timezone, period_of
from bursar.domain.errors import Forbidden, Invalid, LimitExceeded, Path, Refusal, Required
from bursar.domain.models import GROUP, is_pattern, problem_with_entry
from bursar.domain.money import problem_with_limit


class ModelLimit(NamedTuple):
    """What of a budget may be spent on one model; the fields are columns."""

    model: str
    max_budget: Decimal | None = None
    tpm_limit: int | None = None
    rpm_limit: int | None = None


class BudgetChanges(TypedDict, total=False):
    """What is to change of a budget: absent = keep, None = clear, a value = set.

    The limits of models are set all together.
    """

    max_budget: Any
    soft_budget: Any
    duration: str | None
    timezone: str | None
    tpm_limit: int | None
    rpm_limit: int | None
    max_parallel_requests: int | None
    model_limits: Sequence[Mapping[str, Any]] | None


AMOUNTS = ("max_budget", "soft_budget")
COUNTS = ("tpm_limit", "rpm_limit", "max_parallel_requests")
COLUMNS = (*AMOUNTS, "duration", "timezone", *COUNTS)
FIELDS = (*COLUMNS, "model_limits")
UNDER_PARENT = ("max_budget", "tpm_limit", "rpm_limit")
"""The limits of a whole, and those of a model, that are within the parent's."""
MOST_COUNT = 2**62
"""Tokens or requests; above it a sum of two might not fit 64 bits."""
MOST_MODELS = 100

Limits = Mapping[str, Any]
NO_LIMITS: Limits = dict.fromkeys(COLUMNS) | {"timezone": "UTC", "model_limits": []}


def problems_with_budget(changes: BudgetChanges | None, *path: str | int) -> Iterator[Refusal]:
    """What is wrong with the given values, whatever is stored."""
    given: Limits = dict(changes or {})
    yield from _problems_with_values(given, *path)
    if "timezone" in given:
        if given["timezone"] is None:
            yield Required(*path, "timezone")
        elif not is_timezone(given["timezone"]):
            yield Invalid(*path, "timezone", problem="must be an IANA time zone, like Europe/Rome")
    yield from _problems_with_models(given.get("model_limits") or (), *path, "model_limits")
    yield from problems_with_limits({**NO_LIMITS, **given}, *path)


def resulting(stored: Limits | None, changes: BudgetChanges | None) -> Limits | None:
    """The limits after the changes; None clears them all."""
    if changes is None:
        return None
    start = stored or NO_LIMITS
    limits = {name: start[name] for name in FIELDS} | dict(changes)
    if "model_limits" in changes:
        limits["model_limits"] = [ModelLimit(**each) for each in changes["model_limits"] or ()]
    return limits


def problems_with_limits(limits: Limits | None, *path: str | int) -> Iterator[Refusal]:
    """What is wrong between the values of one budget."""
    if limits is None or limits["soft_budget"] is None or limits["max_budget"] is None:
        return
    if limits["soft_budget"] >= limits["max_budget"]:
        yield Invalid(*path, "soft_budget", problem="must be below the maximum budget")


def exceeding(
    limits: Limits | None, parent: Limits | None, *path: str | int, level: str
) -> Iterator[LimitExceeded]:
    """Each limit above the one of the parent, whose kind is `level`."""
    if limits is None or parent is None:
        return
    asked: list[tuple[Path, Any, Any]] = [
        ((name,), limits[name], parent[name]) for name in UNDER_PARENT
    ]
    asked += [
        (("model_limits", place, name), getattr(each, name), bound_of(parent, each.model, name))
        for place, each in enumerate(limits["model_limits"])
        for name in UNDER_PARENT
    ]
    for at, requested, limit in asked:
        if requested is not None and limit is not None and requested > limit:
            yield LimitExceeded(
                *path, *at, level=level, limit=Decimal(limit), requested=Decimal(requested)
            )


def bound_of(limits: Limits, model: str, name: str) -> Any:
    """What a budget allows one model: what it says of the model, or else of the whole."""
    of_model = [getattr(each, name) for each in limits["model_limits"] if each.model == model]
    return limits[name] if of_model in ([], [None]) else of_model[0]


def place_in(changes: BudgetChanges, name: str, model: str | None = None) -> Path:
    """Where in the changes a limit is said, of the whole or of a model.

    A limit that they leave as it was is bound otherwise because models are not named any more.
    """
    models = [each["model"] for each in changes.get("model_limits") or ()]
    if model in models:
        return ("model_limits", models.index(model), name)
    return ("model_limits",) if "model_limits" in changes and name not in changes else (name,)


def increased(limits: Limits, amount: Decimal) -> Limits:
    """The limits with so much more for the whole, if that has a maximum."""
    if limits["max_budget"] is None:
        return limits
    return {**limits, "max_budget": limits["max_budget"] + amount}


def raising(
    limits: Limits | None, stored: Limits | None, default: Limits | None, *path: str | int
) -> Iterator[Forbidden]:
    """Each limit that becomes wider than it was stored and than the default; none is the widest."""
    if limits is None or default is None:
        return
    before = stored or default
    deed = "raise your own limit above the team's default"
    for name in ("max_budget", *COUNTS):
        if all(is_wider(limits[name], than[name]) for than in (default, before)):
            yield Forbidden(*path, name, deed=deed)
    for at in wider_models(limits, default, before):
        yield Forbidden(*path, *at, deed=deed)
    # The same money in shorter periods, or in one that begins anew, is more of it.
    if limits_money(default):
        periods = {period_of(each["duration"]) for each in (default, before)}
        if period_of(limits["duration"]) not in periods:
            yield Forbidden(*path, "duration", deed="change the duration of your own budget")
        zones = {default["timezone"], before["timezone"]}
        if limits["duration"] is not None and limits["timezone"] not in zones:
            yield Forbidden(*path, "timezone", deed="change the timezone of your own budget")


def wider_models(limits: Limits, *bounds: Limits) -> Iterable[Path]:
    """Where a budget lets more through of a model than each of the others do.

    That is at its limit of the model or, where it does not name what the first of them names, at all.
    """
    models = [each.model for each in limits["model_limits"]]
    unnamed = [each.model for each in bounds[0]["model_limits"] if each.model not in models]
    wider: dict[Path, None] = {}
    for place, model in enumerate(models + unnamed):
        for name in UNDER_PARENT:
            own = bound_of(limits, model, name)
            if all(is_wider(own, bound_of(than, model, name)) for than in bounds):
                named = model in models
                wider[("model_limits", place, name) if named else ("model_limits",)] = None
    return wider


def limits_money(limits: Limits) -> bool:
    """Whether a budget sets a maximum that is spent anew in each period, of the whole or of a model."""
    of_models = (each.max_budget for each in limits["model_limits"])
    return any(maximum is not None for maximum in (limits["max_budget"], *of_models))


def is_wider(limit: Decimal | int | None, than: Decimal | int | None) -> bool:
    """Whether a limit allows more than another; none allows more than any."""
    return than is not None and (limit is None or limit > than)


def _problems_with_values(given: Limits, *path: str | int) -> Iterator[Refusal]:
    for name in AMOUNTS:
        if (amount := given.get(name)) is not None and (problem := problem_with_limit(amount)):
            yield Invalid(*path, name, problem=problem)
    for name in COUNTS:
        if (count := given.get(name)) is not None and not 0 <= count <= MOST_COUNT:
            yield Invalid(*path, name, problem="must be 0 or more, and at most 2^62")


def _problems_with_models(given: Sequence[Limits], *path: str | int) -> Iterator[Refusal]:
    if len(given) > MOST_MODELS:
        yield Invalid(*path, problem=f"must be at most {MOST_MODELS} models")
        return
    models = [each["model"] for each in given]
    for place, each in enumerate(given):
        if problem := problem_with_literal(each["model"]):
            yield Invalid(*path, place, "model", problem=problem)
        elif each["model"] in models[:place]:
            yield Invalid(*path, place, "model", problem="must be named once")
        yield from _problems_with_values(each, *path, place)


def problem_with_literal(model: str) -> str | None:
    """Say what is wrong with the name of one model, if anything is."""
    if is_pattern(model) or model.startswith(GROUP):
        return "must be the name of one model, without `*` and `group:`"
    return problem_with_entry(model)
