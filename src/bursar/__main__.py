"""`python -m bursar`: the command line."""

from bursar.cli import app

app(prog_name="bursar")
