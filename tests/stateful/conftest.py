"""The machine and the model assert like tests, and say as much."""

import pytest

pytest.register_assert_rewrite("stateful")
