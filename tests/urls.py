"""Addresses of the test project: the admin, and the package where a host would mount it."""

from django.contrib import admin
from django.urls import include, path

from tests.testapp.views import record

urlpatterns = [
    path("admin/", admin.site.urls),
    path("voipcti/", include("django_voipcti.urls")),
    path("contacts/<int:pk>/", record, {"model": "contact"}, name="contact"),
    path("companies/<int:pk>/", record, {"model": "company"}, name="company"),
]
