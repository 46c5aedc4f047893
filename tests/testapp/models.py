"""A host's records: people and companies with phone numbers in the spelling that somebody typed."""

from django.conf import settings
from django.db import models
from django.urls import reverse


class Company(models.Model):
    """A company with a switchboard number."""

    name = models.CharField(max_length=100)
    phone = models.CharField(max_length=40, blank=True)

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("company", args=[self.pk])


class Contact(models.Model):
    """A person with two numbers, who belongs to an agent and may work at a company."""

    name = models.CharField(max_length=100)
    phone = models.CharField(max_length=40, blank=True)
    mobile = models.CharField(max_length=40, blank=True)
    company = models.ForeignKey(Company, null=True, blank=True, on_delete=models.SET_NULL, related_name="contacts")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("contact", args=[self.pk])
