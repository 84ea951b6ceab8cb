"""The cache of several processes: Redis, without which everything still works, only slower."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any, TypeVar

from django.core.cache.backends.redis import RedisCache
from redis.exceptions import RedisError

from rakurs.service.readings import metrics

T = TypeVar("T")
log = logging.getLogger(__name__)


class JSONSerializer:
    """Values as JSON: whoever can write into Redis must not be able to run code here, as with pickle they could."""

    def dumps(self, value: Any) -> bytes:
        """A value as bytes."""
        return json.dumps(value).encode()

    def loads(self, content: bytes) -> Any:
        """The value of these bytes."""
        return json.loads(content)


class LenientRedisCache(RedisCache):
    """Redis that may be gone: what is asked of it is then not there, and what is given to it is lost."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        params["OPTIONS"] = {**params.get("OPTIONS", {}), "serializer": JSONSerializer()}
        super().__init__(server, params)

    def get(  # noqa: PLR0917  # Django's signature
        self, key: str, default: Any = None, version: int | None = None
    ) -> Any:
        """The value, or `default` where it is not there or Redis is not."""
        return self._try(lambda: RedisCache.get(self, key, default, version), default)

    def set(  # noqa: PLR0917  # Django's signature
        self, key: str, value: Any, timeout: Any = 300, version: int | None = None
    ) -> None:
        """Keep the value, if Redis is there."""
        self._try(lambda: RedisCache.set(self, key, value, timeout, version), None)

    def add(  # noqa: PLR0917  # Django's signature
        self, key: str, value: Any, timeout: Any = 300, version: int | None = None
    ) -> bool:
        """Keep the value where there is none, if Redis is there."""
        return self._try(lambda: bool(RedisCache.add(self, key, value, timeout, version)), False)

    def incr(self, key: str, delta: int = 1, version: int | None = None) -> int:  # noqa: PLR0917  # Django's signature
        """Count up; without Redis the count stays at `delta`."""
        return self._try(lambda: int(RedisCache.incr(self, key, delta, version)), delta)

    def delete(self, key: str, version: int | None = None) -> bool:
        """Forget the value, if Redis is there."""
        return self._try(lambda: bool(RedisCache.delete(self, key, version)), False)

    def _try(self, ask: Callable[[], T], otherwise: T) -> T:
        try:
            return ask()
        except (RedisError, ValueError):
            metrics.CACHE_FAULTS.inc()
            log.warning("Redis does not answer; going on without it")
            return otherwise
