"""The native dialect: durable jobs under /api/v1, and every path that no other dialect answers."""

from __future__ import annotations

from typing import Final

from service.api import health, stored_images
from service.api.dialects.jobs import capabilities, image_routes, joint_events, routes, upload_routes
from service.api.dialects.jobs.resolve import BODY_RULES
from service.api.dialects.jobs.webhooks import routes as webhook_routes
from service.api.http.dialect import Dialect
from service.api.http.problems import PROBLEM_MEDIA_TYPE, problem_body

DIALECT: Final = Dialect(
    name="jobs",
    prefix="",
    routers=(health.router, capabilities.router),
    job_store_routers=(
        routes.router,
        joint_events.router,
        image_routes.router,
        upload_routes.router,
        webhook_routes.router,
        stored_images.router,
    ),
    body_rules=BODY_RULES,
    error_media_type=PROBLEM_MEDIA_TYPE,
    error_body=problem_body,
)
