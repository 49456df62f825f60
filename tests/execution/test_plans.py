"""Plans: what has one, what has none and why, and how often one is made."""

from collections.abc import Callable

import pytest
from graphql import FieldNode, NameNode, is_object_type

from api_client import Api
from bursar.graphql.execution import plans
from bursar.graphql.execution.sources import source_of
from bursar.graphql.schema import schema
from factories import Factory

SCHEMA = schema._schema  # noqa: SLF001 (as in execution.request)
