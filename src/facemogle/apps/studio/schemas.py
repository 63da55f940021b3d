"""What requests may hold and what answers hold; the OpenAPI document is made of this."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    model_validator,
)

from facemogle.apps.studio.queue import State
from facemogle.apps.studio.store import ID
from facemogle.core.regions import REGION_NAMES, region_id

MAX_SEED = 2**53 - 1
"""The largest that JavaScript counts to; other programs may come from there."""

MAX_SIDE, MAX_STEPS, MAX_COUNT, MAX_PROMPT = 2048, 250, 16, 2000
MAX_MASK, MAX_IMAGE = 8_000_000, 16_000_000
"""Characters of base64."""

MAX_FIELDS, MAX_NAME = 50, 100
"""Fields of a request, letters of a region's name: more of them are not worth an answer that names each."""


def _at_most(most: int, values: Any) -> Any:
    """Refuse what is too long with one error; looking at the items first could find a million."""
    if isinstance(values, list | dict) and len(values) > most:
        raise ValueError(f"has {len(values)} items, may have {most}")
    return values


def _strengths(strengths: dict[str, float]) -> dict[str, float]:
    for name in strengths:
        region_id(name)
    return strengths


def _window(window: list[float]) -> list[float]:
    if window[0] < window[1]:
        raise ValueError(f"is {window}, must be [high, low] with 1 >= high >= low >= 0")
    return window


def _regions(names: list[str]) -> list[str]:
    for name in names:
        region_id(name)
    return names


ResultId = Annotated[str, Field(pattern=ID, examples=["00001987fe2f3c4d0123abcd"])]
Side = Annotated[int, Field(ge=16, le=MAX_SIDE, multiple_of=16)]
Strength = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]
RegionName = Annotated[str, Field(max_length=MAX_NAME)]
Strengths = Annotated[
    dict[RegionName, Strength],
    AfterValidator(_strengths),
    BeforeValidator(partial(_at_most, len(REGION_NAMES))),
    WithJsonSchema(
        {
            "type": "object",
            "propertyNames": {"enum": [*REGION_NAMES]},
            "additionalProperties": {"type": "number", "minimum": 0, "maximum": 100},
        }
    ),
]
Window = Annotated[
    list[Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]],
    Field(min_length=2, max_length=2),
    AfterValidator(_window),
    BeforeValidator(partial(_at_most, 2)),
]
Png = Annotated[str, Field(max_length=MAX_MASK, json_schema_extra={"contentEncoding": "base64"})]
Image = Annotated[str, Field(max_length=MAX_IMAGE, json_schema_extra={"contentEncoding": "base64"})]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    @model_validator(mode="before")
    @classmethod
    def _few_fields(cls, data: Any) -> Any:
        return _at_most(MAX_FIELDS, data)


class _Sampling(_Request):
    prompt: Annotated[str, Field(max_length=MAX_PROMPT)] | None = None
    seed: Annotated[int, Field(ge=0, le=MAX_SEED)] | None = None
    count: Annotated[int, Field(ge=1, le=MAX_COUNT, description="Pictures; the seed counts up.")] = 1
    steps: Annotated[int, Field(ge=1, le=MAX_STEPS)] | None = None
    guidance: Annotated[float, Field(ge=-100, le=100, allow_inf_nan=False)] | None = None
    mask_strength: Strength | None = None
    region_strength: Strengths | None = None
    mask_window: (
        Annotated[Window, Field(description="Times [high, low] between which the mask acts, 1 is noise.")]
        | None
    ) = None
    preview_every: Annotated[
        int, Field(ge=0, le=MAX_STEPS, description="Steps from one preview to the next, 0 for none.")
    ] = 0
    gates: Annotated[
        bool, Field(description="Keep how the experts' weights moved; needs a mask, and such a model.")
    ] = False

    @model_validator(mode="after")
    def _seeds_fit(self) -> Self:
        if self.seed is not None and self.seed + self.count - 1 > MAX_SEED:
            raise ValueError(f"seed {self.seed} and count {self.count} go beyond {MAX_SEED}")
        return self


class GenerateRequest(_Sampling):
    """Faces to make. What is left out is the model's own; a seed is drawn, masks act with strength 1."""

    mask: Annotated[Png, Field(description="A PNG of region ids or palette colours, in base64.")] | None = (
        None
    )
    height: Side | None = None
    width: Side | None = None


class EditRequest(_Sampling):
    """Regions of a picture to draw anew: of a result, or of a photograph of one upright face.

    What is left out is the result's own, its seed and caption too; for a photograph it is the model's own,
    and its mask is found.
    """

    result: ResultId | None = None
    image: (
        Annotated[Image, Field(description="A JPEG, PNG or the like in base64, of the model's form.")] | None
    ) = None
    old_mask: Annotated[Png, Field(description="The picture's mask as it is.")] | None = None
    mask: Annotated[Png, Field(description="The mask that is wanted; the old one if left out.")] | None = None
    regions: (
        Annotated[
            list[RegionName],
            Field(min_length=1),
            AfterValidator(_regions),
            BeforeValidator(partial(_at_most, len(REGION_NAMES))),
            WithJsonSchema(
                {"type": "array", "items": {"enum": [*REGION_NAMES]}, "minItems": 1, "maxItems": 19}
            ),
            Field(description="What is drawn anew; where the masks differ if left out."),
        ]
        | None
    ) = None
    depth: Annotated[
        float,
        Field(
            gt=0,
            le=1,
            description="The noise to start from: 1 is all, less keeps more; the last step is drawn.",
        ),
    ] = 1.0
    border: (
        Annotated[int, Field(ge=0, le=1000, description="Pixels over which new fades into old.")] | None
    ) = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.result is None) == (self.image is None):
            raise ValueError("give either result or image: the picture to edit")
        return self


class JobStatus(BaseModel):
    """One picture on its way. A job that is done has a result of the same id."""

    id: ResultId
    state: State
    prompt: str | None
    seed: int
    step: int
    steps: int
    position: Annotated[int | None, Field(description="Jobs before it, while it is queued.")]
    preview: Annotated[int | None, Field(description="The step that the preview shows.")]
    warnings: list[str]
    error: str | None


class Jobs(BaseModel):
    """Several jobs."""

    jobs: list[JobStatus]


class Gates(BaseModel):
    """What gates.png holds: steps x planes tiles of rows x columns, grey, 255 for the whole weight."""

    steps: int
    planes: list[str]
    rows: int
    columns: int
    times: Annotated[
        list[float], Field(description="When each step begins, 1 is noise; empty in the oldest results.")
    ] = []


class Edited(BaseModel):
    """What an edit was made from: its mask is old_mask.png; a photograph is kept, too, as original.png."""

    source: Annotated[ResultId | None, Field(description="A result's id; None for a photograph.")]
    width: Annotated[
        int | None,
        Field(description="Pixels of picture.png, as the original; None in the oldest results."),
    ] = None
    height: int | None = None
    regions: list[str] | None
    depth: float
    border: int


class Result(BaseModel):
    """A finished picture: the whole request, and which files there are. As request.json on disk."""

    id: ResultId
    created: datetime
    version: str
    model: str
    fingerprint: str
    prompt: str | None
    seed: int
    height: Annotated[int, Field(description="What the model drew; of an edit, `edit` tells the picture's.")]
    width: int
    steps: int
    guidance: float
    mask_strength: float
    region_strength: dict[str, float]
    mask_window: list[float] | None
    mask: Annotated[bool, Field(description="Whether there is a mask.png.")]
    gates: Annotated[Gates | None, Field(description="What gates.png holds, if there is one.")]
    edit: Edited | None
    warnings: list[str]


class Results(BaseModel):
    """A page of results, newest first; `next` is the `before` of the page after it."""

    results: list[Result]
    next: ResultId | None


class Region(BaseModel):
    """One of the labels of a mask; `mirrored` is the one it becomes in a mirrored picture."""

    id: int
    name: str
    color: Annotated[str, Field(examples=["#cc0000"])]
    mirrored: int


class Model(BaseModel):
    """What the studio runs, and its defaults."""

    name: str
    fingerprint: str
    size: int
    steps: int
    guidance: float
    gates: Annotated[bool, Field(description="Whether pictures can keep gates.")]


class Models(BaseModel):
    """The models, the regions that their masks know, and the class orders that mask files may have."""

    models: list[Model]
    regions: list[Region]
    class_orders: list[str]


class Health(BaseModel):
    """Whether pictures are being made, and how full the queue is."""

    status: Literal["ok", "failing"]
    version: str
    waiting: int
    capacity: int


class Example(BaseModel):
    """A request to begin with; `mask` is a name under /examples, None for no mask."""

    mask: str | None
    prompt: str | None
    seed: int


class Examples(BaseModel):
    """The requests that come with the package."""

    examples: list[Example]


class Parsed(BaseModel):
    """A photograph as it was parsed, upright and maybe aligned, and its mask: PNGs of one size in base64."""

    width: int
    height: int
    photo: Annotated[str, Field(json_schema_extra={"contentEncoding": "base64"})]
    mask: Annotated[str, Field(json_schema_extra={"contentEncoding": "base64"})]


class Session(BaseModel):
    """How long the cookie is good for."""

    seconds: int


def binary(*media_types: str) -> dict[str, Any]:
    """How the OpenAPI document tells of a body of bytes."""
    schema = {"type": "string", "format": "binary"}
    return {media_type: {"schema": schema} for media_type in media_types}
