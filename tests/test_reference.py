"""Agreement with what the released code computes on tiny random weights (see reference/README.md)."""

import json
from collections import defaultdict
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from facemogle import FaceMoGLEPipeline, LabelMap
from facemogle.core.label_map import region_planes
from facemogle.models.autoencoder import encode_planes
from facemogle.models.text import encode_captions

REFERENCE = Path(__file__).parent / "reference"
RECORDED = json.loads((REFERENCE / "cases.json").read_text())
CASES = RECORDED["cases"]
SCALES = {"unit": 1.0, "thousand": 1000.0}


def assert_close(computed: torch.Tensor, recorded: torch.Tensor) -> None:
    torch.testing.assert_close(computed, recorded, atol=1e-5, rtol=0.0)


@pytest.fixture(scope="module")
def expected():
    return load_file(REFERENCE / "expected.safetensors")


@pytest.fixture(scope="module", params=SCALES)
def scale_name(request):
    return request.param


@pytest.fixture(scope="module")
def pipe(scale_name):
    pipe = FaceMoGLEPipeline.from_flux(
        REFERENCE / "flux",
        lora=REFERENCE / "official" / "pytorch_lora_weights.safetensors",
        mogle=REFERENCE / "official" / "mogle.pt",
        gate_time_scale=SCALES[scale_name],
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe


def label_map_of(case) -> LabelMap:
    return LabelMap.read(REFERENCE / case["mask"])


def request_of(case) -> dict:
    names = (
        "height",
        "width",
        "num_inference_steps",
        "guidance_scale",
        "max_sequence_length",
        "mask_strength",
    )
    return {name: case[name] for name in names}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"case{case['case']}")
class TestCase:
    def test_captions(self, pipe, expected, case):
        tokens, pooled = encode_captions(
            [case["prompt"]],
            text_encoder=pipe.text_encoder,
            tokenizer=pipe.tokenizer,
            text_encoder_2=pipe.text_encoder_2,
            tokenizer_2=pipe.tokenizer_2,
            max_sequence_length=case["max_sequence_length"],
        )
        assert_close(tokens, expected[f"case{case['case']}.prompt_embeds"])
        assert_close(pooled, expected[f"case{case['case']}.pooled_prompt_embeds"])

    @torch.no_grad()
    def test_planes_gate_and_mix(self, pipe, expected, case, scale_name):
        key = f"case{case['case']}"
        planes, present = region_planes([label_map_of(case)], height=case["height"], width=case["width"])
        plane_BRNC = encode_planes(pipe.vae, planes, present)
        assert_close(plane_BRNC[0], expected[f"{key}.region_latents"])
        # The gate and the mixture from the recorded planes: no rounding of the encoder is counted twice.
        plane_BRNC = expected[f"{key}.region_latents"][None]
        expert_BRNC = pipe.mogle.experts(plane_BRNC)
        for t in RECORDED["gate_t"]:
            gate = pipe.mogle.gate(plane_BRNC[:, 0], expected[f"{key}.initial_latents"], torch.tensor([t]))
            assert_close(gate, expected[f"{key}.gate.{scale_name}.{t}"])
            mixed = pipe.mogle.mix(expert_BRNC, gate)
            assert_close(mixed, expected[f"{key}.mix.{scale_name}.{t}"])

    def test_latents_and_image(self, pipe, expected, case, scale_name):
        key, steps = f"case{case['case']}", []
        request = request_of(case) | {
            "mask": label_map_of(case),
            "latents": expected[f"{key}.initial_latents"],
            "callback_on_step_end": lambda pipe, index, timestep, tensors: steps.append(tensors["latents"]),
        }
        final = pipe(case["prompt"], output_type="latent", **request).images
        assert_close(steps[0], expected[f"{key}.step1_latents.{scale_name}"])
        assert_close(final, expected[f"{key}.final_latents.{scale_name}"])
        image = pipe(case["prompt"], output_type="pt", **request).images
        unit = (expected[f"{key}.image.{scale_name}"] / 2 + 0.5).clamp(0, 1)
        assert_close(image, unit)


def test_cases_of_one_request_shape_as_one_batch(pipe, expected, scale_name):
    groups = defaultdict(list)
    for case in CASES:
        groups[json.dumps(request_of(case))].append(case)
    batches = [cases for cases in groups.values() if len(cases) > 1]
    assert [[case["case"] for case in cases] for cases in batches] == [[0, 2]]
    for cases in batches:
        final = pipe(
            [case["prompt"] for case in cases],
            mask=[label_map_of(case) for case in cases],
            latents=torch.cat([expected[f"case{case['case']}.initial_latents"] for case in cases]),
            output_type="latent",
            **request_of(cases[0]),
        ).images
        recorded = torch.cat([expected[f"case{case['case']}.final_latents.{scale_name}"] for case in cases])
        assert_close(final, recorded)
