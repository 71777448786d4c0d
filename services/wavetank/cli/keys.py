"""`wavetank keys`: who may do what.

It exists so that a bot is given its own key rather than the administrator's. Kept true: a secret is shown once, when
it is made; the venue itself keeps only its hash.
"""

from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.table import Table

from wavetank.cli.connection import VenueConnection
from wavetank.cli.options import DIRECTORY, AsJson, Directory
from wavetank.cli.run_directory import RunDirectory
from wavetank.cli.screen import print_json, results
from wavetank.v1 import api_key_pb2

app = typer.Typer(add_completion=False, no_args_is_help=True)


class Scope(StrEnum):
    """What a key allows."""

    READ = "read"
    TRADE = "trade"
    ADMIN = "admin"


@app.callback()
def keys() -> None:
    """Make, list and revoke API keys.

    Examples:
      wavetank keys create --account 1000 --scope trade --scope read
      wavetank keys list
      wavetank keys revoke KEY_ID
    """


@app.command("create")
def create_key(
    scopes: Annotated[list[Scope], typer.Option("--scope", help="What it allows; again for more.")],
    account: Annotated[int, typer.Option(help="Account it acts for; 0 only with scope admin.")] = 0,
    directory: Directory = DIRECTORY,
    as_json: AsJson = False,
) -> None:
    """Make a key and show its secret, once.

    Examples:
      wavetank keys create --account 1000 --scope trade --scope read
      wavetank keys create --scope admin --json
    """
    if not account and Scope.ADMIN not in scopes:
        raise typer.BadParameter("a key without scope admin acts for one account", param_hint="--account")
    with VenueConnection(RunDirectory(directory).running()) as connection:
        request = api_key_pb2.CreateApiKeyRequest(
            account_id=account, scopes=[api_key_pb2.Scope.Value(f"SCOPE_{scope.name}") for scope in scopes]
        )
        answer = connection.call(connection.keys.CreateApiKey, request)
    if as_json:
        print_json(key_document(answer.api_key) | {"secret_key": answer.secret_key})
        return
    results().print(f"[green]made[/] key {answer.api_key.key_id}; this is the only time it is shown:")
    # A line of its own, unbroken, so that it can be copied whole.
    typer.echo(answer.secret_key)


@app.command("list")
def list_keys(
    account: Annotated[int, typer.Option(help="One account's; 0 for all.")] = 0,
    directory: Directory = DIRECTORY,
    as_json: AsJson = False,
) -> None:
    """Show the keys by their public part.

    Examples:
      wavetank keys list --account 1000
    """
    with VenueConnection(RunDirectory(directory).running()) as connection:
        request = api_key_pb2.ListApiKeysRequest(account_id=account)
        found = connection.call(connection.keys.ListApiKeys, request).api_keys
    if as_json:
        print_json([key_document(key) for key in found])
        return
    table = Table("key", "account", "scopes")
    for key in found:
        told = key_document(key)
        table.add_row(told["key_id"], str(told["account_id"] or "all"), " ".join(told["scopes"]))
    results().print(table)


@app.command("revoke")
def revoke_key(
    key_id: Annotated[str, typer.Argument(help="The part before the dot.")],
    directory: Directory = DIRECTORY,
    as_json: AsJson = False,
) -> None:
    """End a key at once.

    Examples:
      wavetank keys revoke k3f9a1
    """
    # Whoever pastes the whole key means its public part.
    public = key_id.partition(".")[0]
    with VenueConnection(RunDirectory(directory).running()) as connection:
        connection.call(connection.keys.RevokeApiKey, api_key_pb2.RevokeApiKeyRequest(key_id=public))
    if as_json:
        print_json({"revoked": public})
    else:
        results().print(f"[green]revoked[/] key {public}")


def key_document(key: api_key_pb2.ApiKey) -> dict[str, Any]:
    """Return a key for JSON, without its secret."""
    scopes = [api_key_pb2.Scope.Name(scope).removeprefix("SCOPE_").lower() for scope in key.scopes]
    return {"key_id": key.key_id, "account_id": key.account_id, "scopes": scopes}
