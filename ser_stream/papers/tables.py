"""The tables of the four papers: their rows, the recipe of each row, and the paper's own numbers.

Rows in which a paper quotes systems of other authors are left out. Numbers are in percent.
"""

from __future__ import annotations

import dataclasses

from ser_stream.errors import InputError, shown


@dataclasses.dataclass(frozen=True)
class Row:
    """One system of a table, on one corpus.

    Attributes:
        title: name of the system, as in the paper.
        recipe: name of the experiment, see `experiment_path`.
        paper: "wa" and "ua" as printed in the paper, in percent; metrics that it does not print
            are left out.
    """

    title: str
    recipe: str
    paper: dict[str, float]


@dataclasses.dataclass(frozen=True)
class Table:
    """One table of one paper.

    Attributes:
        note: what a reader must know to compare with the paper's numbers; "": nothing.
    """

    name: str
    title: str
    rows: tuple[Row, ...]
    note: str = ""


def _wa(recipe: str, title: str, wa: float) -> Row:
    return Row(title, recipe, {"wa": wa})


def _both(recipe: str, title: str, wa: float, ua: float) -> Row:
    return Row(title, recipe, {"wa": wa, "ua": ua})


_CNN_TRANSFORMER = _both("cnn-transformer", "CNN-Transformer", 66.91, 67.60)

_TABLES = (
    Table(
        "sherman-2",
        "Sherman et al., Table II: one descriptor left out, IEMOCAP",
        (
            _wa("sherman-iemocap", "none", 66),
            _wa("sherman-iemocap-without-rms", "RMS", 64),
            _wa("sherman-iemocap-without-centroid", "spectral centroid", 62),
            _wa("sherman-iemocap-without-zcr", "zero-crossing rate", 61),
            _wa("sherman-iemocap-without-mfcc", "MFCC", 57),
            _wa("sherman-iemocap-without-bandwidth", "bandwidth", 64),
            _wa("sherman-iemocap-without-mfcc-delta", "MFCC deltas", 63),
            _wa("sherman-iemocap-without-roll-off", "roll-off", 61),
            _wa("sherman-iemocap-without-contrast", "spectral contrast", 59),
        ),
        "the paper stops early on the part it reports (--on papers-habit does so too)",
    ),
    Table(
        "sherman-3",
        "Sherman et al., Table III: number of convolution layers",
        (
            _wa("sherman-iemocap-2-layers", "IEMOCAP, 2", 60),
            _wa("sherman-iemocap-3-layers", "IEMOCAP, 3", 62),
            _wa("sherman-iemocap", "IEMOCAP, 4", 66),
            _wa("sherman-iemocap-5-layers", "IEMOCAP, 5", 64),
            _wa("sherman-ravdess-2-layers", "RAVDESS, 2", 62),
            _wa("sherman-ravdess-3-layers", "RAVDESS, 3", 68),
            _wa("sherman-ravdess-text", "RAVDESS, 4", 80),
            _wa("sherman-ravdess", "RAVDESS, 4, as in the authors' code", 80),
            _wa("sherman-ravdess-5-layers", "RAVDESS, 5", 74),
        ),
        "the paper stops early on the part it reports (--on papers-habit does so too)",
    ),
    Table(
        "sherman-4",
        "Sherman et al., Table IV: parts of the network",
        (
            _wa("sherman-iemocap-blstm", "IEMOCAP, BLSTM", 54),
            _wa("sherman-iemocap-blstm-attention", "IEMOCAP, BLSTM + attention", 62),
            _wa("sherman-iemocap-conv-blstm", "IEMOCAP, convolutions + BLSTM", 61),
            _wa("sherman-iemocap", "IEMOCAP, all", 66),
            _wa("sherman-ravdess-blstm", "RAVDESS, BLSTM", 66),
            _wa("sherman-ravdess-blstm-attention", "RAVDESS, BLSTM + attention", 73),
            _wa("sherman-ravdess-conv-blstm", "RAVDESS, convolutions + BLSTM", 74),
            _wa("sherman-ravdess-text", "RAVDESS, all", 80),
        ),
        "the paper stops early on the part it reports (--on papers-habit does so too)",
    ),
    Table(
        "lee-2",
        "Lee et al., Table 2: one modality and both, IEMOCAP, seven classes",
        (
            _both("can-text", "TextModel", 51.3, 44.3),
            _both("can-audio", "AudioModel", 43.1, 32.3),
            _both("can", "CAN", 57.9, 48.7),
        ),
    ),
    Table(
        "lee-3",
        "Lee et al., Table 3: segmentation",
        (
            _both("can", "aligned", 57.9, 48.7),
            _both("can-equal", "equal", 56.8, 46.7),
        ),
    ),
    Table(
        "lee-4",
        "Lee et al., Table 4: ablations of CAN",
        (
            _both("can", "CAN", 57.9, 48.7),
            _both("can-no-stop-gradient", "- stop-gradient", 57.0, 46.9),
            _both("can-no-align-loss", "- L_align", 57.3, 48.4),
            _both("can-no-stop-gradient-no-align-loss", "- stop-gradient, L_align", 56.3, 47.9),
            _both("can-no-cross-attention", "- cross attention", 55.6, 45.8),
        ),
    ),
    Table(
        "he-1",
        "He et al., Table 1: ILT (PE: positional encoding)",
        (
            _both("cnn-transformer-no-pe", "CNN-Transformer, no PE", 65.76, 67.17),
            _CNN_TRANSFORMER,
            _both("cnn-lstm-transformer-no-pe", "CNN-LSTM-Transformer, no PE", 65.60, 67.36),
            _both("cnn-lstm-transformer", "CNN-LSTM-Transformer", 66.47, 67.52),
            _both("ilt-concatenation-no-pe", "ILT, concatenation, no PE", 66.05, 66.82),
            _both("ilt-concatenation", "ILT, concatenation", 66.21, 67.40),
            _both("ilt-plus-no-pe", "ILT, plus, no PE", 67.26, 68.38),
            _both("ilt-plus", "ILT, plus", 66.50, 67.36),
            _both("ilt-trainable-plus-no-pe", "ILT, trainable plus, no PE", 67.56, 68.63),
            _both("ilt-trainable-plus", "ILT, trainable plus", 67.12, 67.89),
        ),
        "the paper tunes for WA",
    ),
    Table(
        "he-2",
        "He et al., Table 2: CAT",
        (
            _both("cat", "CAT", 68.10, 69.25),
            _CNN_TRANSFORMER,
            _both("lstm-transformer", "LSTM-Transformer", 55.19, 56.40),
            _both("cnn-plus-lstm", "CNN + LSTM", 66.90, 67.98),
            _both("cnn-to-lstm", "CNNtoLSTM only", 66.98, 67.83),
            _both("lstm-to-cnn", "LSTMtoCNN only", 65.57, 66.49),
        ),
        "the paper tunes for WA",
    ),
    Table(
        "jalal-1",
        "Jalal et al., Table 1: MOMA",
        (
            Row("MOMA", "moma", {}),
            Row("without attention (ours)", "moma-no-attention", {}),
        ),
        "the paper prints UA 80.5 and WA 74.8, by its eq. 10: UA is (TP + TN) / (P + N) there and "
        "counts true negatives, WA is a mean of recalls; neither can be set beside ours",
    ),
)

TABLES = {table.name: table for table in _TABLES}


def get_table(name: str) -> Table:
    """Return a table by its name.

    Raises:
        InputError: the name is unknown.
    """
    if name not in TABLES:
        raise InputError(f"table: found {shown(name)}; accepted are {', '.join(TABLES)}")
    return TABLES[name]
