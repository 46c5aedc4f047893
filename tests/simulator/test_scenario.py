"""Accounts: the demo's, and those that are read from JSON."""

import json

import pytest

from django_voipcti.simulator import OutsideScript, PhoneScript, Scenario, demo_scenario, load_scenario
from django_voipcti.simulator.directory import Directory

USER = {"id": 7, "first_name": "A", "last_name": "B", "email": "a@b.test", "extension": "11"}


class TestDemo:
    def test_who_is_there(self):
        scenario = demo_scenario()
        assert [(user.id, user.name, user.extension) for user in scenario.users] == [
            (200341, "Ana Ruiz", "601"),
            (200342, "Ben Okafor", "602"),
            (200343, "Chris Lindqvist", "603"),
            (200344, "Dora Novak", "604"),
        ]
        assert [user.email for user in scenario.users if user.second_factor] == ["dora@example.test"]
        assert [user.email for user in scenario.users if user.supervisor] == ["chris@example.test"]
        assert [user.email for user in scenario.users if user.api_key] == ["ben@example.test"]
        assert scenario.groups[0].id == 70001

    def test_every_copy_is_fresh(self):
        demo_scenario().groups[0].away.add(1)
        demo_scenario().users[0].dnd = True
        assert demo_scenario().groups[0].away == set()
        assert demo_scenario().users[0].dnd is False

    def test_by_hand_or_by_itself(self):
        assert load_scenario("demo").users[0].script == PhoneScript(pick_up_after=1.5)
        assert load_scenario("demo").outside == {"*": OutsideScript(answer_after=3.0)}
        assert load_scenario("demo-by-hand").users[0].script == PhoneScript()
        assert load_scenario("demo-by-hand").outside == {}

    def test_secrets_are_not_printed(self):
        assert "demo-password" not in repr(demo_scenario())
        assert "b0b0" not in repr(demo_scenario())


class TestJson:
    def test_a_file(self, tmp_path):
        path = tmp_path / "account.json"
        data = {
            "customer": "Other",
            "users": [{**USER, "script": {"answer_after": 1}}],
            "groups": [{"id": 1, "name": "All", "number": "70", "members": [7], "away": [7]}],
            "services": [{"kind": "ivr", "id": 2, "name": "Menu", "number": "80", "menu": {"1": "11"}}],
            "numbers": {"442079460000": "70"},
            "outside": {"*": {"answer_after": 2}},
            "webhooks": [{"url": "http://127.0.0.1/"}],
        }
        path.write_text(json.dumps(data))
        scenario = load_scenario(str(path))
        assert scenario.customer == "Other"
        assert scenario.users[0].script == PhoneScript(answer_after=1)
        assert scenario.users[0].digest_password
        assert scenario.groups[0].away == {7}
        assert scenario.services[0].node == "ivr-2"
        assert scenario.webhooks[0].events == ["*"]

    @pytest.mark.parametrize(
        ("data", "message"),
        [
            ({"odd": 1}, "scenario: unknown odd"),
            ({"users": [{"id": 1}]}, "users: .*missing"),
            ({"users": [{**USER, "odd": 1}]}, "users: unknown odd"),
            ({"users": [{**USER, "script": {"odd": 1}}]}, "users.script: unknown odd"),
            ({"users": ["x"]}, "users: an object"),
            ({"users": [USER, {**USER, "extension": "12"}]}, "each id may stand once"),
            ({"outside": {"*": {"odd": 1}}}, "outside: unknown odd"),
        ],
    )
    def test_mistakes_are_named(self, data, message):
        with pytest.raises(ValueError, match=message):
            Scenario.from_dict(data)

    @pytest.mark.parametrize(
        ("data", "message"),
        [
            ({"users": [USER, {**USER, "id": 8}]}, "extension 11 stands twice"),
            ({"users": [USER], "numbers": {"442079460000": "99"}}, "which nobody has"),
        ],
    )
    def test_mistakes_between_entries_are_named(self, data, message):
        with pytest.raises(ValueError, match=message):
            Directory(Scenario.from_dict(data))

    def test_a_file_that_is_not_there(self):
        with pytest.raises(OSError, match="No such file"):
            load_scenario("/nowhere/account.json")
