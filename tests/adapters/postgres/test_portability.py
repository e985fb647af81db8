"""What the adapter sends must be understood by CockroachDB and YugabyteDB too."""

import re
from pathlib import Path

import pytest

import atmos_ai_sidecar.adapters.postgres as adapter

MODULES = sorted(Path(adapter.__file__).parent.glob("*.py"))
NOT_PORTABLE = re.compile(
    r"\b(?:CREATE (?:EXTENSION|FUNCTION|TRIGGER|RULE|TYPE)|pg_advisory|LISTEN|NOTIFY|LOCK TABLE|EXCLUDE|"
    r"TSVECTOR|ILIKE|DO \$\$|SKIP LOCKED|DEFERRABLE|TABLESAMPLE|XML|INHERITS|UNLOGGED|ctid|xmin|"
    r"NOWAIT|pg_notify|COPY|MERGE INTO|ON CONSTRAINT|CREATE SEQUENCE|SERIAL|HSTORE|"
    r"WITH RECURSIVE|PREPARE TRANSACTION)\b"
)


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)
def test_no_statement_needs_what_only_postgresql_has(module: Path) -> None:
    # Statements are the only texts in capitals; prose about what is avoided is in docstrings of the package.
    source = re.sub(r'\A""".*?"""', "", module.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert NOT_PORTABLE.findall(source) == []
