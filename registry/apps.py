from django.apps import AppConfig


class RegistryConfig(AppConfig):
    name = "registry"
    verbose_name = "CAR T-cell long-term safety registry"
    default_auto_field = "django.db.models.BigAutoField"
