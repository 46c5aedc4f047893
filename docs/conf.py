"""Sphinx configuration: Markdown by MyST, the furo theme, warnings are errors (`make docs`)."""

import django
from django.conf import settings

import django_voipcti

settings.configure(
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django_voipcti"],
    USE_TZ=True,
)
django.setup()

project = "django_voipcti"
author = "the django_voipcti maintainers"
copyright = f"2026, {author}"
release = version = django_voipcti.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"django_voipcti {release}"
html_static_path = []

myst_enable_extensions = ["attrs_block", "colon_fence", "deflist", "fieldlist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "description"
