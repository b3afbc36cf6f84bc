"""What tools/fuzz.py feeds to the reader of networks: weights, descriptions, packed models."""

from __future__ import annotations

import torch
from fuzz_mutate import Draws, mutate
from fuzz_targets import Target

from weaksep.fileio.experiments import DESCRIPTION_NAME, WEIGHTS_NAME
from weaksep.fileio.names import label_problem
from weaksep.fileio.network import pack_network, read_network
from weaksep.infer.model import save_untrained


class Network(Target):
    """The files of a network, one of them damaged, and a packed one. The first letter of an input says which it is."""

    def prepare(self) -> list[bytes]:
        whole = save_untrained(self.folder / "whole", ["dog", "cat"], 8000, {"layers": 1, "units": 2})
        pack_network(self.folder / "whole.zip", whole, {"README.md": b"what it is"})
        self.places = {b"z": self.file}
        good = []
        for letter, name in ((b"j", DESCRIPTION_NAME), (b"w", WEIGHTS_NAME)):
            place = self.places[letter] = self.folder / name
            place.mkdir()
            for other in (DESCRIPTION_NAME, WEIGHTS_NAME):
                (place / other).symlink_to(self.file if other == name else whole / other)
            good.append(letter + (whole / name).read_bytes())
        return [*good, b"z" + (self.folder / "whole.zip").read_bytes()]

    def make(self, draws: Draws) -> bytes:
        content = draws.of(self.good)
        return content[:1] + mutate(content[1:], draws)

    def feed(self, content: bytes, draws: Draws) -> object:
        self.write(content[1:])
        description, weights = read_network(self.places[content[:1]], "separator")
        assert not any(map(label_problem, description.classes)) and 0.01 <= description.temperature <= 100
        assert all(torch.isfinite(tensor).all() for tensor in weights.values())
        return description
