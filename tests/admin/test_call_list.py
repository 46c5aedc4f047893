"""The list of calls: pages that begin behind a row, conversations and their legs, filters, and what a search finds."""

import re
from datetime import timedelta

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from django_voipcti import journal, notes
from django_voipcti.calllog.keyset import Cursor
from django_voipcti.enums import Direction
from django_voipcti.models import Call, Line, Team
from django_voipcti.notes import Content
from tests.admin.conftest import LONDON, listed
from tests.calllog.story import ring_group
from tests.journal.conftest import said
from tests.testapp.models import Contact

pytestmark = pytest.mark.database_matrix

_ROW = re.compile(r'<th class="field-start"><a href="/admin/django_voipcti/call/(\d+)/change/')
_TURN = re.compile(r'<a href="(\?[^"]*)"(?: rel="\w+")?>(?:← )?(Newest|Newer|Older|Oldest)')


def rows(page):
    """The primary keys of the calls on a page, from the top."""
    return [int(key) for key in _ROW.findall(page)]


def turns(page):
    """The links to other pages: words → query."""
    return {word: address.replace("&amp;", "&") for address, word in _TURN.findall(page)}


@pytest.fixture
def log(boss_client):
    """Return `log(query="")`: the text of the call log as the superuser sees it."""

    def load(query="", **filters):
        if filters:
            return listed(boss_client, "call", **filters)
        response = boss_client.get(f"/admin/django_voipcti/call/{query}")
        assert response.status_code == 200
        return response.content.decode()

    return load


@pytest.fixture
def many(line):
    """A hundred and thirty missed calls, of which three begin at each moment."""
    now = timezone.now().replace(microsecond=0) - timedelta(hours=1)
    Call.objects.bulk_create(
        Call(
            line=line,
            provider="default",
            external_id=f"m{number}",
            direction="INBOUND",
            state="HANGUP",
            end_reason="missed",
            started_at=now - timedelta(minutes=number // 3),
            state_at=now,
            created_at=now,
            ended_at=now,
        )
        for number in range(130)
    )
    return list(Call.objects.order_by("-started_at", "-pk").values_list("pk", flat=True))


class TestPages:
    def test_turning_on_shows_each_call_once_and_in_order(self, log, many):
        page = log()
        assert set(turns(page)) == {"Older", "Oldest"}
        seen = rows(page)
        while "Older" in turns(page):
            page = log(turns(page)["Older"])
            seen += rows(page)
        assert seen == many
        assert set(turns(page)) == {"Newest", "Newer"}

    def test_turning_back_shows_the_same_pages(self, log, many):
        first = log()
        second = log(turns(first)["Older"])
        third = log(turns(second)["Older"])
        assert rows(log(turns(third)["Newer"])) == rows(second)
        assert rows(log(turns(second)["Newer"])) == rows(first)
        assert rows(log(turns(third)["Newest"])) == rows(first)

    def test_the_last_page_is_a_whole_one(self, log, many):
        page = log(turns(log())["Oldest"])
        assert rows(page) == many[-50:]
        assert set(turns(page)) == {"Newest", "Newer"}
        assert rows(log(turns(page)["Newer"])) == many[-100:-50]

    def test_what_comes_in_meanwhile_shifts_nothing(self, log, many):
        older = turns(log())["Older"]
        journal.record([said("RINGING", 0, call="new")])
        page = log(older)
        assert rows(page) == many[50:100]
        new = Call.objects.get(external_id="new")
        # And turning back ends at the first page, with what is new.
        assert rows(log(turns(page)["Newer"])) == many[:50]
        assert rows(log(turns(log(turns(page)["Newer"]))["Newer"])) == [new.pk, *many[:49]]

    def test_nor_does_a_call_that_is_purged(self, log, many):
        older = turns(log())["Older"]
        Call.objects.filter(pk=many[49]).delete()
        assert rows(log(older)) == many[50:100]

    def test_pages_keep_filters_and_search_and_these_begin_at_the_first_page(self, log, many, line):
        page = log(outcome="missed", agent=line.user_id)
        assert f"agent={line.user_id}" in turns(page)["Older"]
        second = log(turns(page)["Older"])
        assert rows(second) == many[50:100]
        assert f"?agent={line.user_id}&amp;direction__exact=INBOUND&amp;outcome=missed" in second
        assert ";older=" not in re.sub(r"<nav class=\"paginator.*?</nav>", "", second, flags=re.DOTALL)

    @pytest.mark.parametrize("cursor", ["", "x", "2026-01-01~1", "2026-01-01T00:00:00+00:00~", "~5", "9~9", "a~b~c"])
    def test_an_address_that_names_no_row_is_told(self, log, many, cursor):
        for way in ("older", "newer"):
            page = log(f"?{way}={cursor}")
            assert "There is no such page. This is the first one." in page
            assert rows(page) == many[:50]

    def test_a_page_behind_the_last_call_is_empty(self, log, many):
        page = log("?older=2001-01-01T00:00:00%2B00:00~1")
        assert rows(page) == []

    def test_a_page_costs_the_same_wherever_it_is(self, log, many):
        def queries(query):
            log(query)
            with CaptureQueriesContext(connection) as found:
                log(query)
            return len(found)

        older = turns(log())["Older"]
        assert queries("") == queries(older) == queries(turns(log(older))["Older"]) == queries("?last=1")

    def test_one_page_has_nothing_to_turn(self, log, call):
        page = log()
        assert turns(page) == {}
        assert "1\n    conversation" in page

    def test_a_cursor_is_read_as_it_is_written(self):
        cursor = Cursor(moment=timezone.now(), key=12)
        assert Cursor.read(str(cursor)) == cursor


class TestConversations:
    @pytest.fixture
    def group(self, agents):
        """Somebody rings three people; Ben picks up."""
        return ring_group("c1", answered_by="602")

    def test_one_row_with_who_picked_up_and_at_how_many_lines_it_rang(self, log, group):
        page = log()
        assert len(rows(page)) == 1
        assert ">3 lines</span>" in page
        assert rows(page) == list(Call.objects.filter(line__account="602").values_list("pk", flat=True))

    def test_each_lines_part_on_demand(self, log, group):
        page = log(rows="legs")
        assert len(rows(page)) == 3
        assert ">answered by a colleague</span>" in page
        assert "3 lines" not in page
        assert "?rows=legs" in log()

    def test_who_picked_up_stands_beside_another_lines_row(self, log, agents):
        """A colleague called: the row is the caller's."""
        facts = {"conversation_id": "inside"}
        journal.record([said("INITIAL", 0, call="a", direction=Direction.OUTBOUND, number="602", **facts)])
        journal.record([said("RINGING", 1, call="b", line="602", number="601", **facts)])
        journal.record([said("CONNECTED", 2, call="b", line="602", **facts), said("CONNECTED", 2, call="a", **facts)])
        page = log()
        assert len(rows(page)) == 1
        assert "answered by ben" in page
        assert Call.objects.get(pk=rows(page)[0]).line == agents[0]

    def test_a_conversation_is_listed_by_the_leg_that_fits(self, log, group, agents):
        page = log(agent=agents[2].user_id)
        assert rows(page) == list(Call.objects.filter(line=agents[2]).values_list("pk", flat=True))

    def test_who_is_shown_his_own_lines_only_sees_his_part(self, staff, client, group, agents):
        user = staff("view_call")
        Line.objects.filter(pk=agents[0].pk).update(user=user)
        page = listed(client, "call")
        assert rows(page) == list(Call.objects.filter(line=agents[0]).values_list("pk", flat=True))
        assert "lines</span>" not in page

    def test_a_page_of_many_costs_no_more_queries_than_of_few(self, log, agents):
        for number in range(5):
            ring_group(f"few-{number}", answered_by="602")
        log()
        with CaptureQueriesContext(connection) as few:
            log()
        for number in range(30):
            ring_group(f"many-{number}", answered_by="603")
        with CaptureQueriesContext(connection) as many:
            log()
        assert len(many) == len(few)


class TestFilters:
    @pytest.fixture
    def calls(self, agents):
        """Calls that differ in what the filters ask for."""
        ana, ben, _cy = agents
        now = timezone.now()

        def make(name, line, talked=None, **facts):
            values = {"direction": "INBOUND", "state": "HANGUP", "end_reason": "missed", "ended_at": now}
            if talked is not None:
                values |= {"answered_at": now - timedelta(seconds=talked), "end_reason": "completed"}
            values |= {
                "line": line,
                "provider": line.provider,
                "external_id": name,
                "state_at": now,
                "created_at": now,
            } | facts
            Call.objects.create(started_at=now - timedelta(hours=1), **values)

        make("short", ana, talked=29)
        make("medium", ana, talked=30)
        make("long", ben, talked=599, context="Sales")
        make("very-long", ben, talked=600, context="Support")
        make("missed", ana, context="Sales")
        make("colleague", ana, other_line=ben)
        make("known", ben, contact_type=ContentType.objects.get_for_model(Contact), contact_id="1")
        make("live", ana, state="RINGING", end_reason="", ended_at=None)

    @pytest.fixture
    def found(self, log, calls):
        """Return `found(**filters)`: the names of the calls that are listed."""

        def names(**filters):
            return set(Call.objects.filter(pk__in=rows(log(**filters))).values_list("external_id", flat=True))

        return names

    def test_classes_of_talk_time_leave_out_none_and_overlap_nowhere(self, found):
        assert found(talk="short") == {"short"}
        assert found(talk="medium") == {"medium"}
        assert found(talk="long") == {"long"}
        assert found(talk="very-long") == {"very-long"}
        assert found(talk="none") == {"missed", "colleague", "known"}

    def test_queues_are_offered_by_name(self, found, log):
        page = log()
        assert "?queue=Sales" in page
        assert "?queue=Support" in page
        assert found(queue="Sales") == {"long", "missed"}

    def test_contact_known_or_not_colleagues_being_neither(self, found):
        assert found(contact="known") == {"known"}
        assert "colleague" not in found(contact="unknown")
        assert len(found(contact="unknown")) == 6

    def test_a_team_has_the_calls_of_its_members(self, found, agents):
        team = Team.objects.create(name="North")
        team.members.add(agents[1].user)
        assert found(team=team.pk) == {"long", "very-long", "known"}

    def test_who_leads_no_team_is_offered_none(self, staff, client, calls):
        Team.objects.create(name="North")
        staff("view_call")
        assert "North" not in listed(client, "call")

    def test_a_provider_where_there_are_several(self, found, log, agents, settings):
        assert "?provider=" not in log()
        dummy = settings.VOIPCTI["PROVIDERS"]["default"]
        settings.VOIPCTI = {**settings.VOIPCTI, "PROVIDERS": {"default": dummy, "other": dummy}}
        Line.objects.filter(pk=agents[1].pk).update(provider="other")
        assert "?provider=other" in log()
        assert found(provider="other") == {"long", "very-long", "known"}

    def test_why_it_ended(self, found):
        assert found(end_reason__exact="completed") == {"short", "medium", "long", "very-long"}

    def test_they_combine(self, found, agents):
        assert found(queue="Sales", talk="long", agent=agents[1].user_id) == {"long"}
        assert found(queue="Sales", talk="short") == set()

    @pytest.mark.parametrize("name", ["agent", "team", "provider", "contact", "queue", "talk", "outcome", "rows"])
    def test_a_value_that_is_none_is_no_error(self, log, calls, name):
        log(**{name: "'; --"})


class TestSearch:
    @pytest.mark.django_db(transaction=True)
    def test_words_of_a_saved_note_find_its_call(self, log, call, boss):
        notes.save(call.line.user, call.pk, Content(text="Wants the grey armchair back"))
        assert rows(log(q="grey armch")) == [call.pk]
        assert rows(log(q="grey sofa")) == []

    def test_a_name_and_a_company_are_found_together(self, log, call):
        Call.objects.update(contact_label="Ada Lovelace", contact_company="Analytical Engines")
        assert rows(log(q="lovel engines")) == [call.pk]

    def test_what_is_no_word_finds_nothing_and_breaks_nothing(self, log, call):
        for text in ("&", "!:*", "'", "\\", "<->", "%"):
            assert rows(log(q=text)) == []

    def test_spaces_are_no_search(self, log, call):
        assert rows(log(q="  ")) == [call.pk]

    def test_a_search_is_folded_and_turned_like_any_list(self, log, many):
        Call.objects.update(other_name="Ada", other_e164=LONDON)
        page = log(q=LONDON)
        assert rows(page) == many[:50]
        assert rows(log(turns(page)["Older"])) == many[50:100]
