from importlib import import_module

from django.apps import AppConfig


class RegistryConfig(AppConfig):
    name = "registry"
    verbose_name = "CAR T-cell long-term safety registry"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Registers the check that refuses demo accounts outside the demo; models are not loaded earlier.
        import_module("registry.access.sign_in")
