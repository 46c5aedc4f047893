"""`manage.py seed_demo`: users, records, past calls, and lines that are logged in at the provider as users do it."""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from asgiref.sync import async_to_sync
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractUser, Group, Permission
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import timezone

from crm import demo_data
from crm.models import Company, Contact, Deal, Note
from demo.pbx.server import password_of
from django_voipcti import journal, phonebook, sessions
from django_voipcti.calllog import rollup
from django_voipcti.enums import CallState, Direction, Source
from django_voipcti.events import CallUpdate, Party
from django_voipcti.exceptions import AuthenticationFailed
from django_voipcti.models import Call, CallOutcome, DoNotCallNumber, Line, PopRule, Team
from django_voipcti.redaction import PhoneNumber, Secret


class Command(BaseCommand):
    """Safe to run again: what is there stays as it is."""

    help = "Fill the CRM with demo users, records and telephone lines. What exists is left alone."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--migrate", action="store_true", help="make or update the tables first")
        parser.add_argument("--no-lines", action="store_true", help="do not log in at the telephone provider")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["migrate"]:
            call_command("migrate", verbosity=0)
        with transaction.atomic():
            users = seed_users()
            seed_teams(users)
            seed_records(users)
            seed_rules()
        if not options["no_lines"]:
            for username, login in demo_data.LINES[settings.TELEPHONE_SYSTEM].items():
                log_in(users[username], login)
            seed_history(users)
        self.stdout.write(
            f"{len(users)} users, {Company.objects.count()} companies, {Contact.objects.count()} contacts, "
            f"{Line.objects.count()} lines"
        )


def seed_users() -> dict[str, AbstractUser]:
    """Make the demo's users and return them by log-in name. Whom an agent may not view he knows no caller of."""
    users = {}
    agents, _made = Group.objects.get_or_create(name="Agents")
    agents.permissions.set(Permission.objects.filter(content_type__app_label="crm", codename__in=demo_data.AGENTS_MAY))
    for username, first, last, email, staff in demo_data.USERS:
        user, created = get_user_model().objects.get_or_create(
            username=username,
            defaults={
                "first_name": first,
                "last_name": last,
                "email": email,
                "is_staff": staff,
                "is_superuser": staff,
            },
        )
        if created:
            user.set_password(demo_data.PASSWORD)
            user.save(update_fields=["password"])
        user.groups.add(agents)
        users[username] = user
    return users


def seed_teams(users: dict[str, AbstractUser]) -> None:
    """Make the teams, unless there are some already."""
    if Team.objects.exists():
        return
    for name, members, leads in demo_data.TEAMS:
        team = Team.objects.create(name=name)
        team.members.set(users[username] for username in members)
        team.leads.set(users[username] for username in leads)


def seed_records(users: dict[str, AbstractUser]) -> None:
    """Make companies, contacts, deals and notes, unless there are contacts already."""
    if Contact.objects.exists():
        return
    today = timezone.localdate()
    agents = [users["ana"], users["ben"]]
    companies, owners = {}, {}
    for position, (name, industry, city, country, phone) in enumerate(demo_data.COMPANIES):
        companies[name] = Company.objects.create(
            name=name,
            industry=industry,
            city=city,
            country=country,
            phone=phone,
            website=f"https://{'-'.join(''.join(c if c.isalnum() else ' ' for c in name.lower()).split())}.example",
        )
        owners[name] = agents[position % len(agents)]
    contacts = {}
    for position, (name, role, company, phone, mobile) in enumerate(demo_data.CONTACTS):
        contacts[name] = Contact.objects.create(
            name=name,
            role=role,
            company=companies.get(company),
            phone=phone,
            mobile=mobile,
            email=email_of(name, companies.get(company)),
            owner=owners.get(company) or agents[position % len(agents)],
        )
    for title, company, contact, stage, value, days in demo_data.DEALS:
        Deal.objects.create(
            title=title,
            company=companies[company],
            contact=contacts[contact],
            owner=owners[company],
            stage=stage,
            value=value,
            closes_on=today + timedelta(days=days),
        )
    for contact, author, days, text in demo_data.NOTES:
        note = Note.objects.create(contact=contacts[contact], author=users[author], text=text)
        # created_at is set on creation, whatever is passed.
        Note.objects.filter(pk=note.pk).update(created_at=timezone.now() - timedelta(days=days, hours=2))


def seed_rules() -> None:
    """Make the rules of what a call does on the screen, unless there are some already."""
    if PopRule.objects.exists():
        return
    for position, (name, conditions, action) in enumerate(demo_data.POP_RULES, start=1):
        PopRule.objects.create(name=name, position=10 * position, action=action, **conditions)
    for number, why in demo_data.IGNORED:
        phonebook.ignore(number, note=why)
    for number, why in demo_data.DO_NOT_CALL:
        DoNotCallNumber.objects.create(pattern=number, note=why)
    for position, (name, asks_for_date) in enumerate(demo_data.CALL_OUTCOMES, start=1):
        CallOutcome.objects.get_or_create(name=name, defaults={"position": position, "asks_for_date": asks_for_date})


def email_of(name: str, company: Company | None) -> str:
    """An e-mail address such as the person would have."""
    words = [word for word in "".join(c if c.isalnum() else " " for c in name.lower()).split() if word != "dr"]
    domain = company.website.removeprefix("https://") if company else "mail.example"
    return f"{'.'.join(words)}@{domain}"


def log_in(user: AbstractUser, login: str) -> None:
    """Give the user a line by logging in with the account's password, unless he has one that works."""
    line = Line.objects.filter(user=user).exclude(secrets="").first()
    if line is not None and is_accepted(line):
        return
    password = password_of(login) if settings.TELEPHONE_SYSTEM == "sip" else demo_data.LINE_PASSWORD
    outcome = async_to_sync(sessions.login)(user, username=login, password=Secret(password))
    if not isinstance(outcome, Line):
        raise CommandError(f"The telephone provider asks for a second factor for {login}; the demo expects none.")
    # A SIP server knows no names.
    Line.objects.filter(pk=outcome.pk, label="").update(label=user.get_full_name())


def is_accepted(line: Line) -> bool:
    """Whether the provider takes the stored credentials: a simulator that was started again knows no old ones."""
    try:
        async_to_sync(line.backend.check_account)(line.as_account())
    except AuthenticationFailed:
        return False
    return True


def seed_history(users: dict[str, AbstractUser]) -> None:
    """Record some calls of the past days, as the provider's history tells them, unless there are calls already."""
    if Call.objects.exists():
        return
    lines = {line.user_id: line for line in Line.objects.filter(user__in=users.values())}
    updates = []
    for position, (agent, number, inbound, when, ringing, talking) in enumerate(demo_data.PAST_CALLS):
        line, started = lines.get(users[agent].pk), moment_of(when)
        if line is None:
            continue
        answered = started + timedelta(seconds=ringing) if talking else None
        updates.append(
            CallUpdate(
                provider=line.provider,
                account=line.account,
                external_id=f"demo-{position}",
                source=Source.CDR,
                observed_at=timezone.now(),
                state=CallState.HANGUP,
                direction=Direction.INBOUND if inbound else Direction.OUTBOUND,
                own=Party(number=PhoneNumber(line.extension), account=line.account),
                other=Party(number=PhoneNumber(number)),
                started_at=started,
                answered_at=answered,
                ended_at=started + timedelta(seconds=ringing + talking),
                key=f"demo-{position}",
            )
        )
    # As a history is read: oldest first.
    journal.record(updates[::-1])
    for updates in made_history(list(lines.values())):
        journal.record(updates, tell_pages=False)
    now = timezone.now()
    for _days in rollup.roll(rollup.due(now), now):
        pass


def made_history(lines: list[Line]) -> Iterator[list[CallUpdate]]:
    """A quarter of ordinary working days before the calls above, one list a day: what the dashboard shows."""
    chance = random.Random(1876)  # noqa: S311  no secret
    callers = demo_data.REGULARS
    weights = range(len(callers) + 2, 2, -1)
    today = timezone.localtime().replace(minute=0, second=0, microsecond=0)
    for age in range(demo_data.HISTORY_DAYS, 0, -1):
        day = today - timedelta(days=age)
        busy = demo_data.BUSY_WEEKDAYS[day.weekday()]
        updates: list[CallUpdate] = []
        for number in range(chance.randint(busy // 2, busy)):
            hour = chance.choices(range(8, 19), demo_data.BUSY_HOURS)[0]
            start = day.replace(hour=hour) + timedelta(seconds=chance.randrange(3600))
            updates += made_conversation(
                chance, lines, f"past-{age}-{number}", start, chance.choices(callers, weights)[0]
            )
        if updates:
            yield updates


def made_conversation(
    chance: random.Random, lines: list[Line], name: str, start: datetime, caller: str
) -> Iterator[CallUpdate]:
    """A call that rings at everybody of the group, or one that somebody places."""
    talk = timedelta(seconds=round(chance.lognormvariate(5, 0.8)))
    if chance.random() < 0.4:
        line, wait = chance.choice(lines), timedelta(seconds=chance.randint(4, 25))
        answer = start + wait if chance.random() < 0.75 else None
        yield made_leg(
            line, name, Direction.OUTBOUND, caller, start, answer, (answer or start + wait) + talk * bool(answer)
        )
        return
    wait = timedelta(seconds=min(round(chance.lognormvariate(2.2, 0.7)), 90))
    taker = chance.choice(lines) if chance.random() < 0.86 else None
    for line in lines:
        answer = start + wait if line is taker else None
        yield made_leg(
            line, name, Direction.INBOUND, caller, start, answer, start + wait + (talk if answer else timedelta())
        )


def made_leg(
    line: Line, name: str, direction: Direction, other: str, start: datetime, answer: datetime | None, end: datetime
) -> CallUpdate:
    """One line's part of a conversation, as the provider's history has it."""
    return CallUpdate(
        provider=line.provider,
        account=line.account,
        external_id=f"{name}-{line.account}",
        key=f"{name}-{line.account}",
        conversation_id=name,
        source=Source.CDR,
        observed_at=timezone.now(),
        state=CallState.HANGUP,
        direction=direction,
        own=Party(number=PhoneNumber(line.extension), account=line.account),
        other=Party(number=PhoneNumber(other)),
        started_at=start,
        answered_at=answer,
        ended_at=end,
    )


def moment_of(when: int | tuple[int, str]) -> datetime:
    """Some minutes ago, or a time of day some days ago."""
    now = timezone.localtime()
    if isinstance(when, int):
        return now - timedelta(minutes=when)
    days, clock = when
    hour, minute = map(int, clock.split(":"))
    return now.replace(hour=hour, minute=minute, second=0, microsecond=0) - timedelta(days=days)
