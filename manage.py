#!/usr/bin/env python
"""Django's command line; `bin/manage` runs it inside the environment with the engines started."""

import os
import sys

from django.core.management import execute_from_command_line

from config.env import NotConfigured

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    try:
        execute_from_command_line(sys.argv)
    except NotConfigured as refusal:
        sys.exit(str(refusal))
