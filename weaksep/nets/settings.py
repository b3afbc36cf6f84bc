"""What the settings of nets have in common."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

# Far above anything that was ever trained: a slip of the pen must not fill the memory.
Layers = Annotated[int, Field(ge=1, le=64)]
Units = Annotated[int, Field(ge=1, le=8192)]
Channels = Annotated[tuple[Units, ...], Field(min_length=1, max_length=16)]
Dropout = Annotated[float, Field(ge=0.0, lt=1.0)]


class NetSettings(BaseModel):
    """Settings of a net; each net's own class has ``kind`` and its sizes."""

    model_config = ConfigDict(extra="forbid", frozen=True)
