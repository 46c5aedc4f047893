"""Pops: a template on somebody's screen, and buttons in it that only he can press."""

import re

import pytest
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from django.contrib.auth import get_user_model
from django.http import HttpResponse
from django.test import Client, override_settings
from django.urls import path

from django_voipcti import pops, realtime

pytestmark = pytest.mark.django_db(transaction=True)

ADDRESS = "/orders/12/"
decided = []


@pops.pop_action
def decide(request, pk):
    decided.append((request.user.get_username(), pk, request.POST.get("decision")))
    wanted = request.POST.get("answer", "")
    return HttpResponse(wanted) if wanted else HttpResponse(status=int(request.POST.get("status", 204)))


urlpatterns = [path("orders/<int:pk>/", decide)]


@pytest.fixture(autouse=True)
def own_addresses():
    decided.clear()
    with override_settings(ROOT_URLCONF=__name__):
        yield


@pytest.fixture
def ana(db):
    return get_user_model().objects.create_user("ana", password="x")


async def heard_by(user, act):
    """What pages of `user` are told while `act` runs."""
    layer = get_channel_layer()
    channel = await layer.new_channel()
    await layer.group_add(realtime.user_group(user.pk), channel)
    result = await sync_to_async(act)()
    message = (await layer.receive(channel))["message"]
    await layer.group_discard(realtime.user_group(user.pk), channel)
    return result, message


def browser_of(user):
    client = Client(enforce_csrf_checks=True)
    client.force_login(user)
    return client


async def test_a_template_is_rendered_and_told_to_the_pages_of_the_user(ana):
    context = {"order": "<12>", "address": ADDRESS}
    pop_id, told = await heard_by(ana, lambda: realtime.pop(ana, "testapp/order_pop.html", context, title="New order"))
    assert (told["v"], told["type"], told["id"], told["title"]) == (1, "pop", pop_id, "New order")
    assert "<p>Order &lt;12&gt;</p>" in told["html"]


async def test_the_form_of_a_pop_is_let_in_and_the_pop_goes_away(ana):
    context = {"order": "12", "address": ADDRESS}
    pop_id, told = await heard_by(ana, lambda: realtime.pop(ana, "testapp/order_pop.html", context))
    [token] = re.findall(r'name="voipcti_token" value="([^"]+)"', told["html"])

    def press():
        return browser_of(ana).post(ADDRESS, {pops.FIELD: token, "decision": "yes"})

    response, told = await heard_by(ana, press)
    assert (response.status_code, decided) == (204, [("ana", 12, "yes")])
    assert told == {"v": 1, "type": "dismissed", "call": pop_id}


def test_an_answer_with_content_leaves_the_pop_where_it_is(ana):
    token = pops.sign(ana.pk, "pop-1", ADDRESS)
    response = browser_of(ana).post(ADDRESS, {pops.FIELD: token, "answer": "<p>Done</p>"})
    assert (response.status_code, response.content) == (200, b"<p>Done</p>")


def test_a_failed_view_answers_as_it_likes(ana):
    token = pops.sign(ana.pk, "pop-1", ADDRESS)
    assert browser_of(ana).post(ADDRESS, {pops.FIELD: token, "status": "409"}).status_code == 409


def test_what_was_not_signed_for_this_user_and_address_is_refused(ana):
    ben = get_user_model().objects.create_user("ben")
    client = browser_of(ana)
    for token in (
        "",
        "nonsense",
        pops.sign(ben.pk, "pop-1", ADDRESS),
        pops.sign(ana.pk, "pop-1", "/orders/13/"),
        pops.sign(ana.pk, "pop-1", ADDRESS)[:-1],
    ):
        response = client.post(ADDRESS, {pops.FIELD: token, "decision": "yes"})
        assert response.status_code == 403, token
    assert browser_of(ben).post(ADDRESS, {pops.FIELD: pops.sign(ana.pk, "pop-1", ADDRESS)}).status_code == 403
    assert Client().post(ADDRESS, {pops.FIELD: pops.sign(ana.pk, "pop-1", ADDRESS)}).status_code == 403
    assert decided == []


def test_an_old_token_is_refused(ana):
    from django.core import signing

    class Earlier(signing.TimestampSigner):
        def timestamp(self):
            return signing.b62_encode(1_000_000_000)

    old = Earlier(salt="django_voipcti.pop").sign_object([str(ana.pk), "pop-1", ADDRESS], compress=True)
    assert signing.loads(old, salt="django_voipcti.pop") == [str(ana.pk), "pop-1", ADDRESS]
    assert browser_of(ana).post(ADDRESS, {pops.FIELD: old}).status_code == 403


def test_a_view_of_pops_takes_posts_only(ana):
    assert browser_of(ana).get(ADDRESS).status_code == 405
