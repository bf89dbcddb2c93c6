"""What networked stores refuse, and that no message shows a secret."""

from pathlib import Path

import pytest

from commonspace.core.errors import MissingExtra, StoreError, UsageError
from commonspace.index.remote.line import library
from commonspace.index.remote.postgres import PostgresTable
from commonspace.index.remote.table import Place
from tests.e2e.remote_grounds import QUIET, ground_of
from tests.unit.index.making import DIMENSION

pytestmark = QUIET


def test_a_missing_library_says_what_to_install() -> None:
    with pytest.raises(MissingExtra) as caught:
        library("there_is_no_such_library", "milvus")

    assert caught.value.fix == "pip install 'commonspace[milvus]'"


def test_a_wrong_password_is_told_without_it() -> None:
    import psycopg

    with ground_of("postgres") as ground:
        with psycopg.connect(ground.url, autocommit=True) as connection:
            connection.execute("CREATE ROLE guest LOGIN PASSWORD 'right-word'")
            (rules,) = connection.execute("SHOW hba_file").fetchone() or ("",)
            kept = Path(rules).read_text("utf-8")
            Path(rules).write_text(f"local all guest scram-sha-256\n{kept}", "utf-8")
            connection.execute("SELECT pg_reload_conf()")
        url, wrong = ground.url.replace("postgres@", "guest@"), "wrong-word"
        table = PostgresTable(DIMENSION, Place(url=url, secret=wrong))
        with pytest.raises(StoreError, match="refuses these credentials") as caught:
            table.attach("0123456789abcdef")

    assert wrong not in str(caught.value)
    assert "index.secret_file" in caught.value.fix


@pytest.mark.parametrize("url", ["postgresql://me:secret-word@localhost/rows", "http://:secret-word@localhost:19530"])
def test_a_password_in_a_url_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        PostgresTable(DIMENSION, Place(url=url))

    assert "secret-word" not in str(caught.value)


def test_a_collection_is_named_so_that_every_store_takes_it() -> None:
    with pytest.raises(UsageError, match="no name that every store takes"):
        Place(url="folder", collection='x"; DROP TABLE items; --')
