"""Serves diffusers with LitServe's dynamic batching, in one worker.

It follows lightning.ai/docs/litserve/features/batching: `max_batch_size` and `batch_timeout`, with its own `batch` and
`unbatch` because the inputs are not arrays. `predict` groups requests that can share a pipeline call. LitServe
evaluates the annotations of `decode_request`, so this module does not postpone them.
"""

import os
from typing import Any

import litserve
from fastapi import Response

from benchmarks.peers.pipeline import BATCH_WAIT_S, MAX_BATCH, PORT_VARIABLE, PeerRequest, Renderer


class Images(litserve.LitAPI):
    def setup(self, device: str) -> None:
        self.renderer = Renderer()

    def decode_request(self, request: dict[str, Any]) -> PeerRequest:
        return PeerRequest.from_json(request)

    def batch(self, inputs: list[PeerRequest]) -> list[PeerRequest]:
        return inputs

    def predict(self, batch: list[PeerRequest]) -> list[bytes]:
        return self.renderer.render(batch)

    def unbatch(self, output: list[bytes]) -> list[bytes]:
        return output

    def encode_response(self, output: bytes) -> Response:
        return Response(output, media_type="image/png")


if __name__ == "__main__":
    api = Images(max_batch_size=MAX_BATCH, batch_timeout=BATCH_WAIT_S, api_path="/generate")
    server = litserve.LitServer(api, accelerator="auto", devices=1, workers_per_device=1, timeout=False)
    server.run(host="127.0.0.1", port=int(os.environ[PORT_VARIABLE]), generate_client_file=False, log_level="warning")
