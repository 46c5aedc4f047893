"""The pages of the phone lab."""

from django.urls import path

from . import views

urlpatterns = [
    path("", views.page, name="lab"),
    path("phones/", views.phones, name="lab-phones"),
    path("do/", views.act, name="lab-act"),
]
