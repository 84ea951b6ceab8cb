"""What Prometheus is told; counters are of this process, the queue is the database's."""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

REGISTRY: Final = CollectorRegistry()
SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

REQUESTS = Histogram(
    "rakurs_request_seconds", "Time of answers", ["route", "method", "status"], buckets=SECONDS, registry=REGISTRY
)
READINGS = Counter("rakurs_readings", "Studies by outcome", ["outcome"], registry=REGISTRY)
READING_SECONDS = Histogram("rakurs_reading_seconds", "Time of one reading", buckets=SECONDS, registry=REGISTRY)
TAKEN_UP = Counter("rakurs_taken_up", "Studies taken from a worker that was gone", registry=REGISTRY)
CACHE_HITS = Counter("rakurs_cache_hits", "Readings found in the cache", registry=REGISTRY)
CACHE_FAULTS = Counter("rakurs_cache_faults", "Times that Redis did not answer", registry=REGISTRY)
TURNED_AWAY = Counter("rakurs_turned_away", "Uploads answered with 503", registry=REGISTRY)
LOGIN_FAILURES = Counter("rakurs_login_failures", "Wrong passwords", registry=REGISTRY)
WAITING = Gauge("rakurs_studies_waiting", "Studies queued or being read", ["state"], registry=REGISTRY)
