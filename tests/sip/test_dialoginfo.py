"""dialog-info documents, and the table that they add up to."""

from dataclasses import replace

import pytest

from django_voipcti.sip.dialoginfo import Dialog, DialogInfo, DialogInfoTracker, Participant, Update, parse_dialog_info
from django_voipcti.sip.exceptions import MalformedBody


def document(*dialogs: str, attributes: str = 'version="1" state="full" entity="sip:alice@example.com"') -> bytes:
    return (
        '<?xml version="1.0"?>\n'
        f'<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" {attributes}>{"".join(dialogs)}</dialog-info>'
    ).encode()


VOIPSTUDIO = """
 <dialog id="139000002-1" call-id="a84b4c76" local-tag="l1" remote-tag="r1" direction="receiver">
  <state>early</state>
  <local><identity display="Ana Ruiz">sip:200341@example.com</identity>
   <target uri="sip:200341@198.51.100.7"><param pname="+sip.rendering" pval="yes"/>
    <param pname="context" pval="LOCAL_USER"/></target></local>
  <remote><identity display="Caller">sip:447700900123@example.com</identity>
   <target uri="sip:447700900123@example.com"/></remote>
 </dialog>"""


def test_a_document_as_voipstudio_sends_it() -> None:
    assert parse_dialog_info(document(VOIPSTUDIO)) == DialogInfo(
        version=1,
        state="full",
        entity="sip:alice@example.com",
        dialogs=(
            Dialog(
                id="139000002-1",
                call_id="a84b4c76",
                local_tag="l1",
                remote_tag="r1",
                direction="recipient",
                state="early",
                local=Participant(
                    identity_uri="sip:200341@example.com",
                    display="Ana Ruiz",
                    target_uri="sip:200341@198.51.100.7",
                    params={"+sip.rendering": "yes", "context": "LOCAL_USER"},
                ),
                remote=Participant(
                    identity_uri="sip:447700900123@example.com",
                    display="Caller",
                    target_uri="sip:447700900123@example.com",
                ),
            ),
        ),
    )


def test_a_namespace_prefix_changes_nothing() -> None:
    body = (
        b'<d:dialog-info xmlns:d="urn:ietf:params:xml:ns:dialog-info" version="7" state="partial" entity="x">'
        b'<d:dialog id="1"><d:state event="Rejected" code="486">Terminated</d:state></d:dialog></d:dialog-info>'
    )
    info = parse_dialog_info(body)
    assert info == DialogInfo(
        version=7,
        state="partial",
        entity="x",
        dialogs=(Dialog(id="1", state="terminated", event="rejected", code=486),),
    )


def test_a_display_name_may_stand_at_the_target() -> None:
    info = parse_dialog_info(
        document('<dialog id="1"><state>Trying</state><remote><target display="Bo" uri="sip:b@c"/></remote></dialog>')
    )
    assert info.dialogs[0].state == "trying"
    assert info.dialogs[0].remote == Participant(display="Bo", target_uri="sip:b@c")
    assert info.dialogs[0].local is None


@pytest.mark.parametrize(
    ("direction", "expected"),
    [("initiator", "initiator"), ("recipient", "recipient"), ("Receiver", "recipient"), ("sideways", None)],
)
def test_direction(direction: str, expected: str | None) -> None:
    info = parse_dialog_info(document(f'<dialog id="1" direction="{direction}"><state>early</state></dialog>'))
    assert info.dialogs[0].direction == expected


@pytest.mark.parametrize("attribute", ["pval", "pvalue"])
@pytest.mark.parametrize("end", ["local", "remote"])
@pytest.mark.parametrize(
    ("state", "value", "held"), [("confirmed", "no", True), ("confirmed", "yes", False), ("early", "no", False)]
)
def test_hold(attribute: str, end: str, state: str, value: str, held: bool) -> None:
    target = f'<target uri="x"><param pname="+SIP.rendering" {attribute}="{value}"/></target>'
    info = parse_dialog_info(document(f'<dialog id="1"><state>{state}</state><{end}>{target}</{end}></dialog>'))
    assert info.dialogs[0].on_hold is held


def test_what_a_server_leaves_out_is_not_fatal() -> None:
    info = parse_dialog_info(
        document('<dialog call-id="c"/>', "<dialog><state code='x'/></dialog>", attributes='version="x"')
    )
    assert (info.version, info.state, info.entity) == (None, "full", "")
    assert info.dialogs == (Dialog(id="c", call_id="c"), Dialog(id="#2"))


def test_unknown_elements_are_passed_over() -> None:
    info = parse_dialog_info(
        document(
            '<note>x</note><dialog id="1"><duration>5</duration><local><x/><identity>sip:a@b</identity>'
            "<identity>sip:second@b</identity></local><state>early</state><y><identity>sip:z@z</identity>"
            '<target uri="z"><param pname="a"/></target></y></dialog>'
        )
    )
    assert info.dialogs == (Dialog(id="1", state="early", local=Participant(identity_uri="sip:a@b")),)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"no xml", 400),
        (b"<presence/>", 400),
        (document()[:-5], 400),
        (b'<?xml version="1.0" encoding="x-unknown"?><dialog-info/>', 400),
        (b'<!DOCTYPE dialog-info [<!ENTITY a "b">]><dialog-info version="1">&a;</dialog-info>', 400),
        (b'<!DOCTYPE dialog-info SYSTEM "file:///etc/passwd"><dialog-info/>', 400),
        (document("<dialog>" + "<a>" * 40 + "</a>" * 40 + "</dialog>"), 413),
        (document(*['<dialog id="1"/>'] * 1001), 413),
        (document("x" * 262_144), 413),
    ],
)
def test_hostile_documents_are_refused(body: bytes, status: int) -> None:
    with pytest.raises(MalformedBody) as caught:
        parse_dialog_info(body)
    assert caught.value.status == status


def test_repr_shows_no_number() -> None:
    assert "447700900123" not in repr(parse_dialog_info(document(VOIPSTUDIO)))


# -- the table

EARLY = Dialog(
    id="1",
    call_id="c1",
    local_tag="l",
    remote_tag="r",
    direction="recipient",
    state="early",
    local=Participant(identity_uri="sip:alice@x", target_uri="sip:alice@192.0.2.1"),
    remote=Participant(identity_uri="sip:bob@x", display="Bob"),
)
CONFIRMED = replace(EARLY, state="confirmed")
ENDED = replace(EARLY, state="terminated")
OTHER = Dialog(id="2", call_id="c2", state="early")


def full(version: int | None, *dialogs: Dialog) -> DialogInfo:
    return DialogInfo(version=version, state="full", dialogs=dialogs)


def partial(version: int | None, *dialogs: Dialog) -> DialogInfo:
    return DialogInfo(version=version, state="partial", dialogs=dialogs)


def tracker(*documents: DialogInfo) -> DialogInfoTracker:
    result = DialogInfoTracker()
    for info in documents:
        result.apply(info)
    return result


def test_a_call_is_reported_at_each_change_and_only_then() -> None:
    table = DialogInfoTracker()
    assert table.apply(full(0, EARLY)) == Update(changed=(EARLY,))
    assert table.apply(full(1, EARLY)) == Update()
    assert table.apply(full(2, CONFIRMED, OTHER)) == Update(changed=(CONFIRMED, OTHER))
    assert table.apply(full(3, ENDED, OTHER)) == Update(changed=(ENDED,))
    assert table.apply(full(4, ENDED, OTHER)) == Update()
    assert table.apply(full(5, OTHER)) == Update()
    assert table.dialogs == (OTHER,)


def test_a_call_that_a_full_document_no_longer_lists_has_vanished() -> None:
    table = tracker(full(1, CONFIRMED, OTHER))
    assert table.apply(full(2, OTHER)) == Update(vanished=(CONFIRMED,))
    assert table.apply(full(3)) == Update(vanished=(OTHER,))


def test_a_partial_document_changes_what_it_lists() -> None:
    table = tracker(full(1, EARLY, OTHER))
    assert table.apply(partial(2, CONFIRMED)) == Update(changed=(CONFIRMED,))
    assert table.apply(partial(3, ENDED)) == Update(changed=(ENDED,))
    assert table.dialogs == (ENDED, OTHER)


def test_a_gap_asks_for_the_full_state_once() -> None:
    table = tracker(full(1, EARLY))
    assert table.apply(partial(4, CONFIRMED)) == Update(changed=(CONFIRMED,), resubscribe=True)
    assert table.apply(partial(5, OTHER)) == Update(changed=(OTHER,))
    assert table.apply(full(6, OTHER)) == Update(vanished=(CONFIRMED,))


def test_a_partial_document_without_a_base_asks_for_the_full_state() -> None:
    table = DialogInfoTracker()
    assert table.apply(partial(1, EARLY)) == Update(changed=(EARLY,), resubscribe=True)


@pytest.mark.parametrize("info", [partial(2, CONFIRMED), partial(1, CONFIRMED), full(2, EARLY)])
def test_an_old_document_is_dropped(info: DialogInfo) -> None:
    table = tracker(full(2, EARLY))
    update = table.apply(info)
    assert (update.stale, update.changed) == (True, ())
    assert update.resubscribe is (info.version == 1)


def test_a_version_that_goes_back_asks_for_the_full_state_which_is_then_taken_whatever_its_version() -> None:
    table = tracker(full(57, EARLY))
    assert table.apply(full(1, CONFIRMED)) == Update(stale=True, resubscribe=True)
    assert table.apply(partial(2, CONFIRMED)) == Update(stale=True)
    assert table.apply(full(3, CONFIRMED)) == Update(changed=(CONFIRMED,))
    assert table.apply(full(2, ENDED)) == Update(stale=True, resubscribe=True)


def test_a_server_that_does_not_count_is_believed_in_order_of_arrival() -> None:
    table = tracker(full(0, EARLY))
    assert table.apply(full(0, CONFIRMED)) == Update(changed=(CONFIRMED,))
    assert table.apply(full(0, CONFIRMED)) == Update(stale=True)
    assert table.apply(full(None, ENDED)) == Update(changed=(ENDED,))
    assert table.apply(full(None)) == Update()


def test_a_new_subscription_begins_with_any_version_and_compares_with_what_was_known() -> None:
    table = tracker(full(57, EARLY, OTHER))
    table.restart()
    assert table.apply(full(1, CONFIRMED)) == Update(changed=(CONFIRMED,), vanished=(OTHER,))


def test_a_call_that_is_over_when_first_seen_is_reported() -> None:
    assert DialogInfoTracker().apply(full(1, ENDED)) == Update(changed=(ENDED,))


def test_what_is_told_once_is_kept() -> None:
    table = tracker(full(1, EARLY))
    bare = Dialog(id="1", state="confirmed")
    assert table.apply(full(2, bare)).changed == (CONFIRMED,)
    moved = Dialog(id="1", state="confirmed", local=Participant(target_uri="sip:elsewhere@x"))
    assert table.apply(full(3, moved)).changed == (
        replace(CONFIRMED, local=Participant(identity_uri="sip:alice@x", target_uri="sip:elsewhere@x")),
    )


def test_an_end_that_was_unknown_is_learnt_later() -> None:
    table = tracker(full(1, Dialog(id="1", state="trying")))
    assert table.apply(full(2, EARLY)).changed == (EARLY,)


def test_the_hold_parameter_is_never_kept_because_its_absence_means_resumed() -> None:
    held = Participant(params={"+sip.rendering": "no"})
    table = tracker(full(1, replace(EARLY, state="confirmed", local=held)))
    assert table.dialogs[0].on_hold
    (resumed,) = table.apply(full(2, Dialog(id="1", state="confirmed"))).changed
    assert not resumed.on_hold
    assert resumed.remote == EARLY.remote


def test_an_id_that_is_used_again_after_the_end_is_a_new_call() -> None:
    table = tracker(full(1, EARLY), full(2, ENDED))
    fresh = Dialog(id="1", state="confirmed")
    assert table.apply(full(3, fresh)) == Update(changed=(fresh,))


def test_an_id_with_another_call_id_is_a_new_call_and_the_old_one_has_vanished() -> None:
    table = tracker(full(1, CONFIRMED))
    fresh = Dialog(id="1", call_id="c9", state="early")
    assert table.apply(full(2, fresh)) == Update(changed=(fresh,), vanished=(CONFIRMED,))
    ended = replace(fresh, state="terminated")
    table.apply(full(3, ended))
    again = Dialog(id="1", call_id="c10", state="early")
    assert table.apply(full(4, again)) == Update(changed=(again,))


def test_one_id_twice_in_a_document_is_two_dialogs() -> None:
    back = replace(EARLY, direction="initiator")
    table = DialogInfoTracker()
    assert table.apply(full(1, EARLY, back)).changed == (EARLY, back)
    assert table.apply(full(2, EARLY, back)) == Update()


def test_partial_documents_cannot_pile_up_without_end() -> None:
    table = DialogInfoTracker(dialog_limit=3)
    table.apply(full(0, Dialog(id="live", state="early")))
    for version in range(1, 6):
        table.apply(partial(version, Dialog(id=f"ended {version}", state="terminated")))
    assert [dialog.id for dialog in table.dialogs] == ["live", "ended 4", "ended 5"]
    update = table.apply(partial(6, *(Dialog(id=f"live {n}", state="early") for n in range(3))))
    assert [dialog.id for dialog in update.vanished] == ["live"]
    assert len(table.dialogs) == 3
