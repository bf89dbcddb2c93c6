"""Keys open what they say for as long as they say, are shown once, and end in every process at once."""

import sqlite3
import stat
import string
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from commonspace.core.errors import Conflict, NotFound, Unauthenticated, UsageError
from commonspace.serve.access import Caller, Scope, Wish
from commonspace.serve.groups import Rates, Server
from commonspace.serve.keys import Keyring, check_keys_exist
from commonspace.serve.secret import KEY_PATTERN, Secret

DAY = 86_400.0


class Clock:
    """A time of day that a test moves."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keyring(tmp_path: Path, clock: Clock) -> Iterator[Keyring]:
    keyring = Keyring.open(tmp_path, clock=clock)
    yield keyring
    keyring.close()


def refusal(keyring: Keyring, text: str) -> str:
    """Why a key is refused."""
    with pytest.raises(Unauthenticated) as caught:
        keyring.caller(text)
    return caught.value.cause


def with_check(body: str) -> str:
    """A key's text with its last part: CRC-32 in base62, most significant digit first."""
    digits, number = string.digits + string.ascii_uppercase + string.ascii_lowercase, zlib.crc32(body.encode())
    return f"{body}_{''.join(digits[number // 62**place % 62] for place in reversed(range(6)))}"


def test_a_key_has_a_public_id_256_random_bits_and_a_checksum() -> None:
    secrets = [Secret.new() for _ in range(200)]

    assert all(KEY_PATTERN.fullmatch(each.text) and each.text.split("_")[1] == each.key_id for each in secrets)
    assert len({each.text for each in secrets}) == 200
    assert 62**43 > 2**256


def test_a_mistyped_key_is_noticed_without_looking_it_up() -> None:
    text = Secret.new().text

    wrong = [text[:place] + ("a" if text[place] != "a" else "b") + text[place + 1 :] for place in range(3, len(text))]
    assert [each for each in wrong if Secret.read(each) is not None] == []
    assert Secret.read(text) is not None


def test_a_key_opens_what_was_asked_for(keyring: Keyring) -> None:
    rates = Rates(compute_milliseconds=500.0, burst_seconds=2.0)
    issued = keyring.create(Wish(tenant="acme", scopes=frozenset({Scope.EMBED}), rates=rates))

    assert keyring.caller(issued.secret.text) == Caller(
        tenant="acme", key_id=issued.key.id, scopes=frozenset({Scope.EMBED}), rates=rates, line=issued.key.id
    )


def test_the_files_hold_no_usable_key_and_are_their_owners_alone(keyring: Keyring, tmp_path: Path) -> None:
    issued = keyring.create(Wish())
    _, _, random, check = issued.secret.text.split("_")
    keyring.caller(issued.secret.text)

    contents = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert issued.key.id.encode() in contents
    assert not any(each.encode() in contents for each in (issued.secret.text, random, check))
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}


def test_a_secret_shows_itself_in_no_repr(keyring: Keyring) -> None:
    issued = keyring.create(Wish())

    assert issued.secret.text not in f"{issued!r} {issued.secret!r} {issued.key!r}"


def test_files_that_others_could_read_are_closed_to_them(tmp_path: Path) -> None:
    Keyring.open(tmp_path).close()
    for name in ("keys.db", "keys.pepper"):
        (tmp_path / name).chmod(0o644)

    Keyring.open(tmp_path).close()

    assert {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("keys.db", "keys.pepper")} == {0o600}


def test_stolen_hashes_are_worth_nothing_without_the_pepper(keyring: Keyring, tmp_path: Path) -> None:
    issued = keyring.create(Wish())
    with sqlite3.connect(tmp_path / "keys.db") as database:
        (digest,) = database.execute("SELECT digest FROM keys").fetchone()
    database.close()

    assert digest == issued.secret.digest((tmp_path / "keys.pepper").read_bytes())
    assert digest != issued.secret.digest(bytes(32))


def test_keys_without_their_pepper_are_an_error_not_a_new_pepper(tmp_path: Path) -> None:
    keyring = Keyring.open(tmp_path)
    keyring.create(Wish())
    keyring.close()
    (tmp_path / "keys.pepper").unlink()

    with pytest.raises(UsageError, match=r"not keys\.pepper"):
        Keyring.open(tmp_path)


def test_a_wrong_secret_behind_a_right_id_is_unknown(keyring: Keyring) -> None:
    issued = keyring.create(Wish())
    other = Secret.new()
    forged = with_check(f"cs_{issued.key.id}_{other.text.split('_')[2]}")

    assert Secret.read(forged) is not None
    assert refusal(keyring, forged) == "The key is unknown."
    assert refusal(keyring, other.text) == "The key is unknown."
    assert refusal(keyring, "sk-something-else") == "This is not a key of this service."


def test_a_key_expires_after_90_days_if_nothing_is_said(keyring: Keyring, clock: Clock) -> None:
    text = keyring.create(Wish()).secret.text

    clock.now += 90 * DAY - 1
    assert keyring.caller(text).tenant == "local"
    clock.now += 1
    assert refusal(keyring, text) == "The key is expired."


def test_a_key_may_last_for_ever(keyring: Keyring, clock: Clock) -> None:
    text = keyring.create(Wish(seconds=None)).secret.text

    clock.now += 10_000 * DAY
    assert keyring.caller(text).key_id


def test_revoking_ends_a_key_at_once(keyring: Keyring) -> None:
    issued = keyring.create(Wish())
    assert keyring.caller(issued.secret.text)

    keyring.revoke(issued.key.id)

    assert refusal(keyring, issued.secret.text) == "The key is revoked."
    assert keyring.revoke(issued.key.id).revoked is not None


def test_what_another_process_revokes_is_refused_by_the_next_request(keyring: Keyring, tmp_path: Path) -> None:
    issued = keyring.create(Wish(seconds=None))
    assert keyring.caller(issued.secret.text)

    code = (
        "import sys; from pathlib import Path; from commonspace.serve.keys import Keyring; "
        "Keyring.open(Path(sys.argv[1])).revoke(sys.argv[2])"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path), issued.key.id], check=True, timeout=60)

    assert refusal(keyring, issued.secret.text) == "The key is revoked."


def test_rotating_gives_a_like_key_and_lets_the_old_one_run_out(keyring: Keyring, clock: Clock) -> None:
    old = keyring.create(Wish(name="app", tenant="acme", scopes=frozenset({Scope.SEARCH})))
    clock.now += 80 * DAY

    new = keyring.rotate(old.key.id, grace_seconds=DAY)

    before, after = keyring.caller(old.secret.text), keyring.caller(new.secret.text)
    assert (before.tenant, before.scopes, before.line) == (after.tenant, after.scopes, after.line)
    assert (new.key.replaces, new.key.expires) == (old.key.id, clock.now + 90 * DAY)
    clock.now += DAY
    assert refusal(keyring, old.secret.text) == "The key is expired."
    assert keyring.caller(new.secret.text)


def test_grace_never_makes_a_key_live_longer(keyring: Keyring, clock: Clock) -> None:
    old = keyring.create(Wish(seconds=10.0))
    keyring.rotate(old.key.id, grace_seconds=DAY)

    clock.now += 10
    assert refusal(keyring, old.secret.text) == "The key is expired."


def test_only_an_active_key_is_rotated_and_only_once(keyring: Keyring) -> None:
    once, gone = keyring.create(Wish()), keyring.create(Wish())
    keyring.rotate(once.key.id, grace_seconds=DAY)
    keyring.revoke(gone.key.id)

    with pytest.raises(Conflict, match="rotated before"):
        keyring.rotate(once.key.id, grace_seconds=DAY)
    with pytest.raises(Conflict, match="is revoked"):
        keyring.rotate(gone.key.id, grace_seconds=DAY)
    with pytest.raises(NotFound):
        keyring.rotate("nothere0", grace_seconds=DAY)
    assert len(keyring.keys()) == 3


def test_last_use_is_written_at_most_once_a_minute(keyring: Keyring, clock: Clock, tmp_path: Path) -> None:
    issued = keyring.create(Wish())
    other = Keyring.open(tmp_path, clock=clock)

    def seen() -> float | None:
        return other.keys()[0].last_used

    assert seen() is None
    keyring.caller(issued.secret.text)
    assert seen() == clock.now
    clock.now += 59
    keyring.caller(issued.secret.text)
    assert seen() == clock.now - 59
    clock.now += 1
    keyring.caller(issued.secret.text)
    assert seen() == clock.now
    other.close()


def test_a_busy_file_keeps_nobody_out(keyring: Keyring, tmp_path: Path) -> None:
    issued = keyring.create(Wish())
    writer = sqlite3.connect(tmp_path / "keys.db", isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")

    assert keyring.caller(issued.secret.text).key_id == issued.key.id

    writer.execute("ROLLBACK")
    writer.close()
    assert keyring.keys()[0].last_used is None


def test_listening_beyond_loopback_without_any_valid_key_stops_the_start(keyring: Keyring) -> None:
    beyond = Server(host="192.168.1.5")
    check_keys_exist(Server(), keyring)
    with pytest.raises(UsageError, match="commonspace keys create"):
        check_keys_exist(beyond, keyring)
    issued = keyring.create(Wish())
    check_keys_exist(beyond, keyring)
    keyring.revoke(issued.key.id)
    with pytest.raises(UsageError, match="no valid key"):
        check_keys_exist(beyond, keyring)


def test_a_folder_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    (tmp_path / "keys.db").mkdir()

    with pytest.raises(UsageError, match="cannot be used"):
        Keyring.open(tmp_path)


def test_a_damaged_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "keys.db").write_bytes(b"no database, but long enough to be looked at" * 50)

    with pytest.raises(UsageError, match="cannot be used"):
        Keyring.open(tmp_path)
