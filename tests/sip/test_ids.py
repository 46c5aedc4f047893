"""Where identifiers come from."""

import re

from django_voipcti.sip.ids import BRANCH_MAGIC, IdFactory, SequentialIds


def test_identifiers_are_unguessable_and_of_the_form_that_the_rfc_wants() -> None:
    ids = IdFactory()
    assert re.fullmatch(r"z9hG4bK[0-9a-f]{16}", ids.branch())
    assert re.fullmatch(r"[0-9a-f]{12}\.invalid", ids.host())
    makers = [ids.branch, ids.tag, ids.call_id, ids.cnonce, ids.nonce, ids.contact_user, ids.host]
    assert len({maker() for maker in makers for _ in range(50)}) == 50 * len(makers)
    assert len(ids.token("odd", 7)) == 7


def test_sequential_identifiers_are_the_same_each_time() -> None:
    first, second = SequentialIds("a-"), SequentialIds("a-")
    assert [first.branch(), first.tag()] == [second.branch(), second.tag()] == [f"{BRANCH_MAGIC}a-branch1", "a-tag2"]
