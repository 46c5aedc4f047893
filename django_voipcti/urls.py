"""Addresses for the outside: ``path("voipcti/", include("django_voipcti.urls"))`` in the host's URL configuration."""

from django.urls import path

from . import views

app_name = "voipcti"

urlpatterns = [
    path("webhooks/<slug:alias>/", views.webhook, name="webhook"),
]
