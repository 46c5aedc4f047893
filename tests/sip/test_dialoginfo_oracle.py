"""Our reader of dialog-info documents against defusedxml, which is slower, known to be safe, and not ours."""

import xml.etree.ElementTree as ElementTree

import defusedxml.ElementTree
import pytest
from defusedxml.common import DefusedXmlException

from django_voipcti.sip.dialoginfo import parse_dialog_info
from django_voipcti.sip.exceptions import SipError
from django_voipcti.sip.messages import Request, parse_message
from tests.sip import transcripts

_NAMESPACE = "{urn:ietf:params:xml:ns:dialog-info}"


def bodies():
    """Every dialog-info document that real servers sent in the lab."""
    found = []
    for path in transcripts.PATHS:
        for item in transcripts.read(path):
            if isinstance(item, transcripts.Frame) and b"<dialog-info" in item.data:
                message = parse_message(item.data)
                if isinstance(message, Request):
                    found.append(message.body)
    return found


def by_defusedxml(body):
    root = defusedxml.ElementTree.fromstring(body, forbid_dtd=True)
    dialogs = []
    for dialog in root.iter(f"{_NAMESPACE}dialog"):
        ends = []
        for name in ("local", "remote"):
            end = dialog.find(f"{_NAMESPACE}{name}")
            identity = None if end is None else end.find(f"{_NAMESPACE}identity")
            ends.append("" if identity is None else (identity.text or "").strip())
        state = dialog.find(f"{_NAMESPACE}state")
        dialogs.append((dialog.get("id"), dialog.get("call-id"), (state.text or "").strip().lower(), *ends))
    return int(root.get("version")), root.get("state"), dialogs


def by_us(body):
    info = parse_dialog_info(body)
    return (
        info.version,
        info.state,
        [
            (
                dialog.id,
                dialog.call_id,
                dialog.state,
                dialog.local.identity_uri if dialog.local else "",
                dialog.remote.identity_uri if dialog.remote else "",
            )
            for dialog in info.dialogs
        ],
    )


def test_real_documents_are_read_alike():
    documents = bodies()
    assert len(documents) > 100
    for body in documents:
        assert by_us(body) == by_defusedxml(body)


@pytest.mark.parametrize(
    "attack",
    [
        b'<!DOCTYPE d [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><dialog-info>&b;</dialog-info>',
        b'<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/hostname">]><dialog-info>&x;</dialog-info>',
        b'<!DOCTYPE d SYSTEM "http://127.0.0.1:9/evil.dtd"><dialog-info/>',
    ],
    ids=["expansion", "external entity", "external definition"],
)
def test_both_refuse_what_every_attack_begins_with(attack):
    with pytest.raises((DefusedXmlException, ElementTree.ParseError)):
        by_defusedxml(attack)
    with pytest.raises(SipError):
        by_us(attack)
