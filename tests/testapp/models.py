"""A host's records: people and companies with phone numbers in the spelling that somebody typed."""

import uuid

from django.conf import settings
from django.db import models
from django.urls import reverse
from phonenumber_field.modelfields import PhoneNumberField

from django_voipcti.models.mixins import CallsMixin


class Company(models.Model):
    """A company with a switchboard number."""

    name = models.CharField(max_length=100)
    phone = models.CharField(max_length=40, blank=True)

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("company", args=[self.pk])


class Contact(CallsMixin):
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


class Group(models.Model):
    """A shared number that several people answer."""

    phone = models.CharField(max_length=40)


class Person(models.Model):
    """A record that holds numbers in every other way there is: JSON, related table, many-to-many, another record."""

    name = models.CharField(max_length=100)
    phone = models.CharField(max_length=200, blank=True)
    numbers = models.JSONField(default=list, blank=True)
    spouse = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    groups = models.ManyToManyField(Group, related_name="people", blank=True)
    country = models.CharField(max_length=2, blank=True)
    archived = models.BooleanField(default=False)

    def __str__(self) -> str:
        return self.name


class PersonNumber(models.Model):
    """One of the further numbers of a person."""

    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="further_numbers")
    value = models.CharField(max_length=40)


class VipPerson(Person):
    """A person with a table of its own beside the parent's."""

    level = models.PositiveSmallIntegerField(default=1)


class Customer(models.Model):
    """A record whose key is no integer and whose number is a field of django-phonenumber-field."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    name = models.CharField(max_length=100)
    phone = PhoneNumberField(blank=True, region="DE")

    def __str__(self) -> str:
        return self.name
