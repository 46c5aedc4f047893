"""Tables as files that are sent while they are made: CSV, and XLSX for spreadsheet programs.

No part of a table is kept, so a million rows take the memory of a few hundred. XLSX is written here because no library
that is well kept writes it as a stream: XlsxWriter and openpyxl make a whole file before its first byte is there. For a
million rows that takes minutes, and no proxy waits so long. The format is that of ECMA-376, as much of it as a table
needs, with its texts inline.
"""

import csv
import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Literal
from xml.sax.saxutils import escape, quoteattr

from django.utils.translation import gettext as _

__all__ = ["CSV", "XLSX", "Cell", "Column", "as_csv", "as_xlsx"]

CSV, XLSX = "csv", "xlsx"

#: What a cell may hold. Moments are written as they read where they were: without their time zone.
Cell = str | int | datetime | timedelta | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column's heading, what its cells hold, and how wide it is in characters."""

    heading: str
    kind: Literal["text", "number", "moment", "duration"] = "text"
    width: int = 14


# --- CSV --------------------------------------------------------------------------------------------------------------

#: Spreadsheet programs take what begins so for a formula, or make a number of a telephone number.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def as_csv(columns: Sequence[Column], chunks: Iterable[Iterable[Sequence[Cell]]]) -> Iterator[bytes]:
    """The table in UTF-8 with a byte order mark, without which spreadsheet programs read no umlauts.

    Durations are whole seconds. Texts that a spreadsheet program would take for a formula have an apostrophe in front.
    """
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow(_("%(column)s (s)") % {"column": c.heading} if c.kind == "duration" else c.heading for c in columns)
    yield b"\xef\xbb\xbf" + written.getvalue().encode()
    for chunk in chunks:
        written.seek(0)
        written.truncate()
        writer.writerows(map(_plain, row) for row in chunk)
        yield written.getvalue().encode()


def _plain(cell: Cell) -> str | int:
    if isinstance(cell, str):
        return f"'{cell}" if cell.startswith(_FORMULA) else cell
    if cell is None or isinstance(cell, int):
        return "" if cell is None else cell
    return round(cell.total_seconds()) if isinstance(cell, timedelta) else f"{cell:%Y-%m-%d %H:%M:%S}"


# --- XLSX -------------------------------------------------------------------------------------------------------------

#: Rows that a sheet may have; more go on in the next sheet.
MOST_ROWS = 1_048_576
#: Bytes of a sheet before it is packed, after which a next one begins. ZIP's original form, the only one that every
#: program reads, ends at four times as much, and Python's own module at twice.
MOST_BYTES = 1 << 30

_EPOCH = datetime(1899, 12, 30, tzinfo=UTC)
_DAY = timedelta(days=1)
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'

#: Cells' styles by number: plain, heading, moment, duration.
_STYLES = f"""{_XML}<styleSheet xmlns="{_MAIN}">\
<numFmts count="2"><numFmt numFmtId="164" formatCode="yyyy\\-mm\\-dd\\ hh:mm:ss"/>\
<numFmt numFmtId="165" formatCode="[h]:mm:ss"/></numFmts>\
<fonts count="2"><font><sz val="11"/><name val="Calibri"/></font>\
<font><b/><sz val="11"/><name val="Calibri"/></font></fonts>\
<fills count="2"><fill><patternFill patternType="none"/></fill>\
<fill><patternFill patternType="gray125"/></fill></fills>\
<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>\
<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>\
<cellXfs count="4"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>\
<xf numFmtId="0" fontId="1" fillId="0" borderId="0" xfId="0" applyFont="1"/>\
<xf numFmtId="164" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>\
<xf numFmtId="165" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/></cellXfs>\
<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>"""

#: Characters that XML cannot hold, in no spelling.
_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def as_xlsx(title: str, columns: Sequence[Column], chunks: Iterable[Iterable[Sequence[Cell]]]) -> Iterator[bytes]:
    """The table as a workbook: headings that stay in sight and filter, moments and durations that can be reckoned with.

    Args:
        title: of the sheet; those that follow, if a sheet is full, have a number behind it.
    """
    out = _Outlet()
    batches = _batches(row for chunk in chunks for row in chunk)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("xl/styles.xml", _STYLES)
        sheets, batch = 0, next(batches, None)
        while not sheets or batch:
            sheets += 1
            with archive.open(f"xl/worksheets/sheet{sheets}.xml", "w") as sheet:
                rows, size = 1, sheet.write(_sheet_head(columns))
                while batch and rows + batch[0] <= MOST_ROWS and size < MOST_BYTES:
                    rows += batch[0]
                    size += sheet.write(batch[1])
                    yield out.taken()
                    batch = next(batches, None)
                sheet.write(_sheet_foot(columns, rows))
        for name, text in _frame(title, sheets).items():
            archive.writestr(name, text)
    yield out.taken()


class _Outlet(io.RawIOBase):
    """Where the archive is written to: a pipe, of which the other end takes what is there."""

    def __init__(self) -> None:
        self._written: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._written.append(bytes(data))
        return len(self._written[-1])

    def taken(self) -> bytes:
        """What was written since this was last called."""
        taken = b"".join(self._written)
        self._written.clear()
        return taken


def _batches(rows: Iterator[Sequence[Cell]]) -> Iterator[tuple[int, bytes]]:
    """Rows as XML, some hundreds at a time, with their number."""
    while batch := [_row(row) for row in islice(rows, 500)]:
        yield len(batch), "".join(batch).encode()


def _row(cells: Iterable[Cell]) -> str:
    return f"<row>{''.join(map(_cell, cells))}</row>"


def _cell(cell: Cell) -> str:
    match cell:
        case None | "":
            return "<c/>"
        case str():
            return f'<c t="inlineStr"><is>{_text(cell)}</is></c>'
        case int():
            return f"<c><v>{cell}</v></c>"
        case datetime():
            return f'<c s="2"><v>{(cell.replace(tzinfo=UTC) - _EPOCH) / _DAY:.8f}</v></c>'
        case timedelta():
            return f'<c s="3"><v>{cell / _DAY:.8f}</v></c>'


def _text(text: str) -> str:
    return f'<t xml:space="preserve">{escape(_UNWRITABLE.sub("", text))}</t>'


def _sheet_head(columns: Sequence[Column]) -> bytes:
    widths = "".join(f'<col min="{n}" max="{n}" width="{c.width}" customWidth="1"/>' for n, c in enumerate(columns, 1))
    headings = "".join(f'<c s="1" t="inlineStr"><is>{_text(column.heading)}</is></c>' for column in columns)
    pane = '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/>'
    return (
        f'{_XML}<worksheet xmlns="{_MAIN}"><sheetViews><sheetView workbookViewId="0">{pane}</sheetView></sheetViews>'
        f"<cols>{widths}</cols><sheetData><row>{headings}</row>"
    ).encode()


def _sheet_foot(columns: Sequence[Column], rows: int) -> bytes:
    cells = f"A1:{_letters(len(columns))}{rows}"
    # Telephone numbers are texts, and that is no mistake.
    ignored = f'<ignoredErrors><ignoredError sqref="{cells}" numberStoredAsText="1"/></ignoredErrors>'
    return f'</sheetData><autoFilter ref="{cells}"/>{ignored}</worksheet>'.encode()


def _letters(column: int) -> str:
    letters = ""
    while column:
        column, letter = divmod(column - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return letters


def _frame(title: str, sheets: int) -> dict[str, str]:
    """What makes a workbook of the sheets: path → text."""
    numbers = range(1, sheets + 1)
    name = re.sub(r"[\[\]:*?/\\']", " ", title)[:25]
    named = "".join(
        f'<sheet name={quoteattr(name if n == 1 else f"{name} {n}")} sheetId="{n}" r:id="rId{n}"/>' for n in numbers
    )
    linked = "".join(
        f'<Relationship Id="rId{n}" Type="{_RELATIONS}/worksheet" Target="worksheets/sheet{n}.xml"/>' for n in numbers
    )
    typed = "".join(
        f'<Override PartName="/xl/worksheets/sheet{n}.xml" ContentType="{_TYPE}.worksheet+xml"/>' for n in numbers
    )
    return {
        "xl/workbook.xml": f'{_XML}<workbook xmlns="{_MAIN}" xmlns:r="{_RELATIONS}">'
        f"<sheets>{named}</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f'{_XML}<Relationships xmlns="{_PACKAGE}/relationships">{linked}'
        f'<Relationship Id="styles" Type="{_RELATIONS}/styles" Target="styles.xml"/></Relationships>',
        "_rels/.rels": f'{_XML}<Relationships xmlns="{_PACKAGE}/relationships">'
        f'<Relationship Id="rId1" Type="{_RELATIONS}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "[Content_Types].xml": f'{_XML}<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPE}.sheet.main+xml"/>'
        f'<Override PartName="/xl/styles.xml" ContentType="{_TYPE}.styles+xml"/>{typed}</Types>',
    }
