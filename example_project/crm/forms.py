"""Forms of the CRM."""

from django import forms

from .models import Contact, Note


class NoteForm(forms.ModelForm):
    """One more note about a contact."""

    class Meta:
        model = Note
        fields = ["text"]
        labels = {"text": "Note"}
        widgets = {"text": forms.Textarea(attrs={"rows": 3, "placeholder": "What was said, what comes next…"})}


class ContactForm(forms.ModelForm):
    """A person's record. Numbers may be typed in any spelling."""

    class Meta:
        model = Contact
        fields = ["name", "role", "company", "phone", "mobile", "email", "owner"]
