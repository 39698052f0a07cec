"""What lies beside the models of other tools, by which export knows its own again."""

import hashlib
from pathlib import Path

from hpsearch.files import made_beside
from hpsearch.training.other_formats import OtherForm
from hpsearch.training.written import (
    ModelForm,
    Signature,
    read_signature,
    signature_file,
    write_signature,
)


def files_of(output: Path, form: ModelForm) -> list[Path]:
    """The files of a model: of OpenVINO two, of the others what it is called by."""
    return [output, output.with_suffix(".bin")] if form == "openvino" else [output]


def write_beside_other(output: Path, form: OtherForm, told: Signature, made: Path) -> None:
    """Write the signature of another tool's model, with what its files are known again by.

    Args:
        output: the model.
        form: its format.
        told: its signature.
        made: where the model lies yet.

    Raises:
        UnreachableError: a full disk, no permission and the like.
    """
    sums = {
        final.name: _sha256(now)
        for final, now in zip(files_of(output, form), files_of(made, form), strict=True)
    }
    with made_beside(signature_file(output, form)) as partial:
        write_signature(partial, told.model_copy(update={"files": sums}))


def is_other_model(path: Path, form: OtherForm) -> bool:
    """Whether a file is a model that export wrote for another tool, and as it wrote it."""
    told = read_signature(signature_file(path, form))
    try:
        return told is not None and told.files == {
            file.name: _sha256(file) for file in files_of(path, form)
        }
    except OSError:
        return False


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
