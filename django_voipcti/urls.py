"""Addresses for the outside: ``path("voipcti/", include("django_voipcti.urls"))`` in the host's URL configuration."""

from django.urls import path

from . import views
from .recordings import recording

app_name = "voipcti"

urlpatterns = [
    path("recordings/<int:call>/", recording, name="recording"),
    path("webhooks/<slug:alias>/", views.webhook, name="webhook"),
]
