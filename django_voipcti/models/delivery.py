"""Webhook deliveries as they came in: stored first, worked off afterwards, kept for support."""

from django.db import models
from django.utils.translation import gettext_lazy as _

__all__ = ["WebhookDelivery"]


class WebhookDelivery(models.Model):
    """One delivery of one provider. The pair (alias, delivery id) is unique, so a repeated delivery is a no-op."""

    alias = models.CharField(_("provider"), max_length=50)
    delivery_id = models.CharField(_("delivery id"), max_length=190)
    headers = models.JSONField(_("headers"), default=dict, help_text=_("Without credentials."))
    body = models.TextField(_("body"))
    received_at = models.DateTimeField(_("received"), db_index=True)
    processed_at = models.DateTimeField(_("processed"), null=True)
    failure = models.TextField(_("failure"), blank=True)

    class Meta:
        verbose_name = _("webhook delivery")
        verbose_name_plural = _("webhook deliveries")
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(fields=("alias", "delivery_id"), name="voipcti_delivery_alias_id_unique"),
        )

    def __str__(self) -> str:
        return f"{self.alias}: {self.delivery_id}"
