"""How long calls are kept: by provider, in batches, with all that hangs on them."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings
from django.utils import timezone

from django_voipcti import journal, tasks
from django_voipcti.calllog import retention
from django_voipcti.enums import CommandAction
from django_voipcti.journal.erasure import delete_calls
from django_voipcti.models import Call, CallCommand, CallEvent, MissedCall, WebhookDelivery
from tests.calllog.story import MOBILE, outbound, ring_group
from tests.journal.conftest import at, said
from tests.settings import VOIPCTI

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database_matrix]

DAY = timedelta(days=1).total_seconds()


def kept(days):
    return override_settings(VOIPCTI=VOIPCTI | {"RETENTION_DAYS": days})


def purge(*arguments):
    out = StringIO()
    call_command("voipcti_purge", *arguments, stdout=out)
    return out.getvalue()


@pytest.fixture
def calls(agents):
    """Conversations of two hours, ten and thirty-five days ago; the oldest with a command and a webhook."""
    ring_group("new", begin=-7200)
    ring_group("ten", begin=-10 * DAY)
    ring_group("old", begin=-35 * DAY)
    old = Call.objects.filter(conversation_id="old").first()
    CallCommand.objects.create(
        call=old, line=old.line, action=CommandAction.ANSWER, created_at=old.started_at, expires_at=old.started_at
    )
    for days in (1, 35):
        WebhookDelivery.objects.create(alias="default", delivery_id=str(days), body="{}", received_at=at(-days * DAY))


def left():
    return set(Call.objects.values_list("conversation_id", flat=True))


def test_without_a_setting_everything_is_kept(calls):
    assert purge() == "Nothing is older than it may be.\n"
    assert left() == {"new", "ten", "old"}


@pytest.mark.parametrize("days", [30, {"default": 30}, {"*": 30}, {"default": 30, "*": 1}])
def test_what_is_older_goes_with_all_that_hangs_on_it(calls, days):
    with kept(days):
        assert purge() == "default: 3 calls and 1 webhook deliveries deleted\n"
        assert purge() == "Nothing is older than it may be.\n"
    assert left() == {"new", "ten"}
    assert set(CallEvent.objects.values_list("call__conversation_id", flat=True)) == {"new", "ten"}
    assert not CallCommand.objects.exists()
    assert WebhookDelivery.objects.get().delivery_id == "1"


@pytest.mark.parametrize("days", [{"other": 30}, {"default": None, "*": 1}])
def test_other_providers_days_do_not_matter(calls, days):
    with kept(days):
        purge()
    assert left() == {"new", "ten", "old"}


def test_a_line_may_have_days_of_its_own_more_or_fewer(calls, agents):
    agents[0].retention_days, agents[1].retention_days = 7, 100
    for line in agents:
        line.save()
    with kept(30):
        purge()
    left_of = {line.account: set(line.calls.values_list("conversation_id", flat=True)) for line in agents}
    assert left_of == {"601": {"new"}, "602": {"new", "ten", "old"}, "603": {"new", "ten"}}


def test_a_line_may_have_the_only_days_and_webhooks_go_with_it(calls, agents):
    agents[0].retention_days = 7
    agents[0].save()
    purge()
    assert set(agents[0].calls.values_list("conversation_id", flat=True)) == {"new"}
    assert Call.objects.exclude(line=agents[0]).count() == 6
    assert WebhookDelivery.objects.get().delivery_id == "1"


def test_batches_are_no_larger_than_asked_for(calls):
    with kept(30):
        steps = [step for step in retention.purge(timezone.now(), batch=2) if step[1]]
        assert steps == [("default", 2, 0), ("default", 1, 0)]
        with pytest.raises(CommandError, match="1 or more"):
            purge("--batch-size=0")


def test_a_call_that_is_live_stays_however_old_it_is(agents):
    journal.record([said("RINGING", -40 * DAY, call="hanging")])
    with kept(30):
        purge()
    assert Call.objects.live().count() == 1


def test_missed_calls_go_with_their_call_and_stay_done_without_the_call_back(agents):
    ring_group("one", begin=-10 * DAY)
    ring_group("two", begin=-3 * DAY, number=MOBILE)
    outbound("back", begin=-2 * DAY, number=MOBILE)
    with kept(5):
        purge()
    assert MissedCall.objects.get().closed_by_call.external_id == "back"
    delete_calls([Call.objects.get(external_id="back").pk])
    missed = MissedCall.objects.get()
    assert missed.closed_at
    assert missed.closed_by_call is None


def test_the_task_purges(calls):
    with kept(30):
        assert tasks.purge() == 3
