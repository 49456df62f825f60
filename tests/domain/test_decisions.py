"""Decisions: each reason by itself, all at once, and what must hold of any facts."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.domain.decisions import KeyFacts, LevelBudget, Party, Reason, ReasonCode, decide
from bursar.domain.effective_limits import LimitLevel
from bursar.domain.models import AllowList
from bursar.domain.roles import KeyScope

KEY, MEMBER, TEAM, ORGANIZATION, USER = (
    LimitLevel.KEY,
    LimitLevel.TEAM_MEMBER,
    LimitLevel.TEAM,
    LimitLevel.ORGANIZATION,
    LimitLevel.USER,
)
GOOD = KeyFacts(
    key=Party("key_1", "laptop"),
    user=Party("user_1", "Ada"),
    team=Party("team_1", "Search"),
    organization=Party("org_1", "Acme"),
    scopes=[KeyScope.INFER],
    blocked=False,
    expired=False,
    user_blocked=False,
    team_blocked=False,
    model="gpt-4",
    lists={KEY: AllowList(), TEAM: AllowList(("gpt-*",)), ORGANIZATION: AllowList(("group:all",))},
    groups={"all": ["gpt-4", "claude-*"]},
    budgets={},
)


def budget(**columns: Any) -> LevelBudget:
    return LevelBudget("holder", **{name: Decimal(value) for name, value in columns.items()})


def exhausted(level: LimitLevel, spend: str, maximum: str, model: str | None = None) -> Reason:
    code = ReasonCode.BUDGET_EXHAUSTED
    return Reason(code, level, model, Decimal(spend), Decimal(maximum), "holder")


def not_allowed(level: LimitLevel) -> Reason:
    return Reason(ReasonCode.MODEL_NOT_ALLOWED, level, "gpt-4")


# What differs from the good facts, and the reasons that this makes.
REASONS: list[tuple[dict[str, Any], list[Reason]]] = [
    ({}, []),
    ({"blocked": True}, [Reason(ReasonCode.KEY_BLOCKED)]),
    ({"expired": True}, [Reason(ReasonCode.KEY_EXPIRED)]),
    ({"scopes": [KeyScope.MANAGE]}, [Reason(ReasonCode.KEY_NOT_FOR_INFERENCE)]),
    ({"user_blocked": True}, [Reason(ReasonCode.USER_BLOCKED)]),
    ({"team_blocked": True}, [Reason(ReasonCode.TEAM_BLOCKED)]),
    *(
        ({"lists": GOOD.lists | {level: AllowList(("other",))}}, [not_allowed(level)])
        for level in (KEY, TEAM, ORGANIZATION)
    ),
    ({"lists": {KEY: AllowList(), USER: AllowList(allow_none=True)}}, [not_allowed(USER)]),
    ({"groups": {}}, [not_allowed(ORGANIZATION)]),
    *(
        (
            {"budgets": {level: budget(max_budget="10", spend="10")}},
            [exhausted(level, "10", "10")],
        )
        for level in LimitLevel
    ),
    ({"budgets": {KEY: budget(max_budget="0")}}, [exhausted(KEY, "0", "0")]),
    ({"budgets": {KEY: budget(max_budget="10", spend="9.99")}}, []),
    ({"budgets": {KEY: budget(spend="10")}}, []),
    ({"budgets": {KEY: budget(max_budget="10", spend="10", increase="0.01")}}, []),
    (
        {"budgets": {KEY: budget(max_budget="10", spend="12", increase="1")}},
        [exhausted(KEY, "12", "11")],
    ),
    (
        {"budgets": {TEAM: budget(max_budget="10", model_max_budget="1", model_spend="1")}},
        [exhausted(TEAM, "1", "1", "gpt-4")],
    ),
    # What is added for a while is added to the whole alone.
    (
        {"budgets": {TEAM: budget(increase="9", model_max_budget="1", model_spend="1")}},
        [exhausted(TEAM, "1", "1", "gpt-4")],
    ),
]


@pytest.mark.parametrize(("differing", "expected"), REASONS)
def test_each_reason(differing: dict[str, Any], expected: list[Reason]) -> None:
    decision = decide(GOOD._replace(**differing), "gpt-4")
    assert list(decision.reasons) == expected
    assert decision.allowed is (not expected)
    assert decision.model == "gpt-4"


def test_all_reasons_are_said_at_once() -> None:
    everything: dict[str, Any] = {}
    for differing, _ in REASONS[1:6]:
        everything |= differing
    nothing = AllowList(allow_none=True)
    spent = budget(max_budget="1", spend="1", model_max_budget="1", model_spend="2")
    worst = GOOD._replace(
        **everything,
        lists=dict.fromkeys((KEY, TEAM, ORGANIZATION), nothing),
        budgets=dict.fromkeys(LimitLevel, spent),
    )
    assert [reason.code for reason in decide(worst, "gpt-4").reasons] == [
        ReasonCode.KEY_BLOCKED,
        ReasonCode.KEY_EXPIRED,
        ReasonCode.KEY_NOT_FOR_INFERENCE,
        ReasonCode.USER_BLOCKED,
        ReasonCode.TEAM_BLOCKED,
        *[ReasonCode.MODEL_NOT_ALLOWED] * 3,
        *[ReasonCode.BUDGET_EXHAUSTED] * 12,
    ]
    # Where no model has the name no list is asked.
    codes = [reason.code for reason in decide(worst, "gpt 4").reasons]
    assert codes[5:7] == [ReasonCode.MODEL_MALFORMED, ReasonCode.BUDGET_EXHAUSTED]


@pytest.mark.parametrize("asked", ["", "a b", "gpt-*", "group:all", "x" * 257, "\0", "\ud800"])
def test_what_no_model_is_called_is_refused(asked: str) -> None:
    for facts, others in ((GOOD, []), (None, [ReasonCode.KEY_UNKNOWN])):
        decision = decide(facts, asked)
        codes = [reason.code for reason in decision.reasons]
        assert codes == [*others, ReasonCode.MODEL_MALFORMED]
        assert decision.model is None


def test_of_an_unknown_key_nothing_is_said() -> None:
    decision = decide(None, "gpt-4", Decimal(1))
    assert decision.reasons == (Reason(ReasonCode.KEY_UNKNOWN),)
    assert not decision.allowed
    said = (decision.model, decision.key, decision.user, decision.team, decision.organization)
    assert set(said) == {None}


@pytest.mark.parametrize(
    ("spend", "estimate", "allowed"),
    [("9", "1", True), ("9", "1.0000000001", False), ("10", "0", False), ("0", "10", True)],
)
def test_the_estimated_cost_must_fit(spend: str, estimate: str, allowed: bool) -> None:
    of_whole = budget(max_budget="10", spend=spend)
    of_model = budget(model_max_budget="10", model_spend=spend)
    for each in (of_whole, of_model):
        facts = GOOD._replace(budgets={TEAM: each})
        assert decide(facts, "gpt-4", Decimal(estimate)).allowed is allowed


def test_a_soft_budget_that_is_reached_warns_only() -> None:
    soft = budget(max_budget="10", soft_budget="5", spend="5")
    below = budget(max_budget="10", soft_budget="5", spend="4.9999999999")
    decision = decide(GOOD._replace(budgets={KEY: below, TEAM: soft}), "gpt-4")
    assert decision.allowed
    assert decision.soft_budgets_reached == (TEAM,)


def test_the_limits_are_the_tightest_and_those_of_the_model_stand_by_themselves() -> None:
    facts = GOOD._replace(
        budgets={
            MEMBER: budget(max_budget="5", increase="20", model_rpm_limit="7"),
            TEAM: budget(max_budget="10", tpm_limit="100", model_tpm_limit="50"),
            ORGANIZATION: budget(tpm_limit="100", max_parallel_requests="2"),
        }
    )
    decision = decide(facts, "gpt-4")
    limits, of_model = decision.effective_limits, decision.model_limits
    assert [
        limit and (limit.value, limit.level)
        for limit in (
            limits.max_budget,
            limits.tpm_limit,
            limits.rpm_limit,
            limits.max_parallel_requests,
            of_model.max_budget,
            of_model.tpm_limit,
            of_model.rpm_limit,
        )
    ] == [
        (Decimal(10), TEAM),
        (Decimal(100), TEAM),
        None,
        (Decimal(2), ORGANIZATION),
        None,
        (Decimal(50), TEAM),
        (Decimal(7), MEMBER),
    ]


def cents(most: int) -> st.SearchStrategy[Decimal]:
    return st.integers(0, 100 * most).map(lambda count: Decimal(count) / 100)


AMOUNTS = st.none() | cents(10)
SPENT = st.tuples(AMOUNTS, cents(12), cents(3), AMOUNTS, cents(12))
BUDGETS = st.dictionaries(
    st.sampled_from(LimitLevel),
    SPENT.map(
        lambda given: LevelBudget(
            "holder",
            max_budget=given[0],
            spend=given[1],
            increase=given[2],
            model_max_budget=given[3],
            model_spend=given[4],
        )
    ),
)
FACTS = st.builds(
    lambda flags, budgets, entries: GOOD._replace(
        **dict(zip(("blocked", "expired", "user_blocked", "team_blocked"), flags, strict=True)),
        budgets=budgets,
        lists={KEY: AllowList(entries)},
    ),
    st.tuples(*[st.booleans()] * 4),
    BUDGETS,
    st.sampled_from([(), ("gpt-4",), ("gpt-*",), ("claude",), ("group:all",)]),
)


@given(FACTS, cents(5))
def test_it_is_allowed_exactly_when_nothing_is_against_it(
    facts: KeyFacts, estimate: Decimal
) -> None:
    fits = all(
        maximum is None or (spend < maximum and spend + estimate <= maximum)
        for each in facts.budgets.values()
        for spend, maximum in (
            (each.spend, None if each.max_budget is None else each.max_budget + each.increase),
            (each.model_spend, each.model_max_budget),
        )
    )
    good = not (facts.blocked or facts.expired or facts.user_blocked or facts.team_blocked)
    listed = facts.lists[KEY].entries != ("claude",)
    assert decide(facts, "gpt-4", estimate).allowed is (fits and good and listed)


@given(FACTS, cents(5), cents(5))
def test_more_spend_or_a_dearer_call_is_never_allowed_sooner(
    facts: KeyFacts, less: Decimal, more: Decimal
) -> None:
    dearer = {
        level: each._replace(spend=each.spend + more) for level, each in facts.budgets.items()
    }
    before = set(decide(facts, "gpt-4", less).reasons)
    after = decide(facts._replace(budgets=dearer), "gpt-4", less + more).reasons
    assert {(r.code, r.level, r.model) for r in before} <= {
        (r.code, r.level, r.model) for r in after
    }


def test_messages_are_sentences() -> None:
    said = {
        Reason(ReasonCode.KEY_UNKNOWN): "There is no such key.",
        not_allowed(ORGANIZATION): "The organization does not allow gpt-4.",
        exhausted(MEMBER, "9.50", "10"): "The budget of the team member does not suffice: "
        "9.5 of 10 is spent.",
        exhausted(
            TEAM, "9.50", "10", "gpt-4"
        ): "The budget of the team for gpt-4 does not suffice: 9.5 of 10 is spent.",
        exhausted(TEAM, "1", "1")._replace(spend=None): "The budget of the team does not suffice.",
    }
    assert {reason: reason.message for reason in said} == said
