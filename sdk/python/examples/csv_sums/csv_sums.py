"""Sums the columns of a CSV file."""

import csv
import io
from decimal import Decimal, InvalidOperation
from typing import Annotated

from openclaw_sdk import Component, InvalidArguments, files, scope

component = Component(
    name="csv-sums",
    version="0.1.0",
    summary="Sums columns of CSV files.",
    scopes=[scope.workspace("read")],
)


@component.tool
def csv_sums(
    path: Annotated[str, "Path of the CSV file, relative to the workspace. Its first line names the columns."],
    columns: Annotated[list[str] | None, "The columns to sum; all that hold only numbers if not said."] = None,
    separator: Annotated[str, "What stands between two fields."] = ",",
) -> dict:
    """Sums columns of a CSV file in the workspace, exactly. Use it instead of adding up numbers yourself."""
    if len(separator) != 1:
        raise InvalidArguments("`separator` must be one character")
    rows = list(csv.DictReader(io.StringIO(files.read_text(path)), delimiter=separator))
    found = list(rows[0]) if rows else []
    for column in columns or []:
        if column not in found:
            raise InvalidArguments(f"`{path}` has no column `{column}`; it has {', '.join(map(str, found))}")
    sums = {column: total(rows, column) for column in columns or found}
    if columns:
        for column, result in sums.items():
            if result is None:
                raise InvalidArguments(f"the column `{column}` of `{path}` holds something that is no number")
    return {"rows": len(rows), "sums": {column: str(it) for column, it in sums.items() if it is not None}}


def total(rows: list[dict], column: str) -> Decimal | None:
    """The sum of a column, empty fields left out; None if there is something in it that is no number."""
    try:
        values = [Decimal(row[column].strip()) for row in rows if (row[column] or "").strip()]
    except InvalidOperation:
        return None
    return sum(values, Decimal()) if values and all(value.is_finite() for value in values) else None
