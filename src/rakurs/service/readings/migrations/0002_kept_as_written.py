"""Reviews and the audit are kept as they were written: the database itself refuses to change a row of theirs."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import migrations

TABLES = ("readings_review", "readings_auditrow")

FUNCTION = """
CREATE FUNCTION readings_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'rows of this table are kept as they were written'; END $$
"""
POSTGRESQL = """
CREATE TRIGGER {table}_kept BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION readings_refuse_change()
"""
SQLITE = """
CREATE TRIGGER {table}_kept BEFORE UPDATE ON {table}
BEGIN SELECT RAISE(ABORT, 'rows of this table are kept as they were written'); END
"""


def add_triggers(apps: Any, schema_editor: Any) -> None:
    """A trigger per table."""
    on_postgresql = schema_editor.connection.vendor == "postgresql"
    if on_postgresql:
        schema_editor.execute(FUNCTION)
    for table in TABLES:
        schema_editor.execute((POSTGRESQL if on_postgresql else SQLITE).format(table=table))


def drop_triggers(apps: Any, schema_editor: Any) -> None:
    """As it was."""
    on_postgresql = schema_editor.connection.vendor == "postgresql"
    for table in TABLES:
        schema_editor.execute(f"DROP TRIGGER {table}_kept" + (f" ON {table}" if on_postgresql else ""))
    if on_postgresql:
        schema_editor.execute("DROP FUNCTION readings_refuse_change")


class Migration(migrations.Migration):
    """Triggers, in the words of either database."""

    dependencies: ClassVar = [("readings", "0001_initial")]
    operations: ClassVar = [migrations.RunPython(add_triggers, drop_triggers)]
