"""How features come from raw facts: pure functions from Ibis tables to Ibis tables, one module a view.

They compile to every Ibis backend; the session's time zone must be UTC, which is Ibis' own default on DuckDB.
"""
