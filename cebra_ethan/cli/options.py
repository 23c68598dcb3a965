"""What the commands accept, with help that teaches.

`PARAMETERS` is the face of the estimator: every parameter of `CEBRA` that a file can hold, under
its own name; `tests/test_cli.py` compares both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["COMMANDS", "PARAMETERS", "Command", "Option", "Positional"]


@dataclass(frozen=True)
class Option:
    """One flag, which is also one key of the configuration file.

    Args:
        name: With underscores, as in YAML; the flag has dashes.
        type: What jsonargparse checks.
        default: Its value where nothing is said.
        help: One or two lines.
        many: What each of several values is, as `--help` shows it; empty for a single value.
        is_switch: Whether the flag alone means true.
    """

    name: str
    type: Any
    default: Any
    help: str
    many: str = ""
    is_switch: bool = False


_CONDITIONAL = Literal["time", "time_delta", "delta_normal", "delta", "discrete"]

PARAMETERS = (
    Option("model_architecture", str, "offset10-model", "encoder: offset1-model sees one bin, "
           "offset10-model ten; any offset{n}-model with n >= 3"),
    Option("device", str, "cuda_if_available", "cpu, cuda, cuda:1 or mps"),
    Option("criterion", Literal["infonce", "focal", "nce"], "infonce", "loss"),
    Option("distance", Literal["cosine", "euclidean"], "cosine", "similarity of two points"),
    Option("conditional", _CONDITIONAL | None, None, "what makes a positive pair; what "
           "suits the labels if not given"),
    Option("temperature", float, 1.0, "divides similarities; the start value if learned"),
    Option("temperature_mode", Literal["constant", "auto"], "constant", "auto learns it"),
    Option("min_temperature", float | None, 0.1, "lower bound of a learned temperature"),
    Option("time_offsets", int, 1, "time bins between a reference and its positive"),
    Option("delta", float | None, None, "width for delta_normal, in the label's unit"),
    Option("max_iterations", int, 10000, "training steps"),
    Option("max_adapt_iterations", int, 500, "training steps when adapting"),
    Option("batch_size", int | None, 512, "references of a step; null takes every bin"),
    Option("learning_rate", float, 3e-4, "step size of the optimiser"),
    Option("optimizer", Literal["adam", "adamw"], "adam", "optimiser"),
    Option("output_dimension", int, 8, "dimensions of the embedding"),
    Option("verbose", bool | None, None, "progress bar; if not given, only on a terminal"),
    Option("num_hidden_units", int, 32, "width of the hidden layers"),
    Option("pad_before_transform", bool, True, "repeat the ends, so that every bin has a point"),
    Option("hybrid", bool, False, "learn behaviour and time together"),
    Option("optimizer_kwargs", dict[str, Any], {}, "further arguments of the optimiser"),
    Option("masking_kwargs", dict[str, Any] | None, None, "random masks"),
    Option("random_state", int | None, 0, "seed: the same seed, the same embedding"),
    Option("early_stopping", bool | dict[str, Any], False, "true, or a mapping with patience, "
           "min_delta, fraction, every"),
    Option("num_negatives", int | None, None, "negatives of each reference; null shares"),
    Option("augmentation", dict[str, Any] | None, None, "mapping of augmentation to strength"),
    Option("scheduler", Literal["linear", "cosine", "one-cycle"] | None, None, "learning rate"),
    Option("causal", bool, False, "let no point depend on the future"),
    Option("prior", Literal["empirical", "uniform"] | None, None, "how references are drawn"),
    Option("shared_trunk", bool, False, "share layers between sessions, of which there is one"),
    Option("objectives", dict[str, Any] | None, None, "mapping of names to what is learned in "
           "which dimensions: labels (none for time), dims, weight, ..."),
    Option("balance", Literal["uncertainty", "gradnorm"] | None, None, "learn how much objectives "
           "count"),
    Option("regularizer", dict[str, Any] | None, None, "penalty on the Jacobian: mapping with "
           "weight, schedule, num_projections"),
    Option("num_queued_negatives", int | None, None, "negatives of former steps beside those of a "
           "batch"),
    Option("momentum", float, 0.999, "of the encoder that embeds them"),
)  # fmt: skip
"""Defaults are those of `CEBRA`, but encoder, batch, seed and progress suit a first try."""

_FILE = (
    Option("neural", str | None, None, "name of the activity in the file, if it is not found"),
    Option("trial", str | None, None, "name of the trial of each bin; windows stay inside one"),
    Option("bin_s", float | None, None, "width of a time bin in seconds"),
)  # fmt: skip

_LABELS = (
    Option("labels", str, None, "names of labels: positive pairs are similar in them",
           many="NAME"),
    Option("continuous", str, None, "those of them to compare as numbers: integers by value, "
           "several columns as they are, words as one-hot columns", many="NAME"),
    Option("circular", str, None, "circular labels with their period, as heading=360",
           many="NAME=PERIOD"),
    Option("weight", str, None, "how much squared distances in a label count beside those in "
           "others, as position=4; 1 if not given", many="NAME=NUMBER"),
)  # fmt: skip

_OUT = (
    Option("overwrite", bool, False, "replace what is there", is_switch=True),
)  # fmt: skip

_FIT = (
    *_FILE,
    *_LABELS,
    Option("out", str | None, None, "run folder to make; runs/fit-NAME-DATE if not given"),
    *_OUT,
    Option("test_fraction", float | None, None, "hold out this share of time at the end, and "
           "print how well labels are decoded from it"),
    *PARAMETERS,
)  # fmt: skip

_TRANSFORM = (
    *_FILE,
    Option("out", str | None, None, "embedding to write: .npy, .npz or .csv"),
    *_OUT,
    Option("device", str, "cuda_if_available", "cpu, cuda, cuda:1 or mps"),
)

_EVALUATE = (
    *_FILE,
    *_LABELS,
    Option("test_fraction", float, 0.2, "share of time at the end that tests the decoder"),
    Option("shuffles", int, 100, "label shuffles of the permutation test"),
    Option("out", str | None, None, "JSON file for the numbers"),
    *_OUT,
    Option("device", str, "cuda_if_available", "cpu, cuda, cuda:1 or mps"),
)  # fmt: skip


_COMPARE = (
    *_FILE,
    *_LABELS,
    Option("methods", str, ["cebra", "cebra-time", "pca"], "what to compare", many="METHOD"),
    Option("out", str | None, None, "run folder to make; runs/compare-NAME-DATE if not given"),
    *_OUT,
    Option("test_fraction", float, 0.2, "share of time at the end that tests"),
    Option("seeds", int, 1, "how often each method is fitted, from --random-state on"),
    Option("tune", bool, False, "let each method try eight settings first", is_switch=True),
    *PARAMETERS,
)  # fmt: skip


@dataclass(frozen=True)
class Positional:
    """What stands behind a command without a flag.

    Args:
        name: What the command calls it.
        help: One line.
        is_needed: Whether the command cannot do without.
        is_many: Whether there may be several.
        choices: The words it may be; empty for any.
    """

    name: str
    help: str
    is_needed: bool = True
    is_many: bool = False
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Command:
    """One verb.

    Args:
        summary: What it does.
        examples: How it is used, and what a newcomer should know.
        positional: What stands behind it.
        options: Its flags.
        module: Where `run_NAME` stands in this package.
    """

    summary: str
    examples: str
    positional: tuple[Positional, ...]
    options: tuple[Option, ...]
    module: str = "commands"


_CHECKPOINT = Positional("checkpoint", "a checkpoint, or a run folder")
_RECORDING = Positional("recording", "the recording")

COMMANDS: dict[str, Command] = {
    "fit": Command(
        "Trains CEBRA on a recording and writes a run folder.",
        """
        A recording is any file that cebra-ethan reads: .npz, .npy, .csv, .h5, .nwb. `cebra-ethan
        info FILE` shows which labels it holds. Without --labels, nearby times are similar.

        examples:
          cebra-ethan fit rat.npz --labels position --output-dimension 3 --time-offsets 10
          cebra-ethan fit rat.npz --labels position direction --continuous direction \\
              --test-fraction 0.2 --max-iterations 5000 --out run/
          cebra-ethan fit rat.npz --config run/config.yaml --random-state 1 --out run-1/

        The run folder holds config.yaml, checkpoint.ckpt, history.csv, embedding.npy and
        provenance.json; it appears when everything in it is complete. Flags win over --config.

        Four defaults differ from those of CEBRA(), which are in brackets: model_architecture
        offset10-model (offset1-model), batch_size 512 (None), random_state 0 (None), and verbose,
        true on a terminal (False).
        """,
        (_RECORDING,),
        _FIT,
    ),
    "transform": Command(
        "Embeds a recording with a trained model.",
        """
        examples:
          cebra-ethan transform run/ rat.npz --out embedding.npy
          cebra-ethan transform run/checkpoint.ckpt rat.npz --out embedding.csv

        One row for each time bin. The neurons must be those the model was trained on.
        """,
        (_CHECKPOINT, _RECORDING),
        _TRANSFORM,
    ),
    "evaluate": Command(
        "Says how good an embedding is: goodness of fit, and decoding beside chance.",
        """
        examples:
          cebra-ethan evaluate run/ other-day.npz --labels position
          cebra-ethan evaluate run/ rat.npz --shuffles 500 --out scores.json

        Goodness of fit is in bits; 0 is chance. The decoder (nearest neighbours) is fitted on the
        first part of the recording and tested on the last, beside chance, shuffled labels and the
        same decoder on the counts themselves. Labels are those of training if none are named.
        """,
        (_CHECKPOINT, _RECORDING),
        _EVALUATE,
    ),
    "info": Command(
        "Shows what a checkpoint, a run folder or a recording is; on nothing, what is installed.",
        """
        examples:
          cebra-ethan info
          cebra-ethan info rat.npz
          cebra-ethan info run/checkpoint.ckpt
        """,
        (Positional("path", "a checkpoint, a run folder or a recording", is_needed=False),),
        _FILE,
    ),
    "compare": Command(
        "Compares methods on one recording: same split, same decoder, same controls.",
        """
        examples:
          cebra-ethan compare rat.npz --labels position --methods cebra,cebra-time,pca,umap
          cebra-ethan compare rat.npz --labels position --methods cebra pca \\
              --seeds 3 --max-iterations 2000 --out comparison/
          cebra-ethan report comparison/ --out comparison.html

        Methods are cebra (learns from all --labels), cebra-time, cebra-time-all (its encoder has
        seen the test part), pca, umap, t-sne, pi-vae, lfads and others of cebra_ethan.baselines.
        Each is fitted on the first part of the time, and nearest neighbours decode every label of
        the last. Beside them stand chance, shuffled labels (permuted, and shifted in time), an
        untrained encoder, and no embedding. Options of training are those of CEBRA; other methods
        keep their own defaults. With --tune each method tries the eight settings of its budget
        within the training part, first seed, and keeps the best. The run folder holds
        results.json, figures and embeddings.
        """,
        (_RECORDING,),
        _COMPARE,
        "reporting",
    ),
    "report": Command(
        "Makes one page of run folders, which opens in a browser without a network.",
        """
        examples:
          cebra-ethan report runs/hippocampus-20260101-120000 --out report.html
          cebra-ethan report runs/* --out report.html --overwrite

        A run folder is what an experiment or `cebra-ethan compare` wrote.
        """,
        (Positional("runs", "run folders", is_many=True),),
        (
            Option("out", str | None, "report.html", "page to write: .html"),
            *_OUT,
            Option("title", str, "CEBRA-Ethan: results", "title of the page"),
        ),
        "reporting",
    ),
    "data": Command(
        "Lists, fetches and checks the recordings that experiments use.",
        """
        examples:
          cebra-ethan data list
          cebra-ethan data list rat-achilles --root data/
          cebra-ethan data fetch rat-gatsby --root data/
          cebra-ethan data check --root data/

        list says what there is, and of named ones everything. fetch downloads what is missing and
        compares it with the published checksum. check compares the files that are there; exit
        code 2 if one is damaged.
        """,
        (
            Positional("action", "list, fetch or check", choices=("list", "fetch", "check")),
            Positional("names", "names that list shows", is_needed=False, is_many=True),
        ),
        (
            Option("root", str | None, None, "data folder; CEBRA_ETHAN_DATA if not given"),
            Option(
                "allow_unverified",
                bool,
                False,
                "fetch files without a published checksum",
                is_switch=True,
            ),
        ),
        "data",
    ),
}
