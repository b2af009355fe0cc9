"""Every URL asks for a login (LoginRequiredMiddleware) but the login page and /healthz."""

from django.urls import include, path

urlpatterns = [
    path("api/", include("labeling.api.urls")),
    path("dicomweb/", include("labeling.api.dicomweb_urls")),
    path("", include("labeling.pages.urls")),
]
