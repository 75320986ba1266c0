"""How often a key may ask."""

import logging
from typing import Any

from redis.exceptions import RedisError
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle

from registry.models import ApiKey

logger = logging.getLogger(__name__)


class KeyThrottle(SimpleRateThrottle):
    """Ten requests a second on average: 60,000 pages an hour, and no way to starve the clinic's pages."""

    scope = "key"
    rate = "600/min"

    def get_cache_key(self, request: Request, view: Any) -> str | None:
        key = request.auth
        return self.cache_format % {"scope": self.scope, "ident": key.pk} if isinstance(key, ApiKey) else None

    def allow_request(self, request: Request, view: Any) -> bool:
        try:
            return super().allow_request(request, view)
        except RedisError:
            # Reading must not depend on the broker: without it nobody is counted.
            logger.warning("API requests are not counted: the cache does not answer")
            return True
