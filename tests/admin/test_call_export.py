"""Export of the call log: who may, what is in the file, what is written down about it."""

import csv
import io

import openpyxl
import pytest
from django.test import AsyncClient
from django.urls import reverse

from django_voipcti.models import Call, CallAccess, Line
from tests.admin.conftest import LONDON, listed
from tests.calllog.story import outbound, ring_group


def fetched(client, kind="csv", **query):
    return client.get(reverse("admin:django_voipcti_call_export", args=[kind]), query)


def rows(response):
    assert response.status_code == 200
    return list(csv.DictReader(io.StringIO(b"".join(response).decode("utf-8-sig"))))


@pytest.fixture
def calls(agents):
    ring_group("c1", answered_by="602")
    ring_group("c2", begin=50)
    outbound("o1")


class TestFile:
    def test_it_has_what_the_list_shows(self, boss_client, calls):
        assert [row["line"] for row in rows(fetched(boss_client))] == ["602", "601", "602"]
        assert len(rows(fetched(boss_client, rows="legs"))) == 7
        assert [row["end reason"] for row in rows(fetched(boss_client, outcome="missed"))] == ["missed"]
        assert len(rows(fetched(boss_client, q="+44 20 7946 0123", direction__exact="OUTBOUND"))) == 1

    def test_all_pages_of_it_from_whichever_it_is_asked(self, boss_client, calls, monkeypatch):
        from django_voipcti.admin.call import CallAdmin

        monkeypatch.setattr(CallAdmin, "list_per_page", 1)
        page = listed(boss_client, "call", last="1")
        assert f'href="{reverse("admin:django_voipcti_call_export", args=["csv"])}?"' in page
        assert len(rows(fetched(boss_client, last="1"))) == 3

    def test_numbers_are_text(self, boss_client, calls):
        assert rows(fetched(boss_client))[0]["number"] == f"'{LONDON}"

    def test_a_workbook(self, boss_client, calls):
        response = fetched(boss_client, "xlsx", outcome="missed")
        assert response["Content-Type"].endswith(".spreadsheetml.sheet")
        assert ".xlsx" in response["Content-Disposition"]
        book = openpyxl.load_workbook(io.BytesIO(b"".join(response)))
        assert book.sheetnames == ["Calls"]
        assert [row[4] for row in book.active.values] == ["number", LONDON]

    def test_no_cache_keeps_it(self, boss_client, calls):
        response = fetched(boss_client)
        assert "no-store" in response["Cache-Control"]
        assert response["Content-Disposition"].startswith('attachment; filename="calls-20')

    def test_nothing_to_export_is_told(self, boss_client, calls):
        response = fetched(boss_client, q="Babbage", outcome="missed")
        assert response.status_code == 302
        assert response.url.endswith("/call/?outcome=missed&q=Babbage")
        assert "there is nothing to export" in boss_client.get(response.url).content.decode()

    def test_another_kind_is_none(self, boss_client, calls):
        assert fetched(boss_client, "pdf").status_code == 404

    @pytest.mark.django_db(transaction=True)
    async def test_an_asgi_server_sends_it_too(self, boss, calls):
        client = AsyncClient()
        await client.aforce_login(boss)
        response = await client.get(reverse("admin:django_voipcti_call_export", args=["csv"]))
        assert response.is_async
        text = b"".join([part async for part in response.streaming_content]).decode("utf-8-sig")
        assert len(list(csv.DictReader(io.StringIO(text)))) == 3


class TestPermissions:
    def test_it_needs_one_of_its_own(self, staff, client, calls):
        staff("view_call", "watch_lines")
        assert fetched(client).status_code == 403
        assert "Export as CSV" not in listed(client, "call")

    def test_which_is_not_enough_without_the_list(self, staff, client, calls):
        staff("export_calls", "watch_lines")
        assert fetched(client).status_code == 403

    def test_nobody_takes_away_more_than_he_sees(self, staff, client, calls, agents):
        user = staff("view_call", "export_calls")
        assert "Export as CSV" in listed(client, "call")
        Line.objects.filter(pk=agents[0].pk).update(user=user)
        found = rows(fetched(client, rows="legs"))
        assert {row["line"] for row in found} == {"601"}
        assert len(found) == Call.objects.filter(line=agents[0]).count()

    def test_masked_numbers_stay_masked(self, staff, client, calls):
        staff("view_call", "export_calls", "watch_lines")
        for kind in ("csv", "xlsx"):
            body = b"".join(fetched(client, kind))
            if kind == "xlsx":
                book = openpyxl.load_workbook(io.BytesIO(body))
                body = str(list(book.active.values)).encode()
            assert b"79460123" not in body
            assert b"*123" in body

    def test_who_is_not_logged_in_is_sent_to_the_login(self, client, calls):
        assert fetched(client).status_code == 302


class TestAccessLog:
    def test_each_export_stands_there_with_its_filters(self, boss_client, calls):
        fetched(boss_client, "xlsx", outcome="missed", q=LONDON)
        (entry,) = CallAccess.objects.all()
        assert (entry.kind, entry.user_name, entry.calls) == ("exported", "boss", 1)
        assert entry.detail == "XLSX outcome=missed, q=+44*******123"

    def test_what_was_refused_does_not(self, staff, client, calls):
        staff("view_call")
        fetched(client)
        assert not CallAccess.objects.exists()
