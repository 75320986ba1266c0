"""The door for the web server. It stays shut where accounts of the demo exist outside of one."""

import os
from importlib import import_module

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

application = get_wsgi_application()
# After the set-up above, which loads the models; a registry with demo accounts does not start as production.
import_module("registry.access.sign_in").refuse_demo_accounts()

from django.db import connections  # noqa: E402

from registry.access.sign_in import refuse_demo_accounts  # noqa: E402

refuse_demo_accounts()
# gunicorn forks after reading this file, and two processes must not talk over one connection.
connections.close_all()
