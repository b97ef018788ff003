"""LitServe with its dynamic batching, one worker.

Configured after lightning.ai/docs/litserve/features/batching: `max_batch_size` and `batch_timeout`, with `batch` and
`unbatch` written out because the inputs are no arrays. `predict` groups what arrived by what a call needs equal.
LitServe reads the annotations of `decode_request` as types, so they are not postponed here.
"""

import os
from typing import Any

import litserve
from fastapi import Response

from benchmarks.peers.pipeline import BATCH_WAIT_S, MAX_BATCH, PORT_VARIABLE, ImageRequest, Renderer


class Images(litserve.LitAPI):
    def setup(self, device: str) -> None:
        self.renderer = Renderer()

    def decode_request(self, request: dict[str, Any]) -> ImageRequest:
        return ImageRequest.from_json(request)

    def batch(self, inputs: list[ImageRequest]) -> list[ImageRequest]:
        return inputs

    def predict(self, batch: list[ImageRequest]) -> list[bytes]:
        return self.renderer.render(batch)

    def unbatch(self, output: list[bytes]) -> list[bytes]:
        return output

    def encode_response(self, output: bytes) -> Response:
        return Response(output, media_type="image/png")


if __name__ == "__main__":
    api = Images(max_batch_size=MAX_BATCH, batch_timeout=BATCH_WAIT_S, api_path="/generate")
    server = litserve.LitServer(api, accelerator="auto", devices=1, workers_per_device=1, timeout=False)
    server.run(host="127.0.0.1", port=int(os.environ[PORT_VARIABLE]), generate_client_file=False, log_level="warning")
