"""``hpsearch export``: writes a trial or an ensemble as recipe, Keras script or trained model."""

from pathlib import Path
from typing import Annotated

import typer

from hpsearch.cli.options import DataPathOption, HomeOption, StudyArgument
from hpsearch.cli.output import Screen, say, tell
from hpsearch.cli.server import ServerOption, service_of
from hpsearch.cli.workspace import StorageOption, workspace
from hpsearch.services import export as service
from hpsearch.services import tracking
from hpsearch.services.forms import WrittenModel, form_of
from hpsearch.services.overwriting import refuse_to_replace
from hpsearch.text import listed, significant, size
from hpsearch.training.other_formats import (
    OTHER_FORMATS,
    OtherForm,
    Quantization,
    Quantized,
    install,
    other_form,
)


def export(
    context: typer.Context,
    study: StudyArgument,
    output: Annotated[
        str,
        typer.Option(
            "-o",
            "--output",
            metavar="FILE",
            help="File to write. Recipe: .toml, .json or .yaml. Keras script with its data: .py."
            " Trained model: .keras, or a SavedModel folder (no ending, or / at the end);"
            " for other tools: .onnx, .tflite (LiteRT) or .xml (OpenVINO).",
        ),
    ],
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            metavar="FILE",
            help="Of a script: where its data go (default: beside it, as .npz). Scripts of one"
            " study may share them.",
        ),
    ] = None,
    test: Annotated[
        bool,
        typer.Option(
            "--test", help="Of a script: its data have the test split, too. The access is recorded."
        ),
    ] = False,
    trial: Annotated[
        int | None,
        typer.Option("--trial", metavar="N", help="Number of the trial (default: the best one)."),
    ] = None,
    baseline: Annotated[
        bool, typer.Option("--baseline", help="Export the study's baseline instead of a trial.")
    ] = False,
    confirmed: Annotated[
        bool, typer.Option("--confirmed", help="Export the confirmed winner: its median run.")
    ] = False,
    ensemble: Annotated[
        bool,
        typer.Option(
            "--ensemble",
            help="Export what hpsearch ensemble chose: as one trained model, or a script.",
        ),
    ] = False,
    refit: Annotated[
        bool,
        typer.Option(
            "--refit",
            help="Export what hpsearch refit trained: the winner, or (with --ensemble) the"
            " ensemble.",
        ),
    ] = False,
    quantize: Annotated[
        Quantization | None,
        typer.Option(
            "--quantize",
            help="Of .onnx and .tflite: store weights in int8, with .onnx and images what layers"
            " compute with, too. Of these and .xml: store weights in float16. What it costs and"
            " saves is told.",
        ),
    ] = None,
    overrides: DataPathOption = None,
    server: ServerOption = None,
    home: HomeOption = None,
    storage: StorageOption = None,
    mlflow: Annotated[
        bool,
        typer.Option("--mlflow", help="Put it into the MLflow that training.mlflow names, too."),
    ] = False,
) -> None:
    """Write the best trial, another or the ensemble as a recipe, a Keras script or a model."""
    client = service_of(
        context, server, "study", "output", "trial", "baseline", "confirmed", "ensemble", "refit",
        "quantize",
    )  # fmt: skip
    if client is not None:
        form = form_of(output)
        refuse_to_replace(Path(output), form)
        if form != "recipe":
            say("The service writes it, which takes a moment.")
        with client:
            client.study(study).export(
                output, trial=trial, baseline=baseline, confirmed=confirmed, ensemble=ensemble,
                refit=refit, quantize=quantize, tell=tell,
            )  # fmt: skip
        return
    place = workspace(home, storage)
    if mlflow:
        tracking.check_named(study, place)
    done = service.export(
        study,
        output,
        place,
        Screen(),
        trial=trial,
        baseline=baseline,
        confirmed=confirmed,
        ensemble=ensemble,
        refit=refit,
        data=data,
        test=test,
        quantize=quantize,
        overrides=overrides or (),
    )
    if mlflow:
        say(f"In MLflow at {tracking.put_into_mlflow(study, place, done.files)}: export/")
    said = f"Wrote {done.what} to {done.path}"
    if done.model is not None:
        tell(f"{said}, and {_compared(done.model, other_form(done.form))}")
    elif done.form == "recipe":
        needs = ""
        if done.needed:
            files = listed([str(file.relative_to(done.path.parent)) for file in done.needed])
            needs = f", with {files} beside it, which its network needs wherever it goes"
        tell(f"{said}{needs}. Train it: hpsearch train {done.path}")
    else:
        kept = ", which holds them already and stays as it is" if done.data_kept else ""
        tell(
            f"{said}; it compiles and defines all names that it uses. Its data are in"
            f" {done.data}{kept}. Run it: python {done.path}"
        )


def _compared(model: WrittenModel, form: OtherForm | None = None) -> str:
    """What lies beside a model, and how well it compared."""
    files = [
        f"{what} to {file}"
        for what, file in (
            ("the names of its classes", model.classes),
            ("what it takes and gives", model.signature),
        )
        if file is not None
    ]
    beside = " and ".join(files)
    if model.largest is None and form is not None:
        return (
            f"{beside}. It was not compared: {OTHER_FORMATS[form].runtime_title} is not installed"
            f" ({install(form)})"
        )
    on, missing = f"{model.examples:,} validation examples", ""
    if not model.are_real:
        on = f"{model.examples} made-up inputs"
        missing = "; the data are not here, so it was compared on no real example"
    answers, unit = (
        ("probabilities", "")
        if model.are_probabilities
        else ("predictions", " of the target's range")
    )
    return (
        f"{beside}. Its {answers} on {on} differ from the network's by at most"
        f" {model.largest:.1e}{unit}{missing}{_cost(model.quantized)}"
    )


def _cost(quantized: Quantized | None) -> str:
    """What quantising cost and saved."""
    if quantized is None:
        return ""
    metric = {"accuracy": "accuracy", "rmse": "root-mean-square error"}[quantized.metric]
    return (
        f". In {quantized.to} its {metric} on {quantized.examples:,} validation examples is"
        f" {significant(quantized.after)}, in float32 {significant(quantized.before)}; it takes"
        f" {size(quantized.bytes_after)}, in float32 {size(quantized.bytes_before)}"
    )
