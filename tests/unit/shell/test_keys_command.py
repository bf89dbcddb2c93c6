"""``commonspace keys``: a secret is printed once, and what the commands say is what the service will do."""

import json
import re
from pathlib import Path

import pytest

from commonspace.core.errors import Unauthenticated
from commonspace.serve.access import Caller, Scope
from commonspace.serve.groups import Rates
from commonspace.serve.keys import Keyring
from commonspace.shell.cli.keys import seconds_of
from tests.unit.shell.conftest import Run

KEY = re.compile(r"cs_[0-9A-Za-z]{8}_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}")


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state" / "commonspace"


def caller(state: Path, secret: str) -> Caller:
    """Who asks with a key, as a server would see it."""
    keyring = Keyring.open(state)
    try:
        return keyring.caller(secret)
    finally:
        keyring.close()


def created(run: Run, *arguments: str) -> tuple[str, str]:
    """The id and the secret of a new key."""
    document = json.loads(run("keys", "create", *arguments, "--json").stdout)
    return document["key"]["id"], document["secret"]


def test_stdout_is_the_secret_alone(run: Run, state: Path) -> None:
    result = run("keys", "create", "my app", "--tenant", "acme", "--scope", "embed")

    assert (result.exit_code, bool(KEY.fullmatch(result.stdout.strip()))) == (0, True)
    assert "tenant acme: embed" in result.stderr
    opened = caller(state, result.stdout.strip())
    assert (opened.tenant, opened.scopes, opened.rates) == ("acme", frozenset({Scope.EMBED}), None)


def test_the_secret_is_never_shown_again(run: Run) -> None:
    key_id, secret = created(run)

    for command in (["list"], ["list", "--json"], ["revoke", key_id, "--json"]):
        result = run("keys", *command)
        assert key_id in result.stdout
        assert not KEY.search(result.output)
        assert secret.split("_")[2] not in result.output


def test_a_key_has_the_usual_scopes_and_90_days(run: Run) -> None:
    key = json.loads(run("keys", "create", "--json").stdout)["key"]

    assert (key["tenant"], key["scopes"], key["state"]) == ("local", ["embed", "index", "search"], "active")
    assert key["expires"] > key["created"]
    assert (key["last_used"], key["revoked"], key["compute_milliseconds"]) == (None, None, None)


def test_a_key_may_never_expire_and_have_a_rate_of_its_own(run: Run, state: Path) -> None:
    _, secret = created(run, "--expires", "never", "--rate", "500", "--burst", "4")

    assert caller(state, secret).rates == Rates(compute_milliseconds=500.0, burst_seconds=4.0)
    assert "never" in run("keys", "list").stdout


def test_revoked_keys_open_nothing(run: Run, state: Path) -> None:
    key_id, secret = created(run)

    result = run("keys", "revoke", key_id)

    assert (result.exit_code, result.stdout) == (0, f"The key {key_id} is revoked.\n")
    with pytest.raises(Unauthenticated):
        caller(state, secret)


def test_rotating_prints_the_new_key_and_the_old_one_ends_without_grace(run: Run, state: Path) -> None:
    key_id, secret = created(run, "--tenant", "acme")

    new = run("keys", "rotate", key_id, "--grace", "0s").stdout.strip()

    assert caller(state, new).tenant == "acme"
    with pytest.raises(Unauthenticated):
        caller(state, secret)


def test_without_keys_the_list_says_how_to_make_one(run: Run) -> None:
    assert "commonspace keys create" in run("keys", "list").stdout
    assert json.loads(run("keys", "list", "--json").stdout) == {"keys": []}


@pytest.mark.parametrize(
    "arguments",
    [
        ["create", "--scope", "everything"],
        ["create", "--tenant", "A B"],
        ["create", "--expires", "soon"],
        ["create", "--expires", "0d"],
        ["create", "--burst", "3"],
        ["create", "--rate", "0"],
        ["revoke", "nothere0"],
        ["rotate", "nothere0"],
        ["rotate", "nothere0", "--grace", "-1d"],
    ],
    ids=" ".join,
)
def test_what_makes_no_sense_is_told_with_a_fix(arguments: list[str], run: Run) -> None:
    result = run("keys", *arguments)

    assert result.exit_code in {1, 2}
    assert "fix: " in result.stderr or result.exit_code == 2


def test_the_state_folder_is_where_the_settings_say(run: Run, tmp_path: Path) -> None:
    run("keys", "create", "--set", f"server.state_folder={tmp_path / 'other'}")

    assert (tmp_path / "other" / "keys.db").is_file()


@pytest.mark.parametrize(
    ("text", "seconds"), [("90d", 7_776_000.0), ("12h", 43_200.0), ("1.5m", 90.0), ("0s", 0.0), ("1w", 604_800.0)]
)
def test_times_are_a_number_and_a_unit(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds
