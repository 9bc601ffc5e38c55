"""The types of devices/emulated/*.toml: recipes for emulated devices."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from sdkgen import resources
from sdkgen.errors import SpecError, UsageError, nearest
from sdkgen.spec.base import Strict, read_toml
from sdkgen.spec.model import Count, Positive

Degrees = Annotated[float, Field(ge=-20, le=120)]
PropertyName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]

ABIS = {"amd64": "x86_64", "arm64": "arm64-v8a"}
"""Android's name for the ABI of each of Debian's architectures."""


class IdentitySpec(Strict):
    """What the device says it is. The names are invented, so that no figure passes for a real phone's."""

    manufacturer: str
    model: str
    device: str
    soc_manufacturer: str
    soc_model: str
    board: str
    release: str
    sdk: Count
    security_patch: str


class GpuSpec(Strict):
    """What the device draws with: Mesa's software Vulkan, or nothing."""

    kind: Literal["software-vulkan", "none"]
    gles: str = ""
    clock: Count | None = None
    """In Hz; without it the node is missing, as where a phone denies it."""


class CpuSpec(Strict):
    """What the nodes in /sys say about the processor; it has no influence on the real clock."""

    maximum_clock: Count
    """In kHz."""
    governor: str


class BatterySpec(Strict):
    """A battery that drains evenly while it is unplugged."""

    level: Annotated[int, Field(ge=0, le=100)]
    temperature: Degrees
    plugged: bool
    drain_per_hour: Annotated[float, Field(ge=0)]
    """Per cent."""


class ThermalSpec(Strict):
    """A body that warms towards ``busy`` while the device computes and cools towards ``idle`` while it does not.

    ``seconds`` is the time in which it goes 63 % of the way. ``limits`` are the temperatures from which Android's
    thermal status is 1 (light), 2 (moderate), 3 (severe) and so on. The temperature slows nothing down.
    """

    idle: Degrees
    busy: Degrees
    seconds: Positive
    limits: tuple[Degrees, ...]
    zones: tuple[str, ...]


class Recipe(Strict):
    """One emulated device, as its file in devices/emulated/ describes it."""

    schema_version: Literal[1] = Field(alias="schema")
    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    title: str
    architecture: Literal["amd64", "arm64"]
    storage: Count
    """The size of /data in MiB."""
    identity: IdentitySpec
    gpu: GpuSpec
    cpu: CpuSpec
    battery: BatterySpec
    thermal: ThermalSpec
    properties: dict[PropertyName, str] = Field(default_factory=dict)
    """More properties; they win over those that the identity makes."""

    @property
    def abi(self) -> str:
        """Android's name of the device's ABI."""
        return ABIS[self.architecture]

    @model_validator(mode="after")
    def _consistent(self) -> Recipe:
        if self.thermal.idle >= self.thermal.busy:
            raise ValueError("thermal.idle must be below thermal.busy")
        if list(self.thermal.limits) != sorted(set(self.thermal.limits)) or len(self.thermal.limits) > 6:
            raise ValueError("thermal.limits must be at most six rising temperatures")
        return self


@cache
def recipe_names() -> tuple[str, ...]:
    """Return the names of all recipes, sorted."""
    return tuple(sorted(path.stem for path in (resources.path("devices") / "emulated").glob("*.toml")))


@cache
def load_recipe(name: str) -> Recipe:
    """Return the recipe ``name``.

    Raises ``UsageError`` for an unknown name (with the nearest known one), ``SpecError`` for a faulty file.
    """
    if name not in recipe_names():
        raise UsageError(f"unknown recipe {name!r}", hint=nearest(name, recipe_names()), reference="unknown-recipe")
    path = resources.path("devices") / "emulated" / f"{name}.toml"
    recipe = read_toml(path, Recipe)
    if recipe.name != name:
        raise SpecError(f"the name {recipe.name!r} is not the file's", context=f"{path}: name", hint=f"Write {name!r}.")
    return recipe
