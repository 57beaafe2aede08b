"""What Piccolo lacks for telling a schema exactly: defaults of the database, rules, indexes, DDL."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from piccolo.columns import (
    BigSerial,
    Column,
)
from piccolo.columns.defaults.base import Default
from piccolo.constraints import Constraint
from piccolo.querystring import Unquoted
from piccolo.table import Table

C = TypeVar("C", bound=Column)


class InDatabase(Default):
    """A default that PostgreSQL computes; a new row leaves it to the database."""

    def __init__(self, expression: str, *, is_generated: bool = False) -> None:
        self.expression = expression
        self.is_generated = is_generated

    @property
    def postgres(self) -> str:
        """The expression for CREATE TABLE."""
        return self.expression

    @property
    def sqlite(self) -> str:
        """There is one database (decision 1)."""
        raise NotImplementedError

    def python(self) -> Unquoted:
        """The keyword an INSERT carries in place of a value."""
        return Unquoted("DEFAULT")


def in_database(column: C, expression: str) -> C:
    """A column whose default is an expression of PostgreSQL."""
    column.default = InDatabase(expression)
    return column


def generated(column: C, expression: str) -> C:
    """A column that PostgreSQL computes from the others; it cannot be written."""
    column.default = InDatabase(expression, is_generated=True)
    return column


class TimestamptzRange(Column):
    """A period between two instants; asyncpg gives and takes its Range."""

    value_type = object

    def __init__(self, default: None = None, **kwargs: Any) -> None:
        self.default = default
        super().__init__(default=default, **kwargs)

    @property
    def column_type(self) -> str:
        """The name of the type in SQL."""
        return "TSTZRANGE"


class Rule(Constraint):
    """A constraint in PostgreSQL's words, where Piccolo has none of its own: keys and exclusions."""

    def __init__(self, definition: str) -> None:
        self.definition = definition
        super().__init__()

    def serialise_self(self) -> None:
        """Nothing to turn into text."""

    @property
    def ddl(self) -> str:
        """The definition as written."""
        return self.definition

    def _table_str(self) -> str:
        return f"{self._meta.name} = Rule({self.definition!r})"


@dataclass(frozen=True)
class Index:
    """An index: what it is on, and the query or the rule that needs it."""

    on: str
    serves: str
    unique: bool = False


def statements(tables: Sequence[type[Table]]) -> Iterator[str]:
    """The schema these classes describe."""
    for table in tables:
        columns = ", ".join(_column_ddl(column) for column in table._meta.columns)
        yield f"CREATE TABLE {table._meta.tablename} ({columns})"
    # Keys before what refers to them.
    everything = [(table, c) for table in tables for c in table._meta.constraints]
    everything.sort(key=lambda pair: "FOREIGN KEY" in pair[1].ddl)
    for table, constraint in everything:
        name = constraint._meta.name
        yield f"ALTER TABLE {table._meta.tablename} ADD CONSTRAINT {name} {constraint.ddl}"
    for table in tables:
        for name, index in vars(table).items():
            if isinstance(index, Index):
                unique = "UNIQUE " if index.unique else ""
                yield f"CREATE {unique}INDEX {name} ON {table._meta.tablename} {index.on}"


def _column_ddl(column: Column) -> str:
    start = f'"{column._meta.db_column_name}"'
    if isinstance(column, BigSerial):
        return f"{start} bigint GENERATED ALWAYS AS IDENTITY"
    start += f" {column.column_type}" + ("" if column._meta.null else " NOT NULL")
    default = column.get_default_value()
    if isinstance(default, InDatabase) and default.is_generated:
        return f"{start} GENERATED ALWAYS AS ({default.expression}) STORED"
    return f"{start} DEFAULT {column.get_sql_value(default)}"
