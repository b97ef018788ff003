"""The extraction of images from responses."""

from __future__ import annotations

import pytest

from benchmarks.load.apis import DarkroomApi, InvalidResponse


@pytest.mark.parametrize("response", [b"", b"[]", b'{"data": []}', b'{"data": [{"b64_json": "*"}]}', b'{"data": null}'])
def test_a_response_without_an_image_is_invalid(response: bytes) -> None:
    with pytest.raises(InvalidResponse, match="no image"):
        DarkroomApi().extract_image(response)
