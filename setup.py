import re
from glob import glob
from pathlib import Path

from setuptools import find_packages, setup

NAME = "ser_stream"
SHARE = f"share/{NAME}"
ASR = ["faster-whisper", "pocketsphinx"]
DDS = ["cyclonedds>=11"]  # older versions reject the setting PruneDelay, see ser_stream/ros/
HUGGING_FACE = ["transformers>=4.57"]  # the oldest tested version
# Plots and room simulation; a robot needs neither. Older versions of matplotlib place no legends
# outside the axes.
RESEARCH = ["librosa", "matplotlib>=3.7", "pyroomacoustics", "scikit-learn"]
# Not "attr:" in setup.cfg: with setuptools 79 and newer, colcon then fails to read the metadata.
VERSION = re.search('__version__ = "(.+)"', Path(NAME, "__init__.py").read_text()).group(1)

setup(
    name=NAME,
    version=VERSION,
    description="Real-time speech emotion recognition for robots",
    license="Apache-2.0",
    maintainer="The ser_stream maintainers",
    maintainer_email="maintainers@ser-stream.example",
    python_requires=">=3.10,<3.13",
    packages=find_packages(include=["ser_stream*"]),
    package_data={NAME: ["py.typed", "weights/*/*", "demo/*"]},
    zip_safe=False,  # model weights and recordings are read as files
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{NAME}"]),
        (SHARE, ["package.xml"]),
        *(
            (f"{SHARE}/{folder.as_posix()}", [str(path) for path in sorted(folder.glob("*.yaml"))])
            for folder in sorted({path.parent for path in Path("config").rglob("*.yaml")})
        ),
        (f"{SHARE}/launch", glob("launch/*.launch.py")),
    ],
    install_requires=[
        "msgspec>=0.18",
        "numpy",
        "onnxruntime",
        "pyyaml",
        "rich",
        "safetensors",
        "scipy",
        "sounddevice",
        "soundfile",
        "soxr",
        "torch",
        "tqdm",
    ],
    extras_require={
        "asr": ASR,
        "dds": DDS,
        "huggingface": HUGGING_FACE,
        "research": RESEARCH,
        "test": [
            *ASR,
            # Without a wheel, as on Linux on ARM, it needs Cyclone DDS's C library and a compiler.
            f"{DDS[0]}; sys_platform != 'linux' or platform_machine == 'x86_64'",
            *HUGGING_FACE,
            "codespell",
            "hypothesis",
            "mypy",
            "pre-commit",
            "pytest",
            "pytest-cov",
            "pytest-xdist",
            "ruff",
            "silero-vad",  # its network for whole signals is what ours is compared with
            "types-PyYAML",
            *RESEARCH,
        ],
    },
    entry_points={
        "console_scripts": [
            "ser-stream = ser_stream.cli:main",
            "ser_node = ser_stream.ros.node:main",
        ]
    },
)
