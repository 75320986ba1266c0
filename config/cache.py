"""The cache, which must not be a reason why nobody can sign in."""

import logging
from collections.abc import Callable
from typing import Any

from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache
from redis import RedisError

logger = logging.getLogger(__name__)


def _shared_or_own(name: str) -> Callable[..., Any]:
    def ask(self: "SharedOrOwnCache", *args: Any, **kwargs: Any) -> Any:
        try:
            return getattr(super(SharedOrOwnCache, self), name)(*args, **kwargs)
        except RedisError as error:
            logger.warning("the shared cache is away, this process keeps its own: %s", type(error).__name__)
            return getattr(self.own, name)(*args, **kwargs)

    ask.__name__ = name
    return ask


class SharedOrOwnCache(RedisCache):
    """Valkey's memory; while it is away, each process's own.

    It counts failed logins and the requests of API keys, and holds nothing else. Without a broker people
    sign in and save as ever, and the limits hold for each process instead of for all.
    """

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        own = {name: value for name, value in params.items() if name != "OPTIONS"}
        self.own = LocMemCache("while the shared cache is away", own)

    add = _shared_or_own("add")
    get = _shared_or_own("get")
    set = _shared_or_own("set")
    touch = _shared_or_own("touch")
    delete = _shared_or_own("delete")
    has_key = _shared_or_own("has_key")
    incr = _shared_or_own("incr")
    get_many = _shared_or_own("get_many")
    set_many = _shared_or_own("set_many")
    delete_many = _shared_or_own("delete_many")
    clear = _shared_or_own("clear")
