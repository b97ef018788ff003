"""Images by replicate."""

import base64
import io
import json
import os
import sys
from collections.abc import Iterable
from typing import Any

import replicate
from replicate.exceptions import ReplicateError
from replicate.helpers import FileOutput

client = replicate.Client(api_token=os.environ["DARKROOM_KEY"], base_url=os.environ["DARKROOM_URL"] + "/replicate")
MODEL = "darkroom/" + os.environ["DARKROOM_MODEL"]


def files(outputs: Iterable[FileOutput]) -> list[str]:
    return [base64.b64encode(output.read()).decode() for output in outputs]


def main(action: str) -> Any:
    asked = {"prompt": "a red circle", "num_inference_steps": 2, "seed": 7}
    if action == "run":
        return files(client.run(MODEL, input={**asked, "num_outputs": 2, "aspect_ratio": "5:3"}))
    if action == "poll":
        return files(client.run(MODEL, input=asked, wait=False))
    if action == "slow":
        return files(client.run(MODEL, input=asked, wait=1))
    if action == "version":
        version = client.models.get(MODEL).latest_version
        return files(client.run(f"{MODEL}:{version.id}", input=asked))
    if action == "file":
        start = io.BytesIO(base64.b64decode(os.environ["DARKROOM_IMAGE"]))
        return files(client.run(MODEL, input={**asked, "image": start, "num_inference_steps": 4}))
    if action == "stream":
        return [event.event.value for event in client.stream(MODEL, input=asked)]
    if action == "cancel":
        prediction = client.models.predictions.create(MODEL, input=asked)
        prediction.cancel()
        listed = [each.id for each in client.predictions.list()]
        return {"status": prediction.status, "listed": prediction.id in listed}
    try:
        client.run(MODEL, input={"prompt": "x", "width": 0})
    except ReplicateError as error:
        return {"status": error.status, "title": error.title, "detail": error.detail}
    return None


print(json.dumps(main(sys.argv[1])))
