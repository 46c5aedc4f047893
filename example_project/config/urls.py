"""The addresses of the example CRM."""

from django.conf import settings
from django.contrib import admin
from django.contrib.auth import views as auth_views
from django.urls import include, path

urlpatterns = [
    path("", include("crm.urls")),
    path("login/", auth_views.LoginView.as_view(redirect_authenticated_user=True), name="login"),
    path("logout/", auth_views.LogoutView.as_view(), name="logout"),
    path("admin/", admin.site.urls),
    path("voipcti/", include("django_voipcti.urls")),
]
if settings.PHONES_URL:
    urlpatterns.append(path("lab/", include("lab.urls")))
