"""Feast plugins.

Feast imports this package when it reads the online store's type in feature_store.yaml, before it opens the
registry. That makes `sqlite+home:///registry.db` a file under `home()` for the `feast` command and for Python
alike: the yaml knows no defaults for environment variables, and SQLite counts a relative path from the working
directory.
"""

from sqlalchemy.dialects import registry

registry.register("sqlite.home", "feature_repo.stores.registry", "HomeSQLiteDialect")
