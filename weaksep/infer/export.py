"""A separator as a file for programs without weaksep: ONNX, or what torch.export.load reads.

Two things are in the way of a net that takes any number of clips and frames:

- Tracing an LSTM, torch writes its steps out, unless told that its output is as long as its input.
- torch notes what its fast paths ask of the sizes (is this tensor contiguous?) as if that were needed for the result.

So what was made is run before it is written, on sizes unlike those that were traced, and held against the net itself.
"""

import io
import json
import logging
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import torch

from weaksep import __version__
from weaksep.errors import UserError
from weaksep.fileio.atomic import atomic_path
from weaksep.fileio.models import EXPORTED_NAME
from weaksep.fileio.network import network_hash
from weaksep.infer.model import Separator, load_separator
from weaksep.infer.parts import PARTS
from weaksep.infer.recordings import LEVEL_DB, chunk_plan
from weaksep.nets.separator import MaskSeparator
from weaksep.nets.streaming import Streaming

EXPORTS = "2.13"  # a torch that exports every net; 2.6 exports few, and those between were not tried
COLOUR = re.compile(r"\x1b\[[0-9;]*m")  # for a terminal, in what torch says
SUFFIXES = {"onnx": ".onnx", "torch": ".pt2"}
# Of a window, whose transform is a table of window x (window + 2) numbers: 67 million, 268 MB.
LONGEST_WINDOW = 8192
TOLERANCE = 1e-4  # of the peak
# Clips and frames: traced, and then tried. One of each is what torch would take for a special case.
TRACED, TRIED = (2, 37), ((1, 1), (3, 8), (1, 50))

Tensors = tuple[torch.Tensor, ...]
Run = Callable[[Tensors], torch.Tensor]


def export(place: Path, out: Path, form: str, part: str) -> None:
    """Export a separator, or a part of it, into a file.

    Args:
        place: see ``load_separator``.
        out: the file.
        form: "onnx" or "torch".
        part: one of ``PARTS``.

    Raises:
        UserError: no such model, or one that cannot be exported; nothing is written then.
    """
    separator = load_separator(place)
    facts = {"model": network_hash(place), "part": part, **facts_of(separator)}
    content = exported(separator, form, part, facts)
    with atomic_path(out) as temporary:
        temporary.write_bytes(content)


def facts_of(separator: Separator) -> dict[str, Any]:
    """What a program must know that runs an exported separator; ``docs/export.md`` explains the keys."""
    plan, stft = chunk_plan(separator), separator.stft
    return {
        "version": __version__,
        "classes": list(separator.classes),
        "residual": separator.residual,
        "sample_rate": separator.sample_rate,
        "window_samples": stft.window_samples,
        "hop_samples": stft.hop_samples,
        "level_db": LEVEL_DB,
        "chunk_samples": plan.chunk,
        "overlap_samples": plan.overlap,
        "fade_samples": plan.fade,
        "step_samples": plan.step,
    }


def exported(separator: Separator, form: str, part: str, facts: dict[str, Any]) -> bytes:
    """The content of the file.

    Args:
        separator: on the CPU.
        form, part: see ``export``.
        facts: noted in the file.

    Raises:
        UserError: it cannot be exported, or a package for that is missing.
    """
    if not isinstance(separator.net, MaskSeparator):
        raise UserError("NMF is no net: scikit-learn looks for its masks step by step; there is nothing to export")
    if isinstance(separator.net, Streaming):
        raise UserError(
            "a streamunet goes through a sound piece by piece, and torch would fix the pieces to those of one example; "
            "use weaksep separate or weaksep stream, or export a net that hears the whole (unet)"
        )
    window = separator.stft.window_samples
    if part != "masker" and window > LONGEST_WINDOW:
        raise UserError(
            f"its window of {window} samples is longer than {LONGEST_WINDOW}, and its transform as a convolution would "
            "fill the memory; export --part masker"
        )
    write, run = {"onnx": (_onnx, _run_onnx), "torch": (_torch, _run_torch)}[form]
    with torch.no_grad():
        module = PARTS[part](separator).eval()
        try:
            with ExitStack() as stack:
                stack.enter_context(warnings.catch_warnings())
                warnings.simplefilter("ignore")  # of the LSTM's own weight list, which is whole all the same
                stack.enter_context(_quiet("torch.onnx", "torch.export", "onnxscript", "onnx_ir"))
                stack.enter_context(_lstm_of_any_length())
                content = write(module, facts)
            _compare(module, run(content))
        except UserError:
            raise
        except Exception as error:  # torch raises errors of a dozen kinds
            reason = COLOUR.sub("", (str(error).strip() or type(error).__name__).splitlines()[0])
            advice = f"; torch {EXPORTS} can" if torch.__version__ < EXPORTS else ""
            raise UserError(f"torch {torch.__version__} cannot export this net: {reason}{advice}") from error
    return content


@contextmanager
def _lstm_of_any_length() -> Iterator[None]:
    """What torch takes an LSTM for while it finds the shapes of a graph: one step that is as long as its input, not as
    many steps as the example has. The LSTM itself stays in the graph as it is."""
    from torch._decomp import decompositions

    whole = decompositions.mkldnn_one_layer_lstm
    with mock.patch.object(decompositions, "select_one_layer_lstm_function", lambda *of: whole):
        yield


@contextmanager
def _quiet(*names: str) -> Iterator[None]:
    """Without what loggers have to say to those who develop torch and onnxscript."""
    levels = {name: logging.getLogger(name).level for name in names}
    try:
        for name in names:
            logging.getLogger(name).setLevel(logging.ERROR)
        yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)


def _program(module: Any) -> torch.export.ExportedProgram:
    """The module as a graph whose sizes are free."""
    example = module.example(*TRACED, torch.Generator().manual_seed(0))
    free = tuple(
        {axis: torch.export.Dim.DYNAMIC for axis, name in enumerate(axes) if name} for axes in module.inputs.values()
    )
    program = torch.export.export(module, example, dynamic_shapes=free, strict=False)
    if hasattr(program, "_guards_code"):
        program._guards_code = []
    for symbol, limits in program.range_constraints.items():
        program.range_constraints[symbol] = type(limits)(1, limits.upper)
    return program


def _torch(module: Any, facts: dict[str, Any]) -> bytes:
    stream = io.BytesIO()
    torch.export.save(_program(module), stream, extra_files={EXPORTED_NAME: json.dumps(facts, ensure_ascii=False)})
    return stream.getvalue()


def _run_torch(content: bytes) -> Run:
    module = torch.export.load(io.BytesIO(content)).module()
    return lambda inputs: module(*inputs)


def _onnx(module: Any, facts: dict[str, Any]) -> bytes:
    _need("onnxscript")
    program = torch.onnx.export(_program(module), dynamo=True, verbose=False)
    assert program is not None
    model = program.model_proto
    model.producer_name, model.producer_version = "weaksep", __version__
    _tidy(model.graph)
    names = [*module.inputs.items(), module.output]
    for value, (name, axes) in zip([*model.graph.input, *model.graph.output], names, strict=True):
        for node in model.graph.node:
            node.input[:] = [name if given == value.name else given for given in node.input]
            node.output[:] = [name if given == value.name else given for given in node.output]
        value.name = name
        for size, axis in zip(value.type.tensor_type.shape.dim, axes, strict=True):
            if axis:
                size.dim_param = axis
    for key, value in facts.items():
        model.metadata_props.add(key=f"weaksep.{key}", value=value if isinstance(value, str) else json.dumps(value))
    return model.SerializeToString(deterministic=True)


def _tidy(graph: Any) -> None:
    """Drop what torch noted for those who look for errors: lines of our source and their places on this disk."""
    del graph.value_info[:]
    for thing in [graph, *graph.node, *graph.initializer, *graph.input, *graph.output]:
        del thing.metadata_props[:]
        thing.ClearField("doc_string")


def _run_onnx(content: bytes) -> Run:
    runtime = _need("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_inputs()]

    def run(inputs: Tensors) -> torch.Tensor:
        given = {name: tensor.numpy() for name, tensor in zip(names, inputs, strict=True)}
        return torch.from_numpy(session.run(None, given)[0])

    return run


def _need(name: str) -> Any:
    import importlib

    try:
        return importlib.import_module(name)
    except ImportError:
        raise UserError(f"--to onnx needs {name}: pip install 'weaksep[export]'") from None


def _compare(module: Any, run: Run) -> None:
    """Run what was exported, and the module, on the same inputs.

    Raises:
        UserError: they differ.
    """
    generator = torch.Generator().manual_seed(1)
    for clips, frames in TRIED:
        inputs = module.example(clips, frames, generator)
        wanted, found = module(*inputs), run(inputs)
        error = (found - wanted).abs().max() if found.shape == wanted.shape else torch.tensor(torch.inf)
        if not error <= TOLERANCE * wanted.abs().max():
            raise UserError(f"what torch {torch.__version__} made of this net gives something else ({error:.2g})")
