"""SQLite whose relative file names lie under a home, for Feast's SQL registry."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import URL
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine.interfaces import ConnectArgsType

from feature_repo.home import home
from feature_repo.registry_paths import relocate_sources


class HomeSQLiteDialect(SQLiteDialect_pysqlite):
    """`sqlite+home:///registry.db`, under `home()` unless the address names another: `?home=/srv/tidemark`."""

    supports_statement_cache = True

    def create_connect_args(self, url: URL) -> ConnectArgsType:
        """Place the file under the home, make its folder, and let what it names lie there too."""
        if not url.database:
            raise ValueError(f"expected a file name, as in sqlite+home:///registry.db, found {url}")
        named = url.query.get("home")
        folder = Path(str(named)) if named else home()
        file = folder / Path(url.database)
        file.parent.mkdir(parents=True, exist_ok=True)
        relocate_sources(file, folder)
        return super().create_connect_args(url.set(database=str(file)).difference_update_query(["home"]))
