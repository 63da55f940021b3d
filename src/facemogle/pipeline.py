"""The front door: from a request (caption, mask, seed) to pictures."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
from diffusers import AutoencoderDC, AutoencoderKL, DiffusionPipeline, FluxPipeline, SchedulerMixin
from diffusers.utils import BaseOutput
from PIL import Image
from torch import Tensor
from transformers import CLIPTextModel, PreTrainedTokenizerBase, PreTrainedTokenizerFast, T5EncoderModel

from facemogle.core.flow import noised
from facemogle.core.label_map import LabelMap
from facemogle.core.latents import PATCH, start_noise, unpack
from facemogle.core.request import as_batch, check_request, mask_weights
from facemogle.models.autoencoder import decode, downscale, latent_channels
from facemogle.models.checkpoints import load_released_lora, load_released_mogle
from facemogle.models.dit import FaceMoGLETransformer
from facemogle.models.guided import GuidedVelocity
from facemogle.models.injection import MaskInjection
from facemogle.models.mask_memory import MaskLatents
from facemogle.models.mogle import MoGLE
from facemogle.models.passes import Experts, Pass, Row, rows_of_request
from facemogle.models.text import UNHEEDED, Reading, encode_captions, read_caption
from facemogle.models.timesteps import begin_at, set_timesteps

logger = logging.getLogger(__name__)

StepCallback = Callable[[DiffusionPipeline, int, Tensor, dict[str, Tensor]], dict[str, Tensor] | None]


@dataclass
class FaceMoGLEOutput(BaseOutput):
    """What a request gives.

    images: PIL images, or B x 3 x H x W in [0, 1], or packed latents B x N x C, as `output_type` asks.
    gates: with `return_gates`, weights B x S x R x N of every model evaluation, plane and token; zero for
    images without a mask and while the mask is outside its window.
    seeds: one an image, None where `latents` were given.
    unknown_words, truncated_words, doubtful_negations: what of its caption each image could not heed, a list
    an image, see `Reading`.
    """

    images: list[Image.Image] | Tensor
    gates: Tensor | None
    seeds: list[int] | None
    unknown_words: list[list[str]]
    truncated_words: list[list[str]]
    doubtful_negations: list[list[str]]


class FaceMoGLEPipeline(DiffusionPipeline):
    """Faces from a semantic mask, a caption, or both, with FLUX or with the embedded mini model.

    Source: Zou et al. 2025, arXiv:2509.00428. A transformer with guidance embeddings (FLUX.1-dev) is told the
    guidance scale; one without is guided by its own unconditional velocity (Ho and Salimans 2022), captions
    `caption_guidance` times as strongly as masks (after Brooks et al. 2023, arXiv:2211.09800, section 3.2).
    """

    model_cpu_offload_seq = "text_encoder->text_encoder_2->mogle->transformer->vae"
    _optional_components: ClassVar = ["text_encoder", "tokenizer"]
    _callback_tensor_inputs: ClassVar = ["latents"]

    def __init__(
        self,
        vae: AutoencoderKL | AutoencoderDC,
        text_encoder_2: T5EncoderModel,
        tokenizer_2: PreTrainedTokenizerBase,
        transformer: FaceMoGLETransformer,
        mogle: MoGLE | MaskInjection,
        scheduler: SchedulerMixin,
        text_encoder: CLIPTextModel | None = None,
        tokenizer: PreTrainedTokenizerBase | None = None,
        default_size: int = 512,
        default_steps: int = 28,
        default_guidance: float = 3.5,
        caption_guidance: float = 1.0,
        default_guidance_reuse: int = 1,
    ):
        super().__init__()
        self.register_modules(
            vae=vae,
            text_encoder=text_encoder,
            tokenizer=tokenizer,
            text_encoder_2=text_encoder_2,
            tokenizer_2=tokenizer_2,
            transformer=transformer,
            mogle=mogle,
            scheduler=scheduler,
        )
        self.register_to_config(
            default_size=default_size,
            default_steps=default_steps,
            default_guidance=default_guidance,
            caption_guidance=caption_guidance,
            default_guidance_reuse=default_guidance_reuse,
        )
        self._mask_latents = MaskLatents()

    @classmethod
    def mini(cls) -> FaceMoGLEPipeline:
        """The embedded 128 x 128 model, in float32; needs no network."""
        folder = str(files("facemogle") / "assets" / "mini")  # stored in half precision, slow on CPUs
        return cls.from_pretrained(folder, dtype=torch.float32, local_files_only=True, use_safetensors=True)

    @classmethod
    def from_flux(
        cls,
        flux: str | Path,
        *,
        lora: str | Path | None = None,
        mogle: str | Path | None = None,
        gate_time_scale: float = 1000.0,
        **loading: Any,
    ) -> FaceMoGLEPipeline:
        """FLUX.1-dev from a folder, with released adapters and MoGLE.

        Released weights were trained with t in (0, 1) at the gate but are sampled with t in (0, 1000] by the
        released code, hence the default gate_time_scale of 1000; 1 is what they were trained with. Without
        `mogle` the mixture is untrained. `loading` (dtype, ...) goes to diffusers' `from_pretrained`.
        """
        flux = str(flux)
        transformer = FaceMoGLETransformer.from_pretrained(flux, subfolder="transformer", **loading)
        if lora is not None:
            load_released_lora(transformer, lora)
        if mogle is None:
            mixture = MoGLE(transformer.config["in_channels"], gate_time_scale=gate_time_scale)
        else:
            mixture = load_released_mogle(mogle, gate_time_scale=gate_time_scale)
        base = FluxPipeline.from_pretrained(flux, transformer=transformer, **loading)
        parts = ("vae", "text_encoder", "tokenizer", "text_encoder_2", "tokenizer_2", "scheduler")
        components = {name: getattr(base, name) for name in parts}
        mixture.to(transformer.dtype)  # pyright: ignore[reportArgumentType] - diffusers hides the signature
        return cls(transformer=transformer, mogle=mixture, **components)

    @torch.no_grad()
    def __call__(
        self,
        prompt: str | Sequence[str] | None = None,
        *,
        mask: Any = None,
        seed: int | Sequence[int] | None = None,
        height: int | None = None,
        width: int | None = None,
        num_inference_steps: int | None = None,
        guidance_scale: float | None = None,
        mask_strength: float = 1.0,
        region_strength: Mapping[str, float] | None = None,
        mask_window: tuple[float, float] | None = None,
        mask_reuse: int = 1,
        guidance_reuse: int | None = None,
        latents: Tensor | None = None,
        clean: Tensor | None = None,
        depth: float = 1.0,
        max_sequence_length: int = 512,
        output_type: Literal["pil", "pt", "latent"] = "pil",
        callback_on_step_end: StepCallback | None = None,
        return_gates: bool = False,
    ) -> FaceMoGLEOutput:
        """Generate faces; prompt, mask and seed may be lists, single values hold for the whole batch.

        mask: whatever `LabelMap.of` takes, resized to the picture; None, also inside a list, for no mask.
        height, width: pixels, divisible by 16.
        mask_strength: factor >= 0 on the attention between mask tokens and all others.
        region_strength: the same per region name, weighted by the region's share of each mask token.
        mask_window: (t_high, t_low), the times in [0, 1] (1 is noise) between which the mask acts.
        mask_reuse: steps for which the mask stream is kept, where it attends to itself alone (`models.dit`);
        above 1 that is faster and only nearly the same picture.
        guidance_reuse: steps for which the guided velocity's difference from that under the own caption and
        mask is kept; above 1 that is faster and only nearly the same picture, for models without guidance
        embeddings. 2 is the mini model's own.
        latents: packed start noise B x N x 64 in place of the seeds'.
        clean, depth: packed latents of pictures, B x N x 64, and the time in (0, 1] to which they are noised
        to start from; the first of the model's times at or below it is taken, or the last. 1 is noise alone.
        callback_on_step_end: called as (pipeline, step, timestep, {"latents": ...}); may return new latents.

        Each image depends on its own prompt, mask and seed alone, not on the batch. ValueError names what is
        wrong.
        """
        size: int = self.config["default_size"]
        height, width = size if height is None else height, size if width is None else width
        steps = self.config["default_steps"] if num_inference_steps is None else num_inference_steps
        guidance = self.config["default_guidance"] if guidance_scale is None else guidance_scale
        reuse = {
            "guidance_reuse": self.config["default_guidance_reuse"]
            if guidance_reuse is None
            else guidance_reuse,
            "mask_reuse": mask_reuse,
        }
        counts = {
            "num_inference_steps": steps,
            "max_sequence_length": max_sequence_length,
            **reuse,
        }
        if mask_reuse > 1 and self.transformer.config["mask_attention"] != "self":
            raise ValueError(
                f"mask_reuse is {mask_reuse}, must be 1 for a model whose mask_attention is 'joint'"
            )
        if return_gates and not isinstance(self.mogle, MoGLE):
            raise ValueError("return_gates is True, must be False for a model whose mask has no gate")
        if reuse["guidance_reuse"] > 1 and self.transformer.config["guidance_embeds"]:
            raise ValueError(
                f"guidance_reuse is {reuse['guidance_reuse']}, "
                "must be 1 for a model that is told the guidance scale"
            )
        multiple = downscale(self.vae) * PATCH
        check_request(
            height=height,
            width=width,
            multiple=multiple,
            counts=counts,
            guidance=guidance,
            mask_strength=mask_strength,
            mask_window=mask_window,
            output_type=output_type,
        )
        if not 0 < depth <= 1 or (depth < 1 and clean is None):
            raise ValueError(
                f"depth is {depth}, must be in (0, 1], and 1 without clean latents to start from"
            )
        given = {
            name: len(value) for name, value in (("latents", latents), ("clean", clean)) if value is not None
        }
        prompts, label_maps, seeds = as_batch(prompt, mask, seed, **given)
        device = self._execution_device
        rows, columns = height // multiple, width // multiple
        readings = [self.read(text, max_sequence_length) for text in prompts]
        prompts = [reading.text for reading in readings]
        unheeded = {name: [getattr(reading, name) for reading in readings] for name in UNHEEDED}
        for name, what in UNHEEDED.items():
            if found := sorted({word for words in unheeded[name] for word in words}):
                logger.warning("the model %s: %s", what, ", ".join(found))

        shape = (len(prompts), rows * columns, latent_channels(self.vae) * PATCH**2)
        if latents is None:
            latents = start_noise(seeds, channels=shape[2], rows=rows, columns=columns)
        else:
            seeds = None  # no seed made these pictures
        for name, value in (("latents", latents), ("clean latents", clean)):
            if value is not None and value.shape != shape:
                raise ValueError(f"{name} are {tuple(value.shape)}, must be {shape}")
        x_BNC = latents.to(device, torch.float32)
        weight_BN = mask_weights(label_maps, mask_strength, region_strength, height, width, multiple)
        passes = self._passes(prompts, label_maps, weight_BN, guidance, height, width, max_sequence_length)

        set_timesteps(self.scheduler, steps, num_tokens=rows * columns, device=device)
        gates: list[Tensor] = []
        timesteps: Tensor = self.scheduler.timesteps
        # Not the timesteps, which UniPC cuts to whole thousandths; shifts round up.
        t_S = self.scheduler.sigmas[: len(timesteps)].to(device, torch.float32).clamp(max=1.0)
        if depth < 1:
            assert clean is not None
            begin = begin_at(self.scheduler, t_S, depth)
            timesteps, t_S = timesteps[begin:], t_S[begin:]
            x_BNC = noised(clean.to(x_BNC), x_BNC, t_S[:1])
        velocity_of = GuidedVelocity(self.transformer, self.mogle, passes, t_S, **reuse)
        with self.progress_bar(total=len(timesteps)) as progress:  # pyright: ignore[reportCallIssue]
            for index, timestep in enumerate(timesteps):
                t = float(t_S[index])
                acts = mask_window is None or mask_window[1] <= t <= mask_window[0]
                velocity, gate_BNR = velocity_of(x_BNC, index, mask_acts=acts)
                x_BNC: Tensor = self.scheduler.step(velocity, timestep, x_BNC, return_dict=False)[0]
                if return_gates:
                    gates.append(gate_BNR)
                if callback_on_step_end is not None:
                    changed = callback_on_step_end(self, index, timestep, {"latents": x_BNC})
                    x_BNC = (changed or {}).get("latents", x_BNC)
                progress.update()
        images = self._images(x_BNC, rows, columns, output_type)
        self.maybe_free_model_hooks()
        stacked = torch.stack(gates, dim=1).transpose(2, 3).cpu() if return_gates else None
        return FaceMoGLEOutput(images, stacked, seeds, **unheeded)

    def read(self, prompt: str, max_sequence_length: int = 512) -> Reading:
        """A caption as the model reads it: in the words that it learnt, and what of it is not heeded."""
        if self.text_encoder is not None or not isinstance(self.tokenizer_2, PreTrainedTokenizerFast):
            return Reading(prompt)  # FLUX's own tokenizers read any text
        length = min(max_sequence_length, self.tokenizer_2.model_max_length)
        return read_caption(prompt, self.tokenizer_2, length)

    # -- the request -----------------------------------------------------------------------------------------

    def _passes(
        self,
        prompts: list[str],
        label_maps: list[LabelMap | None],
        weight_BN: Tensor | None,
        guidance: float,
        height: int,
        width: int,
        max_sequence_length: int,
    ) -> list[Pass]:
        """What a step needs: one pass for rows with a mask, one for those without."""
        device, dtype = self._execution_device, self.transformer.dtype
        multiple = downscale(self.vae) * PATCH
        grid = {"rows": height // multiple, "columns": width // multiple}
        told: bool = self.transformer.config["guidance_embeds"]
        masked, plain = rows_of_request(
            prompts,
            [label_map is not None for label_map in label_maps],
            guidance=guidance,
            caption_guidance=self.config["caption_guidance"],
            told=told,
        )
        captions = list(dict.fromkeys(row.caption for row in (*masked, *plain)))
        tokens_BLX, pooled_BP = self._encode(captions, max_sequence_length)

        def prepared(rows: list[Row], **mask: Any) -> Pass:
            which = [captions.index(row.caption) for row in rows]
            scale = torch.full((len(rows),), guidance, device=device, dtype=dtype) if told else None
            context = self.transformer.prepare(tokens_BLX[which], pooled_BP[which], scale, **grid, **mask)
            images, weights = [row.image for row in rows], [row.weight for row in rows]
            return Pass(
                torch.tensor(images, device=device),
                torch.tensor(weights, device=device),
                torch.tensor([float(row.leads) for row in rows], device=device),
                context,
            )

        passes = []
        if masked:
            drawn = {i: label_map for i, label_map in enumerate(label_maps) if label_map is not None}
            plane_MRNC = self._mask_latents(
                self.vae, list(drawn.values()), height=height, width=width, device=device
            ).to(dtype)
            which_K = torch.tensor([list(drawn).index(row.image) for row in masked], device=device)
            weight_KN = None
            if weight_BN is not None:
                weight_KN = weight_BN[[row.image for row in masked]].to(device, dtype)
            if isinstance(self.mogle, MoGLE):
                joined = prepared(masked, mask=True, mask_weight_BN=weight_KN)
                image_M = torch.tensor(list(drawn), device=device)
                experts = Experts(image_M, which_K, self.mogle.experts(plane_MRNC), plane_MRNC[:, 0])
                passes.append(replace(joined, experts=experts))
            else:
                if weight_KN is not None:
                    raise ValueError(
                        "mask_strength and region_strength act on mask tokens, this model's mask has none"
                    )
                joined = prepared(masked, mask=False)
                context = self.mogle.inject(joined.context, plane_MRNC[which_K])
                passes.append(replace(joined, context=context))
        if plain:
            passes.append(prepared(plain, mask=False))
        return passes

    def _encode(self, prompts: Sequence[str], max_sequence_length: int) -> tuple[Tensor, Tensor]:
        tokens, pooled = encode_captions(
            prompts,
            text_encoder=self.text_encoder,
            tokenizer=self.tokenizer,
            text_encoder_2=self.text_encoder_2,
            tokenizer_2=self.tokenizer_2,
            max_sequence_length=max_sequence_length,
        )
        device, dtype = self._execution_device, self.transformer.dtype
        return tokens.to(device, dtype), pooled.to(device, dtype)

    def _images(self, x_BNC: Tensor, rows: int, columns: int, output_type: str) -> list[Image.Image] | Tensor:
        if output_type == "latent":
            return x_BNC
        pixels = decode(self.vae, unpack(x_BNC, rows=rows, columns=columns)).float()
        unit_B3HW = (pixels / 2 + 0.5).clamp(0, 1)
        if output_type == "pt":
            return unit_B3HW
        return [
            Image.fromarray(image)
            for image in (unit_B3HW * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()
        ]
