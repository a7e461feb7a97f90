"""Postgres, the truth: the only home of SQLAlchemy and of SQL.

`tables/` says what the tables are, `migrations/` makes them, `engine` connects. Everything else here is named queries,
one module a noun, each taking an open `Connection`: who calls decides where a transaction begins and ends.
"""
