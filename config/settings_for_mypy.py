"""The settings as the type checker reads them: it needs the models, and has no secrets."""

import os

os.environ["TESTING"] = "1"

from config.settings import *  # noqa: F403
