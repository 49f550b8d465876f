import re
from glob import glob
from pathlib import Path

from setuptools import find_packages, setup

NAME = "ser_stream"
SHARE = f"share/{NAME}"
# Every bound is tested: `make test-lowest` installs exactly these versions.
BASE = [
    "msgspec>=0.22.0",  # for older versions, some wrong values are an internal error
    "numpy>=1.22.0",
    "onnxruntime>=1.16.1",
    "pyyaml>=6.0",
    "rich>=12.6.0",
    "sounddevice>=0.4.5",  # older versions do not tell a device's index
    "soundfile>=0.12.1",
    "soxr>=0.3.2",
]
# What a GPU needs to run a model. torch's packages for Linux on PyPI bring CUDA.
CUDA = ["safetensors>=0.4.3", "torch>=2.6.0"]  # transformers refuses an older torch
# onnx: for exporting and quantising models. Simulated channels need these numpy and soundfile.
TRAIN = [
    *CUDA,
    "numpy>=1.25.0",
    "onnx>=1.14.0",
    "scipy>=1.11.1",
    "soundfile>=0.13.0",
    "tqdm>=4.66.0",
]
ASR = ["faster-whisper>=1.1.0", "pocketsphinx>=5.0.0"]
DDS = ["cyclonedds>=11.0.1"]  # older versions reject the setting PruneDelay, see ser_stream/ros/
MQTT = ["paho-mqtt>=2.0.0"]
RECORD = ["matplotlib>=3.7.0", "mcap>=1.2.1"]  # of `ser-stream review`: figures, and MCAP
HUGGING_FACE = [*CUDA, "transformers>=4.57.1"]
# Plots, the papers' features, and room simulation. Older versions of matplotlib place no legends
# outside the axes.
RESEARCH = [
    *TRAIN,
    "librosa>=0.10.1",
    "matplotlib>=3.7.0",
    "pyroomacoustics>=0.10.1",  # the first with a wheel for Linux
    "scikit-learn>=1.3.0",
]
# The first uvicorn whose WebSockets run on the maintained API of websockets, with pings.
SERVE = [
    "prometheus_client>=0.20.0",
    "starlette>=0.41.0",
    "uvicorn>=0.53.0",  # earlier ones lose close codes, with the implementation "websockets-sansio"
    "websockets>=15.0",
]
# Frameworks of voice agents, which set versions of other packages: `make test-agents` tests them,
# in an environment of their own. Pipecat needs Python 3.11 or newer.
PIPECAT = ["pipecat-ai>=1.14.0"]
LIVEKIT = ["livekit-agents>=1.8.9"]
TEST = [
    *ASR,
    *SERVE,
    # Without a wheel, as on Linux on ARM, it needs Cyclone DDS's C library and a compiler.
    f"{DDS[0]}; sys_platform != 'linux' or platform_machine == 'x86_64'",
    *HUGGING_FACE,
    "axe-playwright-python>=0.1.8",  # of it axe-core alone, which checks pages; MPL-2.0
    *MQTT,
    "codespell>=2.4.0",
    "hypothesis>=6.100.0",
    "mypy>=2.4.1",
    "pre-commit>=3.5.0",
    "pyte>=0.8.2",  # a terminal emulator, for the live view
    "py_trees>=2.2.3",  # of an example; on a robot, ROS brings it
    "pytest>=8.0.0",
    "pytest_cov>=7.0.0",  # "_": for "pytest-cov", `colcon test` would measure, and miss the floor
    "pytest-xdist>=3.5.0",
    "ruff>=0.17.5",
    "selenium>=4.20.0",  # drives chromium, where that is installed
    "silero-vad>=6.2.2",  # its network for whole signals is what ours is compared with
    "types-PyYAML>=6.0.12",
    *RECORD,
    *RESEARCH,
]
# What a robot never loads stays in the sources: torch's weights of networks that run from their
# ONNX files, and the encoders that training starts from.
NOT_INSTALLED = [
    "weights/can-english/model.safetensors",
    "weights/cat-streaming/model.safetensors",
    "weights/cnn-blstm-attention-streaming/model.safetensors",
    "weights/default/model.safetensors",
    "weights/moma-streaming/model.safetensors",
    "weights/open/model.safetensors",
    "weights/small/model.safetensors",
    "weights/speaker-encoder/*.safetensors",
    "weights/whisper-encoder/*.safetensors",
]
CONFIG = sorted(path for path in Path("config").rglob("*") if path.suffix in (".yaml", ".json"))
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
    package_data={
        NAME: [
            "py.typed",
            "weights/*/*",
            "demo/*",
            "grammars/*",
            "examples/*.mjs",
            "serving/page/*",
            "sessions/*.html",
        ]
    },
    exclude_package_data={NAME: NOT_INSTALLED},
    zip_safe=False,  # model weights and recordings are read as files
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{NAME}"]),
        (SHARE, ["package.xml"]),
        *(
            (f"{SHARE}/{folder}", [str(path) for path in CONFIG if path.parent == folder])
            for folder in sorted({path.parent for path in CONFIG})
        ),
        (f"{SHARE}/launch", [*glob("launch/*.launch.py"), "launch/parameters.json"]),
        (f"lib/{NAME}", ["scripts/ser_node"]),  # where `ros2 run` looks
    ],
    install_requires=BASE,
    extras_require={
        "asr": ASR,
        "cuda": CUDA,
        "dds": DDS,
        "huggingface": HUGGING_FACE,
        "livekit": LIVEKIT,
        "pipecat": PIPECAT,
        "mqtt": MQTT,
        "record": RECORD,
        "research": RESEARCH,
        "serve": SERVE,
        "test": TEST,
        "train": TRAIN,
    },
    entry_points={
        "console_scripts": [
            "ser-stream = ser_stream.cli:main",
            # Examples, for `ros2 run`. pip puts them on the PATH of its environment too.
            "dialogue_manager = ser_stream.examples.dialogue_manager:main",
            "listening_notice = ser_stream.examples.listening_notice:main",
            "py_trees_dialogue = ser_stream.examples.py_trees_dialogue:main",
            "create_venv = ser_stream.ros.create_venv:main",
        ]
    },
)
