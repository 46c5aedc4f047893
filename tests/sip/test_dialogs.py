"""Dialog state: tags, targets, routes, sequence numbers."""

from django_voipcti.sip.dialogs import Dialog
from django_voipcti.sip.messages import Request, Response
from django_voipcti.sip.uri import NameAddr


def make() -> Dialog:
    return Dialog(
        call_id="c1",
        local=NameAddr.parse("<sip:alice@a>;tag=1"),
        remote=NameAddr.parse("<sip:bob@b>"),
        target="sip:bob@b",
    )


def answer(*routes: str, tag: str = ";tag=2", contact: str = "<sip:bob@192.0.2.1>") -> Response:
    headers = [("To", f"<sip:bob@b>{tag}"), ("From", "<sip:alice@a>;tag=1"), ("Contact", contact)]
    return Response(200, None, headers + [("Record-Route", route) for route in routes])


def lines(dialog: Dialog) -> list[tuple[str, str]]:
    return [(name, str(value)) for name, value in dialog.headers()]


def test_a_response_makes_the_dialog_and_its_routes_are_read_backwards() -> None:
    dialog = make()
    dialog.learn(answer("<sip:p1;lr>", "<sip:p2;lr>"), as_caller=True)
    assert dialog.request_uri() == "sip:bob@192.0.2.1"
    assert lines(dialog) == [
        ("Route", "<sip:p2;lr>"),
        ("Route", "<sip:p1;lr>"),
        ("From", "<sip:alice@a>;tag=1"),
        ("To", "<sip:bob@b>;tag=2"),
        ("Call-ID", "c1"),
    ]


def test_a_request_makes_the_dialog_and_its_routes_are_read_forwards() -> None:
    dialog = make()
    headers = [("From", "<sip:bob@b>;tag=9"), ("Record-Route", "<sip:p1;lr>, <sip:p2;lr>")]
    dialog.learn(Request("NOTIFY", "sip:alice@a", headers), as_caller=False)
    assert dialog.remote.tag == "9"
    assert lines(dialog)[:2] == [("Route", "<sip:p1;lr>"), ("Route", "<sip:p2;lr>")]


def test_the_target_may_change_but_neither_the_routes_nor_the_tag() -> None:
    dialog = make()
    dialog.learn(answer("<sip:p1;lr>"), as_caller=True)
    dialog.learn(answer("<sip:p9;lr>", tag=";tag=9", contact="<sip:bob@192.0.2.2>"), as_caller=True)
    assert dialog.request_uri() == "sip:bob@192.0.2.2"
    assert [str(route) for route in dialog.routes] == ["<sip:p1;lr>"]
    assert dialog.remote.tag == "2"


def test_a_message_without_tag_or_contact_leaves_them_open() -> None:
    dialog = make()
    dialog.learn(answer(tag="", contact="*"), as_caller=True)
    assert (dialog.remote.tag, dialog.request_uri()) == (None, "sip:bob@b")


def test_a_strict_router_becomes_the_request_uri() -> None:
    dialog = make()
    dialog.learn(answer("<sip:p2;lr>", "<sip:strict;transport=tcp?x=y>"), as_caller=True)
    assert dialog.request_uri() == "sip:strict;transport=tcp"
    assert lines(dialog)[:2] == [("Route", "<sip:p2;lr>"), ("Route", "<sip:bob@192.0.2.1>")]


def test_sequence_numbers() -> None:
    dialog = make()
    assert [dialog.next_cseq(), dialog.next_cseq()] == [1, 2]
    numbers = (5, 5, 4, 9)
    assert [dialog.is_stale(Request("BYE", "x", [("CSeq", f"{n} BYE")])) for n in numbers] == [False, True, True, False]


def test_a_fork_shares_the_call_but_not_the_tag() -> None:
    dialog = make()
    dialog.next_cseq()
    fork = dialog.fork("7")
    assert (fork.call_id, fork.local_tag, fork.remote.tag, fork.next_cseq()) == ("c1", "1", "7", 2)
    assert dialog.remote.tag is None
