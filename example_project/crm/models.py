"""What a small sales team keeps: companies, the people there, deals and notes."""

from typing import Self

from django.conf import settings
from django.db import models
from django.urls import reverse

AVATAR_COLOURS = 8


class Company(models.Model):
    """An organisation that buys from us, or might."""

    name = models.CharField(max_length=120, unique=True)
    industry = models.CharField(max_length=80, blank=True)
    website = models.URLField(blank=True)
    phone = models.CharField("switchboard", max_length=40, blank=True)
    city = models.CharField(max_length=80, blank=True)
    country = models.CharField(max_length=80, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "companies"
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("company", args=[self.pk])


class ContactQuerySet(models.QuerySet["Contact"]):
    """Many-row rules of contacts."""

    def with_details(self) -> Self:
        """Fetch what a list of contacts shows in the same query."""
        return self.select_related("company", "owner")

    def search(self, text: str) -> Self:
        """Contacts by name, role, company or e-mail address, or by a number in any spelling."""
        from django_voipcti import phonebook

        model = self.model._meta.label_lower
        callers = [match.object_id for match in phonebook.lookup(text) if match.model == model]
        words = models.Q()
        for word in text.split():
            words &= (
                models.Q(name__icontains=word)
                | models.Q(role__icontains=word)
                | models.Q(email__icontains=word)
                | models.Q(company__name__icontains=word)
            )
        return self.filter(words | models.Q(pk__in=callers))


class Contact(models.Model):
    """A person. The numbers stay in the spelling that somebody typed; finding them is the phonebook's business."""

    name = models.CharField(max_length=120)
    role = models.CharField(max_length=120, blank=True)
    company = models.ForeignKey(Company, null=True, blank=True, on_delete=models.SET_NULL, related_name="contacts")
    phone = models.CharField(max_length=40, blank=True)
    mobile = models.CharField(max_length=40, blank=True)
    email = models.EmailField(blank=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="contacts"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ContactQuerySet.as_manager()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("contact", args=[self.pk])

    @property
    def initials(self) -> str:
        """First letters of the first and the last name."""
        words = self.name.split()
        return "".join(word[0] for word in (words[:1] + words[1:][-1:])).upper()

    @property
    def colour(self) -> int:
        """The number of this person's avatar colour, the same on every page."""
        return (self.pk or 0) % AVATAR_COLOURS


class Deal(models.Model):
    """Something that may be sold."""

    class Stage(models.TextChoices):
        LEAD = "lead", "Lead"
        QUALIFIED = "qualified", "Qualified"
        PROPOSAL = "proposal", "Proposal"
        WON = "won", "Won"
        LOST = "lost", "Lost"

    title = models.CharField(max_length=160)
    company = models.ForeignKey(Company, on_delete=models.CASCADE, related_name="deals")
    contact = models.ForeignKey(Contact, null=True, blank=True, on_delete=models.SET_NULL, related_name="deals")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="deals"
    )
    stage = models.CharField(max_length=10, choices=Stage.choices, default=Stage.LEAD)
    value = models.DecimalField("value in €", max_digits=10, decimal_places=2)
    closes_on = models.DateField("expected to close", null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["closes_on", "id"]

    def __str__(self) -> str:
        return self.title

    @property
    def is_open(self) -> bool:
        """Whether it is neither won nor lost."""
        return self.stage not in {self.Stage.WON, self.Stage.LOST}


class Note(models.Model):
    """What somebody wrote down about a contact."""

    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="notes")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    text = models.TextField(max_length=4000)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return self.text[:60]
