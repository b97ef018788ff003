"""Clients of AUTOMATIC1111's web UI: webuiapi, aaa1111, sd-backend-client and image-generation-mcp."""

from __future__ import annotations

from pipelines.fake import INFO
from tests.clients.running import Programs, decoded, parameters
from tests.harness.keys import secret_of
from tests.harness.wire.http_server import Harness

WEBUIAPI = ("a1111/webuiapi_images.py", "webuiapi")
AAA1111 = ("a1111/aaa1111_images.py", "aaa1111")
SD_BACKEND = ("a1111/sd_backend_images.py", "sd_backend_client")


def test_webuiapi_makes_images_and_reads_their_parameters(run: Programs) -> None:
    answer = run(*WEBUIAPI, "generate")
    info = answer["info"]

    assert [decoded(image).size for image in answer["images"]] == [(512, 512)] * 4
    assert info["all_seeds"] == [1003, 1004, 1005, 1006]
    assert (info["sampler_name"], info["width"], info["sd_model_name"]) == ("DPM++ SDE", 512, INFO.name)
    assert [parameters(image) for image in answer["images"]] == info["infotexts"]
    assert info["infotexts"][1].startswith(
        "a red circle\nNegative prompt: blurry\n"
        "Steps: 2, Sampler: DPM++ SDE, Schedule type: Karras, CFG scale: 7, Seed: 1004, Size: 512x512,"
    )
    assert 'Ignored weights: "red circle:1.3"' in info["infotexts"][0]
    assert answer["read"] == info["infotexts"][1]
    assert answer["parameters"]["prompt"] == "a (red circle:1.3)"


def test_webuiapi_changes_an_image_under_a_mask(run: Programs, server: Harness) -> None:
    answer = run(*WEBUIAPI, "change")
    left, right = [decoded(answer["images"][0]).convert("RGB").getpixel(place) for place in ((40, 48), (120, 48))]

    assert left != right == (255, 0, 0)
    assert answer["info"]["denoising_strength"] == 0.5
    assert server.engine.jobs[-1].images[0].strength == 0.5


def test_webuiapi_reads_all_lists_and_the_model(run: Programs) -> None:
    found = run(*WEBUIAPI, "lists")

    assert found["model"] == found["sd_models"][0]["title"] == INFO.name
    assert {"name": "karras", "label": "Karras"}.items() <= found["schedulers"][1].items()
    assert found["scripts"] == {"txt2img": [], "img2img": []}


def test_webuiapi_gets_what_is_finished_after_an_interrupt(run: Programs, server: Harness) -> None:
    server.engine.step_s = 0.02
    answer = run(*WEBUIAPI, "interrupt")

    assert 1 <= answer["images"] < 8
    assert len(answer["seeds"]) == answer["images"]
    assert answer["running"]["state"]["job_count"] == 8
    assert 0 < answer["running"]["progress"] < 1


def test_webuiapi_raises_the_status_of_an_error(run: Programs) -> None:
    answer = run(*WEBUIAPI, "refuse")

    assert answer["status"] == 400
    assert set(answer["body"]) == {"error", "detail", "body", "errors"}
    assert answer["body"]["detail"].startswith("Sampler not found. There are: ")


def test_aaa1111_makes_and_changes_images(run: Programs) -> None:
    made, changed = run(*AAA1111, "generate"), run(*AAA1111, "change")

    assert (made["info"]["all_seeds"], made["info"]["sampler_name"]) == ([5, 6], "Euler a")
    assert len(made["sizes"]) == 2
    assert (changed["sizes"], changed["info"]["denoising_strength"]) == ([[160, 96]], 0.75)


def test_aaa1111_takes_every_list_for_the_web_uis(run: Programs) -> None:
    found = run(*AAA1111, "lists")

    assert [model["title"] for model in found["sd_models"]] == [INFO.name]
    assert found["upscalers"][0]["name"] == "None"
    assert (found["progress"]["progress"], found["progress"]["current_image"]) == (0.0, None)


def test_aaa1111_sends_the_settings_back(run: Programs) -> None:
    answer = run(*AAA1111, "settings")

    assert answer["before"] == answer["after"]
    assert answer["before"]["sd_model_checkpoint"] == INFO.name


def test_sd_backend_client_makes_and_changes_images(run: Programs) -> None:
    made = run(*SD_BACKEND, "generate")
    assert (made["seeds"], len(made["sizes"])) == ([5, 6], 2)
    assert "Sampler: DPM++ 2M, Schedule type: Karras" in made["infotexts"][0]

    for changed in run(*SD_BACKEND, "change"):
        assert changed["sizes"] == [[160, 96]]
        assert "Denoising strength: 0.75" in changed["infotexts"][0]


def test_sd_backend_client_finds_what_the_server_has(run: Programs) -> None:
    found = run(*SD_BACKEND, "lists")

    assert (found["checkpoints"], found["loras"], found["controlnet_models"]) == ([INFO.name], [], [])
    assert "dpmpp_2m_sde" in found["samplers"]
    assert "karras" in found["schedulers"]
    assert found["upscalers"] == ["Lanczos"]
    assert found["capabilities"]["scheduler"]
    assert not found["capabilities"]["controlnet"]


def test_sd_backend_client_cancels_its_job(run: Programs, server: Harness) -> None:
    server.engine.step_s = 0.02
    answer = run(*SD_BACKEND, "cancel")

    assert 0 < answer["progress"] < 1
    assert answer["status"] == "CANCELLED"
    assert server.engine.jobs[-1].canceled


def test_an_mcp_server_makes_an_image_with_its_key_in_the_address(run: Programs, server: Harness) -> None:
    address = server.url.replace("://", f"://me:{secret_of('alice')}@")
    answer = run("a1111/mcp_images.py", "image_generation_mcp", DARKROOM_ADDRESS=address)

    assert answer["status"]["status"] == "completed", answer["status"]
    assert INFO.name in str(answer["providers"])
    assert parameters(answer["files"][0]).startswith(
        "a red circle\nNegative prompt: blurry\nSteps: 30, Sampler: DPM++ 2M,"
    )
    assert server.engine.jobs[-1].tenant == "alice"
