"""Inputs as plain data: what was not given is left out, null is None, values are themselves."""

from dataclasses import fields, is_dataclass
from typing import Any

from strawberry import UNSET, Some


def given(value: Any, *without: str) -> Any:
    """An input object as a dict of what it gives, without the named fields; other values as such.

    A `Maybe` field that was absent is left out, and an argument that was absent is None.
    """
    match value:
        case None | str() | bool() | int():
            return value
        case Some():
            return given(value.value)
        case list():
            return [given(item) for item in value]
        case _ if value is UNSET:
            return None
        case _ if is_dataclass(value) and not isinstance(value, type):
            attributes = ((field.name, getattr(value, field.name)) for field in fields(value))
            return {
                name: given(attribute)
                for name, attribute in attributes
                if attribute is not None and attribute is not UNSET and name not in without
            }
        case _:
            return value
