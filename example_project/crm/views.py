"""The pages of the CRM. Everybody who is logged in sees all records; calls are shown by the package's own rules."""

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.mixins import UserPassesTestMixin
from django.contrib.contenttypes.models import ContentType
from django.db.models import Count, Model, Prefetch, Q, QuerySet, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse_lazy
from django.utils import timezone
from django.views.generic import CreateView, DetailView, ListView, TemplateView, UpdateView

from django_voipcti.enums import Direction, EndReason
from django_voipcti.models import Call, Line, PhonebookChoice

from .context import sees_others
from .forms import ContactForm, NoteForm
from .models import Company, Contact, Deal

OPEN_STAGES = [Deal.Stage.LEAD, Deal.Stage.QUALIFIED, Deal.Stage.PROPOSAL]


def attached_numbers(record: Model) -> QuerySet[PhonebookChoice]:
    """Numbers that somebody attached to the record in the pop of a call; they stand in none of its own fields."""
    kind = ContentType.objects.get_for_model(record)
    return PhonebookChoice.objects.filter(content_type=kind, object_id=str(record.pk), is_attached=True)


class Dashboard(TemplateView):
    """The user's day: calls of today and the last ones before, contacts, and deals that close soon."""

    template_name = "crm/dashboard.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        user = self.request.user
        today = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
        every = Call.objects.of_user(user).select_related("line").order_by("-started_at")
        calls = every.filter(started_at__gte=today)
        deals = Deal.objects.filter(owner=user, stage__in=OPEN_STAGES)
        return super().get_context_data(
            now=timezone.localtime(),
            calls=calls[:8],
            earlier=every.filter(started_at__lt=today)[:5],
            figures=calls.aggregate(
                total=Count("pk"),
                inbound=Count("pk", filter=Q(direction=Direction.INBOUND)),
                missed=Count("pk", filter=Q(end_reason=EndReason.MISSED)),
            ),
            deals=deals.select_related("company", "contact")[:5],
            deal_value=deals.aggregate(total=Sum("value"))["total"] or 0,
            contacts=Contact.objects.with_details().filter(owner=user)[:6],
            contact_count=Contact.objects.filter(owner=user).count(),
            **kwargs,
        )


class ContactList(ListView):
    """All contacts, searchable by anything that stands on their page."""

    template_name = "crm/contact_list.html"
    context_object_name = "contacts"
    paginate_by = 20

    def get_queryset(self) -> QuerySet[Contact]:
        contacts = Contact.objects.with_details()
        if text := self.request.GET.get("q", "").strip():
            contacts = contacts.search(text)
        if self.request.GET.get("mine"):
            contacts = contacts.filter(owner=self.request.user)
        return contacts

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        parameters = self.request.GET.copy()
        parameters.pop("page", None)
        return super().get_context_data(
            query=self.request.GET.get("q", "").strip(),
            mine=bool(self.request.GET.get("mine")),
            parameters=parameters.urlencode(),
            **kwargs,
        )


class ContactPage(DetailView):
    """One person: numbers to click, notes, deals, and every call."""

    template_name = "crm/contact.html"
    context_object_name = "contact"
    queryset = Contact.objects.with_details().prefetch_related("deals__company", "notes__author")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        kwargs.setdefault("form", NoteForm())
        return super().get_context_data(attached=attached_numbers(self.object), **kwargs)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Add a note."""
        self.object = self.get_object()
        form = NoteForm(request.POST)
        if not form.is_valid():
            return self.render_to_response(self.get_context_data(form=form))
        form.instance.contact, form.instance.author = self.object, request.user
        form.save()
        return redirect(f"{self.object.get_absolute_url()}#notes")


class ContactCreate(CreateView):
    """A new contact; `?phone=` fills in the number of a caller nobody knew."""

    model = Contact
    form_class = ContactForm
    template_name = "crm/contact_form.html"

    def get_initial(self) -> dict[str, Any]:
        return {"owner": self.request.user, "phone": self.request.GET.get("phone", "")}


class ContactEdit(UpdateView):
    """Change a contact."""

    model = Contact
    form_class = ContactForm
    template_name = "crm/contact_form.html"


class CompanyList(ListView):
    """All companies with the number of people and the value of open deals."""

    template_name = "crm/company_list.html"
    context_object_name = "companies"

    def get_queryset(self) -> QuerySet[Company]:
        return Company.objects.annotate(people=Count("contacts"))


class CompanyPage(DetailView):
    """One company: its people and its deals."""

    template_name = "crm/company.html"
    context_object_name = "company"
    queryset = Company.objects.prefetch_related(
        Prefetch("contacts", Contact.objects.with_details()), "deals__contact", "deals__owner"
    )

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(attached=attached_numbers(self.object), **kwargs)


class FiguresPage(TemplateView):
    """How the calls go: the package's dashboard, which shows each user what he may see."""

    template_name = "crm/figures.html"


class ReferencePage(TemplateView):
    """A page for VoIPstudio's original connector, on this one: the panel is not on it."""

    template_name = "crm/reference.html"


class TeamPage(UserPassesTestMixin, TemplateView):
    """Who is reachable, who is talking, and how the day goes: for leads, and those who may watch everybody's lines."""

    template_name = "crm/team.html"
    login_url = reverse_lazy("login")

    def test_func(self) -> bool:
        return sees_others(self.request.user)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        today = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
        todays = Q(voipcti_lines__calls__started_at__gte=today)
        lines = Line.objects.visible_to(self.request.user)
        members = (
            get_user_model()
            .objects.filter(pk__in=lines.values("user"))
            .annotate(
                calls_today=Count("voipcti_lines__calls", filter=todays),
                missed_today=Count(
                    "voipcti_lines__calls",
                    filter=todays & Q(voipcti_lines__calls__end_reason=EndReason.MISSED),
                ),
            )
            .prefetch_related(Prefetch("voipcti_lines", lines.order_by("extension")))
            .order_by("first_name")
        )
        live = Call.objects.visible_to(self.request.user).live().select_related("line__user")
        latest = Call.objects.visible_to(self.request.user).select_related("line__user").order_by("-started_at")
        return super().get_context_data(members=members, live=live, latest=latest[:10], **kwargs)
