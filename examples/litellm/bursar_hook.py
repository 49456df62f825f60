"""A LiteLLM proxy asks Bursar about each call and reports what it cost; config.yaml names both."""

import asyncio
import logging
import os
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

import httpx
from fastapi import Request
from litellm.integrations.custom_logger import CustomLogger
from litellm.proxy._types import ProxyException, UserAPIKeyAuth
from litellm.proxy.auth.auth_utils import get_model_from_request
from litellm.proxy.common_utils.http_parsing_utils import _read_request_body

log = logging.getLogger("bursar")
ATTEMPTS = 6
PLACES = Decimal("1e-10")  # LiteLLM counts in floats; Bursar keeps so many places
OTHER_MODELS = {"fallbacks", "context_window_fallbacks", "content_policy_fallbacks"}
bursar = httpx.AsyncClient(
    base_url=os.environ["BURSAR_URL"],
    headers={"Authorization": f"Bearer {os.environ['BURSAR_GATEWAY_KEY']}"},
    timeout=5,
)


async def user_api_key_auth(request: Request, api_key: str) -> UserAPIKeyAuth:
    """Who calls, if they may. Without a decision nobody may; nor may a call that names two models."""
    model = get_model_from_request(await _read_request_body(request), request.url.path)
    asked = {"key": api_key, "model": model if isinstance(model, str) else ""}
    try:
        decision = (await bursar.post("/authorize", json=asked)).raise_for_status().json()
    except httpx.HTTPError as error:
        raise ProxyException("no decision", "unavailable", None, 503) from error
    if not decision["allowed"]:
        codes = ", ".join(reason["code"] for reason in decision["reasons"])
        raise ProxyException(codes, "permission_denied", None, 403)
    limits = {
        name: limit and int(Decimal(limit["value"]))
        for name, limit in decision["effectiveLimits"].items()
    }
    return UserAPIKeyAuth(
        api_key=decision["key"]["id"],  # LiteLLM logs it, hence not the secret
        tpm_limit=limits["tpmLimit"],
        rpm_limit=limits["rpmLimit"],
        max_parallel_requests=limits["maxParallelRequests"],
        # Not LiteLLM's id of the call, which a client may choose.
        metadata={"model": decision["model"], "request_id": str(uuid4())},
    )


class Bursar(CustomLogger):
    """Has the model called that was decided about, and reports it when it was."""

    async def async_pre_call_hook(
        self, user_api_key_dict: UserAPIKeyAuth, cache: Any, data: dict[str, Any], call_type: str
    ) -> dict[str, Any]:
        call = {name: value for name, value in data.items() if name not in OTHER_MODELS}
        return call | {"model": user_api_key_dict.metadata["model"]}

    async def async_log_success_event(
        self, kwargs: dict[str, Any], response_obj: Any, start_time: Any, end_time: Any
    ) -> None:
        call = kwargs["standard_logging_object"]
        cost = Decimal(repr(call["response_cost"])).quantize(PLACES)
        event = {
            "requestId": call["metadata"]["user_api_key_auth_metadata"]["request_id"],
            "keyId": call["metadata"]["user_api_key_hash"],
            "model": call["model_group"],
            "provider": call["custom_llm_provider"],
            "at": datetime.fromtimestamp(call["endTime"], UTC).isoformat(),
            "promptTokens": call["prompt_tokens"],
            "completionTokens": call["completion_tokens"],
            "cost": f"{cost:f}",
            "endpoint": call["call_type"],
        }
        for attempt in range(ATTEMPTS):  # the same id counts once, however often it arrives
            try:
                answer = (await bursar.post("/usage", json={"events": [event]})).raise_for_status()
            except httpx.HTTPError:
                await asyncio.sleep(2**attempt)
                continue
            (result,) = answer.json()["results"]
            if result["status"] not in {"RECORDED", "DUPLICATE"}:
                log.error("not recorded: %s, %s", result, event)
            return
        log.error("not reported: %s", event)


reports = Bursar()
