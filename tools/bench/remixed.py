"""Making remixed batches: clips are read, changed, transformed and added up, and the targets of every way to divide
them are made. Against the same arithmetic on audio in memory, written out for this case, with all draws made; and
against the training step of the U-Net that the batches are for, which they would hold up if they took longer."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from steps import RATE, REMIX, UNET, adam, clips_of, make_set, objective, step
from timing import Against, in_turns, quick, record

from weaksep.feats.remix import Remix
from weaksep.fileio.audio import read_audio
from weaksep.train.precision import set_precision

SIZE, STEPS = 16, 4


def arithmetic(audio: Sequence[np.ndarray], remixes: Sequence[Remix], window: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Magnitudes (B, T, F) and phase-sensitive targets (B, P, 2, T, F) of remixes of clips of one length."""
    changes = [change for remix in remixes for change in remix.changes]
    rows = [row for remix in remixes for row in remix.rows]
    waves = torch.from_numpy(np.stack([change.waveform(audio[row]) for row, change in zip(rows, changes, strict=True)]))
    spectra = torch.stft(waves, len(window), len(window) // 2, window=window, pad_mode="constant", return_complex=True)
    filtered = spectra.transpose(1, 2) * torch.from_numpy(np.stack([change.response for change in changes]))[:, None]
    clips = filtered.new_zeros(len(remixes), REMIX["max_clips"], *filtered.shape[1:])
    places = [(item, place) for item, remix in enumerate(remixes) for place in range(len(remix.rows))]
    for (item, place), change, spectrum in zip(places, changes, filtered, strict=True):
        clips[item, place] = spectrum.roll(change.shift_frames, dims=0)
    total = clips.sum(dim=1, keepdim=True)
    whole = total.abs()
    along = (clips * (total.conj_physical() / whole.clamp_min(1e-30))).real
    parts = torch.stack([along, whole - along], dim=2)
    return whole[:, 0], torch.minimum(parts.clamp_min_(0.0), whole.unsqueeze(2))


def main() -> None:
    """Batches of 16 remixes of up to four clips of 2.5 s at 8 kHz, filters and speeds on, one thread."""
    n_clips, n_batches, rounds = (32, 2, 2) if quick() else (320, 20, 10)
    torch.set_num_threads(1)
    window = torch.hann_window(256).sqrt()
    window = window / window.square().sum().sqrt()
    with tempfile.TemporaryDirectory() as name:
        changes = {"filter_db": 12.0, "speed": 0.25}
        clips = clips_of(make_set(Path(name), n_clips, 1), "clip", remix=REMIX, augment=changes)
        audio = [read_audio(clips.data.wav[utt], RATE) for utt in clips.utts["clip"]]
        indices = [range(SIZE * n, SIZE * n + SIZE) for n in range(n_batches)]
        drawn = [clips._remixes("clip", [(row, 0) for row in own]) for own in indices]
        batches = [clips.batch(own) for own in indices]
        found = arithmetic(audio, drawn[0], window)
        torch.testing.assert_close(found, (batches[0][0].magnitude, batches[0][0].submixtures), rtol=0, atol=1e-5)
        whole = objective(UNET, remix={})
        optimiser = adam(whole)

        def steps(bf16: bool) -> None:
            set_precision(whole.net, "bf16" if bf16 else "float32", torch.device("cpu"), "U-Net")
            for batch in batches[:STEPS]:
                step(whole, optimiser, batch)

        functions = {
            "ours": lambda: [clips.batch(own) for own in indices],
            "limit": lambda: [arithmetic(audio, own, window) for own in drawn],
            "float32": lambda: steps(False),
            "bfloat16": lambda: steps(True),
        }
        seconds = in_turns(functions, rounds)
    divided = {"ours": n_batches, "limit": n_batches, "float32": len(batches[:STEPS]), "bfloat16": len(batches[:STEPS])}
    each = {name: [taken / divided[name] for taken in own] for name, own in seconds.items()}
    against = [Against("the same arithmetic on audio in memory", each["limit"], goal=0.8, limit=True)]
    against += [
        Against(f"a training step of the U-Net, {name}", each[name], goal=1) for name in ("float32", "bfloat16")
    ]
    what = f"a batch of {SIZE} remixes of up to 4 clips of 2.5 s at 8 kHz, filters and speeds on, one thread"
    record("remixed batches", what, each["ours"], against)


if __name__ == "__main__":
    main()
