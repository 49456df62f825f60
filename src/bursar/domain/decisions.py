"""Decisions: whether a key may use a model now, and every reason why it may not.

It is a rule over facts and nothing else. What is not known is refused: a key without facts, a budget
whose spend reached its maximum, a name that no model can have.
"""

from collections.abc import Collection, Iterator, Mapping
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from bursar.domain import spends
from bursar.domain.effective_limits import EffectiveLimits, LimitLevel, tightest
from bursar.domain.limits import Limits, problem_with_literal
from bursar.domain.models import AllowList, Groups, allows
from bursar.domain.money import to_text
from bursar.domain.roles import KeyScope


class ReasonCode(StrEnum):
    """Why a key may not use a model, in the order in which reasons are said."""

    KEY_UNKNOWN = "KEY_UNKNOWN"
    KEY_BLOCKED = "KEY_BLOCKED"
    KEY_EXPIRED = "KEY_EXPIRED"
    KEY_NOT_FOR_INFERENCE = "KEY_NOT_FOR_INFERENCE"
    USER_BLOCKED = "USER_BLOCKED"
    TEAM_BLOCKED = "TEAM_BLOCKED"
    MODEL_MALFORMED = "MODEL_MALFORMED"
    MODEL_NOT_ALLOWED = "MODEL_NOT_ALLOWED"
    BUDGET_EXHAUSTED = "BUDGET_EXHAUSTED"


class Reason(NamedTuple):
    """One reason against it; `model` where a model's own budget or a list of models is the reason.

    `spend` and `maximum` are what was compared, the maximum with an increase that runs; `holder_id` is
    whose budget it is.
    """

    code: ReasonCode
    level: LimitLevel | None = None
    model: str | None = None
    spend: Decimal | None = None
    maximum: Decimal | None = None
    holder_id: str | None = None

    @property
    def message(self) -> str:
        sentence = _SENTENCES[self.code]
        if self.level is None:
            return sentence
        level = self.level.replace("_", " ").lower()
        if self.code is ReasonCode.MODEL_NOT_ALLOWED:
            return sentence.format(level=level, model=self.model)
        model = f" for {self.model}" if self.model else ""
        amounts = ""
        if self.spend is not None and self.maximum is not None:
            amounts = f": {to_text(self.spend)} of {to_text(self.maximum)} is spent"
        return sentence.format(level=level, model=model, amounts=amounts)


_SENTENCES = {
    ReasonCode.KEY_UNKNOWN: "There is no such key.",
    ReasonCode.KEY_BLOCKED: "The key is blocked.",
    ReasonCode.KEY_EXPIRED: "The key has expired.",
    ReasonCode.KEY_NOT_FOR_INFERENCE: "The key does not have the scope INFER.",
    ReasonCode.USER_BLOCKED: "The key's user is blocked.",
    ReasonCode.TEAM_BLOCKED: "The key's team is blocked.",
    ReasonCode.MODEL_MALFORMED: "No model has such a name.",
    ReasonCode.MODEL_NOT_ALLOWED: "The {level} does not allow {model}.",
    ReasonCode.BUDGET_EXHAUSTED: "The budget of the {level}{model} does not suffice{amounts}.",
}


class Party(NamedTuple):
    """Something that a call is made for; a key's name is its alias."""

    id: str
    name: str | None


class LevelBudget(NamedTuple):
    """The budget in force at one level, and what its holder has spent in the period that runs.

    `model_…` is what it sets for the asked model by itself, and what is spent on that.
    """

    holder_id: str
    max_budget: Decimal | None = None
    soft_budget: Decimal | None = None
    tpm_limit: Decimal | None = None
    rpm_limit: Decimal | None = None
    max_parallel_requests: Decimal | None = None
    spend: Decimal = Decimal(0)
    increase: Decimal = Decimal(0)
    model_max_budget: Decimal | None = None
    model_tpm_limit: Decimal | None = None
    model_rpm_limit: Decimal | None = None
    model_spend: Decimal = Decimal(0)

    @property
    def maximum(self) -> Decimal | None:
        """With what is added to it for a while."""
        return spends.maximum(self.max_budget, self.increase)

    @property
    def limits(self) -> Limits:
        return {
            "max_budget": self.maximum,
            "tpm_limit": self.tpm_limit,
            "rpm_limit": self.rpm_limit,
            "max_parallel_requests": self.max_parallel_requests,
        }

    @property
    def model_limits(self) -> Limits:
        return {
            "max_budget": self.model_max_budget,
            "tpm_limit": self.model_tpm_limit,
            "rpm_limit": self.model_rpm_limit,
            "max_parallel_requests": None,
        }


class KeyFacts(NamedTuple):
    """All that a decision about a key and a model depends on, as it stands at one instant.

    `model` is what the team's alias stands for, where the asked one is an alias. The lists and budgets
    are those that bind the key: the user's for personal keys only.
    """

    key: Party
    user: Party | None
    team: Party | None
    organization: Party | None
    scopes: Collection[str]
    blocked: bool
    expired: bool
    user_blocked: bool
    team_blocked: bool
    model: str
    lists: Mapping[LimitLevel, AllowList]
    groups: Groups
    budgets: Mapping[LimitLevel, LevelBudget]


class Decision(NamedTuple):
    """Allowed exactly if there is no reason against it.

    `model` is what the asked one stands for; None where that is no model, or nobody knows the key.
    `soft_budgets_reached` only warns. The limits are the tightest of all levels: of the whole, and
    those that are set for the model.
    """

    reasons: tuple[Reason, ...]
    model: str | None
    key: Party | None
    user: Party | None
    team: Party | None
    organization: Party | None
    soft_budgets_reached: tuple[LimitLevel, ...]
    effective_limits: EffectiveLimits
    model_limits: EffectiveLimits

    @property
    def allowed(self) -> bool:
        return not self.reasons


NO_LIMITS = tightest({})


def decide(facts: KeyFacts | None, asked: str, estimated_cost: Decimal | None = None) -> Decision:
    """Whether the key that the facts are of may use the asked model; None is a key that is unknown.

    A budget refuses when its spend has reached its maximum, or would pass it by the estimated cost;
    nothing is reserved.
    """
    malformed = [Reason(ReasonCode.MODEL_MALFORMED)] if problem_with_literal(asked) else []
    if facts is None:
        reasons = [Reason(ReasonCode.KEY_UNKNOWN), *malformed]
        return Decision(tuple(reasons), None, None, None, None, None, (), NO_LIMITS, NO_LIMITS)
    reasons = [Reason(code) for code in _of_holders(facts)]
    reasons += malformed or _of_lists(facts)
    reasons += _of_budgets(facts, estimated_cost or Decimal(0))
    budgets = facts.budgets
    return Decision(
        tuple(reasons),
        None if malformed else facts.model,
        facts.key,
        facts.user,
        facts.team,
        facts.organization,
        tuple(
            level for level, own in budgets.items() if spends.reaches(own.spend, own.soft_budget)
        ),
        tightest({level: budget.limits for level, budget in budgets.items()}),
        tightest({level: budget.model_limits for level, budget in budgets.items()}),
    )


def _of_holders(facts: KeyFacts) -> Iterator[ReasonCode]:
    if facts.blocked:
        yield ReasonCode.KEY_BLOCKED
    if facts.expired:
        yield ReasonCode.KEY_EXPIRED
    if KeyScope.INFER not in facts.scopes:
        yield ReasonCode.KEY_NOT_FOR_INFERENCE
    if facts.user_blocked:
        yield ReasonCode.USER_BLOCKED
    if facts.team_blocked:
        yield ReasonCode.TEAM_BLOCKED


def _of_lists(facts: KeyFacts) -> list[Reason]:
    return [
        Reason(ReasonCode.MODEL_NOT_ALLOWED, level, facts.model)
        for level, allow_list in facts.lists.items()
        if not allows(allow_list, facts.model, facts.groups)
    ]


def _of_budgets(facts: KeyFacts, estimate: Decimal) -> Iterator[Reason]:
    for level, budget in facts.budgets.items():
        for model, spend, maximum in (
            (None, budget.spend, budget.maximum),
            (facts.model, budget.model_spend, budget.model_max_budget),
        ):
            if maximum is None:
                continue
            if spends.reaches(spend, maximum) or spend + estimate > maximum:
                code = ReasonCode.BUDGET_EXHAUSTED
                yield Reason(code, level, model, spend, maximum, budget.holder_id)
