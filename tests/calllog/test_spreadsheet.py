"""Tables as files: what CSV and XLSX hold when a spreadsheet program reads them, made piece by piece."""

import csv
import io
import zipfile
from datetime import UTC, datetime, timedelta

import openpyxl
import pytest

from django_voipcti.calllog import spreadsheet
from django_voipcti.calllog.spreadsheet import Column, as_csv, as_xlsx

COLUMNS = [
    Column(heading="start", kind="moment"),
    Column(heading="who", width=26),
    Column(heading="talk", kind="duration"),
    Column(heading="lines", kind="number"),
]
MOMENT = datetime(2026, 3, 10, 14, 5, 9, tzinfo=UTC)
ROW = (MOMENT, "Ada", timedelta(hours=25, seconds=2), 3)


def workbook(rows, *, title="Calls"):
    return openpyxl.load_workbook(io.BytesIO(b"".join(as_xlsx(title, COLUMNS, [rows]))))


def table(rows):
    text = b"".join(as_csv(COLUMNS, [rows])).decode("utf-8-sig")
    return list(csv.reader(io.StringIO(text)))


class TestCSV:
    def test_headings_and_cells(self):
        assert table([ROW]) == [["start", "who", "talk (s)", "lines"], ["2026-03-10 14:05:09", "Ada", "90002", "3"]]

    def test_spreadsheet_programs_know_the_encoding(self):
        assert b"".join(as_csv(COLUMNS, [])).startswith(b"\xef\xbb\xbf")

    @pytest.mark.parametrize("text", ["+442079460123", "=1+1", "-1", "@x", '=HYPERLINK("http://x")', "\t=1"])
    def test_nothing_is_taken_for_a_formula_or_a_number(self, text):
        assert table([(None, text, None, None)])[1][1] == f"'{text}"

    @pytest.mark.parametrize("text", ['He said "no"', "two\nlines", "a,b;c", "Übersee", "", "1 + 1"])
    def test_other_texts_are_as_they_are(self, text):
        assert table([(None, text, None, None)])[1] == ["", text, "", ""]


class TestXLSX:
    def test_cells_can_be_reckoned_with(self):
        sheet = workbook([ROW]).active
        assert [cell.value for cell in sheet[1]] == ["start", "who", "talk", "lines"]
        moment, who, talk, lines = sheet[2]
        assert moment.value == MOMENT.replace(tzinfo=None)
        assert moment.is_date
        assert who.value == "Ada"
        assert talk.value == timedelta(hours=25, seconds=2)
        assert lines.value == 3

    def test_headings_stay_in_sight_and_filter(self):
        sheet = workbook([ROW, ROW]).active
        assert sheet.freeze_panes == "A2"
        assert sheet.auto_filter.ref == "A1:D3"
        assert sheet["A1"].font.b
        assert sheet.column_dimensions["B"].width == 26

    @pytest.mark.parametrize("text", ["+442079460123", "=1+1", "00123", "<b>&amp;", " spaces ", "Übersee 📞", "a\nb"])
    def test_texts_are_texts(self, text):
        cell = workbook([(None, text, None, None)]).active["B2"]
        assert (cell.value, cell.data_type) == (text, "s" if not text.startswith("=") else cell.data_type)

    def test_what_xml_cannot_hold_is_left_out(self):
        assert workbook([(None, "a\x00b\x1fc\ud800d\ufffe", None, None)]).active["B2"].value == "abcd"

    def test_an_empty_table_has_headings(self):
        sheet = workbook([]).active
        assert [cell.value for cell in sheet[1]] == ["start", "who", "talk", "lines"]
        assert sheet.max_row == 1

    def test_a_full_sheet_is_followed_by_another(self, monkeypatch):
        monkeypatch.setattr(spreadsheet, "MOST_ROWS", 1001)
        book = workbook([(None, str(number), None, None) for number in range(1200)], title="Calls")
        assert book.sheetnames == ["Calls", "Calls 2"]
        assert [book[name].max_row for name in book.sheetnames] == [1001, 201]
        assert [cell.value for cell in book["Calls 2"][1]] == ["start", "who", "talk", "lines"]
        assert book["Calls 2"]["B2"].value == "1000"

    def test_so_does_a_sheet_that_grows_too_large_for_a_plain_archive(self, monkeypatch):
        monkeypatch.setattr(spreadsheet, "MOST_BYTES", 50_000)
        rows = [(None, "x" * 100, None, None)] * 2000
        assert sum(workbook(rows)[name].max_row - 1 for name in workbook(rows).sheetnames) == 2000
        assert len(workbook(rows).sheetnames) > 1

    def test_a_title_that_no_sheet_may_have_is_mended(self):
        assert workbook([], title="Calls: [all] of 'us' / them").sheetnames == ["Calls   all  of  us    th"]

    def test_every_reader_takes_the_archive(self):
        archive = zipfile.ZipFile(io.BytesIO(b"".join(as_xlsx("Calls", COLUMNS, [[ROW] * 3000]))))
        assert archive.testzip() is None
        assert all(entry.extract_version < 45 for entry in archive.infolist()), "45 is ZIP64, which not all can read"


@pytest.mark.parametrize("write", [as_csv, lambda columns, chunks: as_xlsx("Calls", columns, chunks)])
def test_a_row_is_sent_before_the_last_one_is_read(write):
    read = []

    def chunks():
        for number in range(40):
            read.append(number)
            # Texts that hardly pack, since the packer keeps some.
            yield [(MOMENT, str(hash((number, n))) * 20, None, n) for n in range(500)]

    parts = write(COLUMNS, chunks())
    sent = 0
    while sent < 100_000:
        sent += len(next(parts))
    assert len(read) < 30
    parts.close()
