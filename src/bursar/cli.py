"""The command line: each command reads its arguments and leaves the work to an operation."""

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from bursar import __version__
from bursar.environment import BadSettings, described, load, shown, told
from bursar.settings import Settings, variable

_FAILED = 1
_MISUSED = 2


class _Commands(TyperGroup):
    """Tells in one line on stderr what an operator can mend; only a fault of Bursar is a traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except BadSettings as error:
            typer.echo(f"bursar: {error}", err=True)
            raise typer.Exit(_MISUSED) from None
        except BrokenPipeError:
            raise  # Who read what is printed has gone, as `head` does: Typer ends without a word.
        except Exception as error:
            from bursar.operations.failure import reason_of

            if (reason := reason_of(error)) is None:
                raise
            typer.echo(f"bursar: {reason}", err=True)
            raise typer.Exit(_FAILED) from None


app = typer.Typer(
    cls=_Commands,
    help="The system of record for the teams, members, keys and budgets of an LLM gateway.",
    epilog="Settings come from the environment:\n\n" + described(),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
migrate_app = typer.Typer(help="Bring the database's schema to this version's, or back.")
schema_app = typer.Typer(help="The GraphQL schema.", no_args_is_help=True)
admin_key_app = typer.Typer(help="The first admin's API keys.", no_args_is_help=True)
audit_app = typer.Typer(help="The chains of the audit's entries.", no_args_is_help=True)
app.add_typer(migrate_app, name="migrate")
app.add_typer(schema_app, name="schema")
app.add_typer(admin_key_app, name="admin-key")
app.add_typer(audit_app, name="audit")


def _counted(problems: int) -> str:
    return "1 problem" if problems == 1 else f"{problems:,} problems"


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Instead of BURSAR_HOST.")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Instead of BURSAR_PORT.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, max=64, help="Instead of BURSAR_WORKERS.")
    ] = None,
) -> None:
    """Serve the API until Ctrl-C; without DATABASE_URL on an embedded PostgreSQL."""
    options = {"host": host, "port": port, "workers": workers}
    settings = load(**{name: value for name, value in options.items() if value is not None})
    from bursar.operations import collector
    from bursar.operations.nursery import nursed

    collector.off()
    with nursed(settings.workers) as nursery:
        from bursar.operations.serve import serve

        serve(settings, nursery)


@migrate_app.callback(invoke_without_command=True)
def migrate(
    ctx: typer.Context,
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; exit with 1 unless at head.")
    ] = False,
) -> None:
    """Bring the schema to this version's (head), back (down), or say where it is (status)."""
    if check and not _status():
        raise typer.Exit(_FAILED)
    if ctx.invoked_subcommand is None and not check:
        migrate_head()


@migrate_app.command("head")
def migrate_head() -> None:
    """Apply all that is pending; safe from several replicas at once."""
    from bursar.operations.migrate import head

    before = head(load())
    typer.echo(f"at {before.head}, {len(before.pending)} applied")


@migrate_app.command("down")
def migrate_down(
    revision: Annotated[str, typer.Argument(help="Where to; `base` for no table at all.")] = "-1",
) -> None:
    """Go back by one revision, or to the one named, and lose the data that it cannot hold."""
    from bursar.operations.migrate import down

    typer.echo(f"at {down(load(), revision).current or 'base'}")


@migrate_app.command("status")
def migrate_status() -> None:
    """Say where the database is, and what is pending."""
    _status()


@schema_app.command("print")
def schema_print() -> None:
    """Print the schema in GraphQL's definition language."""
    from bursar.graphql.schema import schema

    typer.echo(schema.as_str())


@app.command()
def documents(
    folder: Annotated[Path, typer.Argument(help="Every .graphql file below it is a document.")],
) -> None:
    """Print a manifest of a folder's documents for BURSAR_TRUSTED_DOCUMENTS_FILE, all checked."""
    from bursar.operations.trusted import manifest

    typer.echo(manifest(load(), folder))


@app.command()
def seed(
    organizations: Annotated[int, typer.Option(min=1)] = 20,
    teams: Annotated[int, typer.Option(min=1)] = 200,
    users: Annotated[int, typer.Option(min=1)] = 2000,
    members_per_team: Annotated[int, typer.Option(min=1)] = 10,
    keys_per_team: Annotated[
        int, typer.Option(min=0, help="Of members and services; nobody has their secrets.")
    ] = 5,
    days: Annotated[
        int, typer.Option(min=0, max=3660, help="How many days until now keys were used in.")
    ] = 30,
    events_per_day: Annotated[
        int, typer.Option(min=0, help="How many calls they made on each.")
    ] = 1000,
    seed: Annotated[int, typer.Option(help="The same number makes the same data.")] = 0,
) -> None:
    """Load realistic data beside what is there, for demos and benchmarks."""
    from bursar.operations.seed.command import run

    rows = run(
        load(),
        organizations=organizations,
        teams=teams,
        users=users,
        members_per_team=members_per_team,
        keys_per_team=keys_per_team,
        days=days,
        events_per_day=events_per_day,
        seed=seed,
    )
    for table, count in rows.items():
        typer.echo(f"{count:>9,} {table}")


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(help="Where to; a file that is there is replaced.")],
) -> None:
    """Dump the embedded database into a file of SQL, while the server runs or not."""
    from bursar.operations.backup import backup

    settings = load()
    size = backup(settings, file)
    typer.echo(f"{size:,} bytes in {file}")
    place = variable("pepper") if settings.pepper else settings.data_dir / "pepper"
    typer.echo(f"The pepper is not among them, and no key is known without it: keep {place} too.")


@app.command()
def restore(file: Annotated[Path, typer.Argument(help="What `bursar backup` wrote.")]) -> None:
    """Load a dump into an embedded database that has no data yet; no server may run on it."""
    from bursar.operations.backup import restore

    settings = load()
    pepper_is_new = restore(settings, file)
    typer.echo(f"{file} is restored into {settings.data_dir}")
    if pepper_is_new:
        place = settings.data_dir / "pepper"
        typer.echo(f"Its keys are unknown until {place} is the pepper that they were hashed with.")


@app.command()
def doctor(
    json: Annotated[
        bool, typer.Option("--json", help="Print all checks and what they found as JSON.")
    ] = False,
) -> None:
    """Check that what must always be true is; name each row that breaks it, and exit with 1."""
    from bursar.operations.doctor import examine

    report = examine(load())
    if json:
        import orjson

        typer.echo(orjson.dumps(report.as_json(), option=orjson.OPT_INDENT_2))
    else:
        for found in report.violations:
            typer.echo(f"{found.table} {found.id}: {found.problem} [{found.check}]")
        for sentence in report.advice:
            typer.echo(f"advice: {sentence}")
        found_any = _counted(len(report.violations)) if report.violations else "all is well"
        rows = sum(report.checked.values())
        typer.echo(f"{len(report.checked)} checks of {rows:,} rows: {found_any}")
    if report.violations:
        raise typer.Exit(_FAILED)


@app.command()
def upkeep() -> None:
    """Make the months to come, drop those that are not kept, purge; a server does it once a day."""
    from bursar.operations.upkeep import run

    done = run(load())
    if done.made is None:
        owner = variable("owner_database_url")
        typer.echo(f"without {owner} no month is made or dropped, as the tables are another's")
    for name in done.made or []:
        typer.echo(f"{name} is made")
    for name in done.dropped:
        typer.echo(f"{name} is dropped")
    for table, rows in done.purged.items():
        typer.echo(f"{rows:>9,} {table} purged")


@audit_app.command("verify")
def audit_verify(
    anchors: Annotated[
        Path | None, typer.Option("--heads", help="What `bursar audit heads` printed earlier.")
    ] = None,
) -> None:
    """Read all entries; name each that was changed, moved or is gone, and exit with 1."""
    from bursar.operations.audit_chains import anchors_in, verify

    kept = anchors_in(anchors) if anchors else []
    done = verify(load(), kept, typer.echo)
    found_any = _counted(done.problems) if done.problems else "all is as it was written"
    typer.echo(f"{done.entries:,} entries in {done.chains:,} chains: {found_any}")
    if done.problems:
        raise typer.Exit(_FAILED)


@audit_app.command("heads")
def audit_heads() -> None:
    """Print the last entry of each chain as a line of JSON, to be kept where nobody rewrites it."""
    from bursar.operations.audit_chains import heads, line_of

    for head in heads(load()):
        typer.echo(line_of(head))


@admin_key_app.command("new")
def admin_key_new() -> None:
    """Print a new key of the first admin; it is shown only now."""
    from bursar.operations.admin_key import new

    typer.echo(new(load()))


@app.command()
def config() -> None:
    """Show every setting with its value and where that comes from; secrets are masked."""
    settings = load()
    for name in told():
        source = "environment" if name in settings.model_fields_set else "default"
        setting = typer.style(variable(name), bold=True)
        typer.echo(f"{setting} = {shown(settings, name)} ({source})")
        typer.echo(f"    {Settings.model_fields[name].description}")


@app.command()
def version() -> None:
    """Print the version of Bursar."""
    typer.echo(__version__)


def _status() -> bool:
    """Print where the database is; whether that is where this version wants it."""
    from bursar.operations.migrate import status

    now = status(load())
    typer.echo(f"at {now.current or 'base'}, head is {now.head}")
    for revision in now.pending:
        typer.echo(f"pending: {revision}")
    return not now.pending
