"""The pages of the CRM."""

from django.urls import path

from . import views

urlpatterns = [
    path("", views.Dashboard.as_view(), name="dashboard"),
    path("contacts/", views.ContactList.as_view(), name="contacts"),
    path("contacts/new/", views.ContactCreate.as_view(), name="contact-new"),
    path("contacts/<int:pk>/", views.ContactPage.as_view(), name="contact"),
    path("contacts/<int:pk>/edit/", views.ContactEdit.as_view(), name="contact-edit"),
    path("companies/", views.CompanyList.as_view(), name="companies"),
    path("companies/<int:pk>/", views.CompanyPage.as_view(), name="company"),
    path("calls/", views.FiguresPage.as_view(), name="figures"),
    path("connector/", views.ReferencePage.as_view(), name="reference"),
    path("team/", views.TeamPage.as_view(), name="team"),
]
