"""How the process starts. Nothing in here knows medicine, and `registry` never imports it."""

from config.celery import app as celery_app

__all__ = ["celery_app"]
