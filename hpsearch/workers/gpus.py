"""GPUs: what NVIDIA's driver lists (through NVML, without TensorFlow), and which of it to use."""

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import pynvml

from hpsearch.errors import InputError

_NO_DRIVER = (pynvml.NVMLError_LibraryNotFound, pynvml.NVMLError_DriverNotLoaded)
"""What NVML says on machines that have no NVIDIA GPU at all."""

_UNKNOWN_TO_IT = (pynvml.NVMLError_NotSupported, pynvml.NVMLError_FunctionNotFound)
"""What NVML says where a GPU, or an older driver, does not have what was asked for."""


@dataclass(frozen=True, kw_only=True)
class Gpu:
    """One device that CUDA can use: a GPU, or one MIG instance of a GPU in MIG mode."""

    index: int
    """Of the GPU, from 0, in the order of the PCI bus: as nvidia-smi shows it."""
    instance: int | None = None
    """Of the MIG instance on that GPU, from 0; None: the whole GPU."""
    uuid: str
    """By which CUDA is told to use it: "GPU-..." or "MIG-..."."""
    parent: str | None = None
    """UUID of the GPU that this is a MIG instance of; None: the whole GPU."""
    name: str
    """As the driver says it: "NVIDIA A100-SXM4-40GB MIG 3g.20gb"."""
    memory: int
    """Bytes in all; 0: not known."""

    @property
    def place(self) -> str:
        """What ``--gpus`` calls it: "0", or "0:1" for instance 1 of GPU 0."""
        return f"{self.index}" if self.instance is None else f"{self.index}:{self.instance}"

    @property
    def title(self) -> str:
        """Its name for people: "GPU 0:1 (A100-SXM4-40GB MIG 3g.20gb)"."""
        return f"GPU {self.place} ({self.name.removeprefix('NVIDIA ')})"

    @property
    def card(self) -> str:
        """UUID of the whole GPU."""
        return self.parent or self.uuid


@dataclass(frozen=True, kw_only=True)
class Listing:
    """What was found when the driver was asked for its GPUs."""

    gpus: tuple[Gpu, ...] = ()
    notes: tuple[str, ...] = ()
    """Why there are not more of them, where that is in order: no driver, hidden ones."""
    warnings: tuple[str, ...] = ()
    """What is wrong: GPUs that cannot be used, an order that is not certain."""


def list_gpus() -> Listing:
    """The NVIDIA GPUs of this machine, as far as ``CUDA_VISIBLE_DEVICES`` lets them be seen.

    Read from the driver (NVML), so that this process never opens a GPU. A GPU in MIG mode is
    listed as its instances: CUDA can use only these, and only one in a process. Whatever the
    driver refuses leaves out the GPU that was asked about, and is said in the listing.
    """
    try:
        pynvml.nvmlInit()
    except _NO_DRIVER as error:
        return Listing(notes=(f"no NVIDIA driver is in use here ({error})",))
    except pynvml.NVMLError as error:
        text = f"the NVIDIA driver lists no GPUs: {error}; see what nvidia-smi says"
        return Listing(warnings=(text,))
    warnings: list[str] = []
    try:
        found = _read_all(warnings)
    finally:
        with suppress(pynvml.NVMLError):
            pynvml.nvmlShutdown()
    return _visible(found, warnings)


def choose_gpus(option: str, gpus: Sequence[Gpu]) -> list[Gpu]:
    """The GPUs that ``--gpus`` names.

    Args:
        option: ``all``, ``none``, or names with commas between them: ``0`` (nvidia-smi's index;
            in MIG mode all instances), ``0:1`` (one MIG instance) or the beginning of a UUID.
        gpus: those there are, as far as they may be seen.

    Raises:
        InputError: a name of none of them, or of several.
    """
    if option == "all":
        return list(gpus)
    if option == "none":
        return []
    chosen: list[Gpu] = []
    for name in (name.strip() for name in option.split(",")):
        meant = _meant_by(name, gpus)
        if len(meant) != 1:
            known = ", ".join(f"{gpu.place} ({gpu.name}, {gpu.uuid})" for gpu in gpus) or "none"
            outer = os.environ.get("CUDA_VISIBLE_DEVICES")
            limit = "" if outer is None else f", within CUDA_VISIBLE_DEVICES={outer}"
            wrong = "matches several GPUs; write more of it" if meant else "no such GPU"
            raise InputError(f"--gpus {name}: {wrong}; this machine has{limit}: {known}")
        chosen += meant[0]
    return list(dict.fromkeys(chosen))


def _read_all(warnings: list[str]) -> list[Gpu]:
    """Every GPU that the driver lists; adds to ``warnings`` what had to be left out."""
    try:
        count = pynvml.nvmlDeviceGetCount()
    except pynvml.NVMLError as error:
        warnings.append(f"the NVIDIA driver lists no GPUs: {error}; see what nvidia-smi says")
        return []
    found: list[Gpu] = []
    for index in range(count):
        try:
            found += _read(index, warnings)
        except pynvml.NVMLError as error:
            warnings.append(f"GPU {index} is left out: the driver reports {str(error)!r}")
    return found


def _read(index: int, warnings: list[str]) -> list[Gpu]:
    """One GPU, or its instances.

    Raises:
        NVMLError: it cannot be asked.
    """
    handle = pynvml.nvmlDeviceGetHandleByIndex(index)
    uuid, name = (str(ask(handle)) for ask in (pynvml.nvmlDeviceGetUUID, pynvml.nvmlDeviceGetName))
    if not _in_mig_mode(handle):
        return [Gpu(index=index, uuid=uuid, name=name, memory=_memory(handle))]
    found = []
    for place in range(pynvml.nvmlDeviceGetMaxMigDeviceCount(handle)):
        try:
            instance = pynvml.nvmlDeviceGetMigDeviceHandleByIndex(handle, place)
            gpu = Gpu(
                index=index,
                instance=place,
                uuid=str(pynvml.nvmlDeviceGetUUID(instance)),
                parent=uuid,
                name=str(pynvml.nvmlDeviceGetName(instance)),
                memory=_memory(instance),
            )
        except pynvml.NVMLError_NotFound:
            continue  # no instance in this place
        except pynvml.NVMLError as error:
            text = f"GPU {index}:{place} is left out: the driver reports {str(error)!r}"
            warnings.append(text)
            continue
        found.append(gpu)
    if not found:
        warnings.append(
            f"GPU {index} ({name}) is left out: it is in MIG mode and has no instance that can be"
            " used; make one (nvidia-smi mig -cgi ... -C) or end MIG mode (nvidia-smi -mig 0)"
        )
    return found


def _in_mig_mode(handle: object) -> bool:
    try:
        current, _pending = pynvml.nvmlDeviceGetMigMode(handle)
    except _UNKNOWN_TO_IT:
        return False
    return bool(current == pynvml.NVML_DEVICE_MIG_ENABLE)


def _memory(handle: object) -> int:
    """Bytes of a GPU's memory; 0 where it shares the machine's, for then NVML does not say."""
    try:
        return int(pynvml.nvmlDeviceGetMemoryInfo(handle).total)
    except _UNKNOWN_TO_IT:
        return 0


def _visible(found: list[Gpu], warnings: list[str]) -> Listing:
    """Those GPUs that ``CUDA_VISIBLE_DEVICES`` names, in its order, read as CUDA reads it.

    But a GPU in MIG mode stands for all its instances, where CUDA would take the first: a process
    can use no more than one, but the workers are a process each.
    """
    outer = os.environ.get("CUDA_VISIBLE_DEVICES")
    if outer is None:
        return Listing(gpus=tuple(found), warnings=tuple(warnings))
    names = [name.strip() for name in outer.split(",")]
    seen: list[Gpu] = []
    for name in names:
        meant = [] if ":" in name else _meant_by(name, found)  # 0:1 is no name for CUDA
        if len(meant) != 1:
            break  # an unknown entry hides itself and all after it
        seen += meant[0]
    seen = list(dict.fromkeys(seen))
    hidden = ", ".join(gpu.place for gpu in found if gpu not in seen)
    notes = [f"CUDA_VISIBLE_DEVICES={outer} hides GPU {hidden}"] if hidden else []
    models = {gpu.name.partition(" MIG ")[0] for gpu in found}
    in_bus_order = os.environ.get("CUDA_DEVICE_ORDER") == "PCI_BUS_ID" or len(models) <= 1
    if not in_bus_order and any(name.isdecimal() for name in names):
        warnings.append(
            f"CUDA_VISIBLE_DEVICES={outer} is read with nvidia-smi's numbers, but CUDA itself"
            " counts the fastest GPU first and the models differ: set"
            " CUDA_DEVICE_ORDER=PCI_BUS_ID, or name the GPUs by UUID (nvidia-smi -L)"
        )
    return Listing(gpus=tuple(seen), notes=tuple(notes), warnings=tuple(warnings))


def _meant_by(name: str, gpus: Sequence[Gpu]) -> list[list[Gpu]]:
    """What a name may mean: one entry where it is clear, of several GPUs for one in MIG mode.

    As for CUDA, the beginning of a UUID is enough where only one begins so.
    """
    meant: dict[str, list[Gpu]] = {}
    for gpu in gpus:
        key = gpu.uuid if name.startswith("MIG-") else gpu.card
        is_uuid = name.startswith(("GPU-", "MIG-"))
        if key.startswith(name) if is_uuid else name in (str(gpu.index), gpu.place):
            meant.setdefault(key, []).append(gpu)
    return list(meant.values())


@dataclass(frozen=True, kw_only=True)
class Usage:
    """How much of a GPU is used just now, by whoever."""

    index: int
    """Of the GPU, from 0, as nvidia-smi shows it."""
    used: int
    """Bytes of its memory."""
    total: int
    """Bytes of its memory."""
    utilization: float | None
    """Share of the last moment in which something ran on it, from 0 to 1; None: the driver does
    not say, as in MIG mode."""


def usage() -> list[Usage]:
    """How much of each GPU is used just now; those of which the driver does not tell are left out.

    Whole GPUs, whatever ``CUDA_VISIBLE_DEVICES`` hides.
    """
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return []
    found = []
    try:
        for index in range(pynvml.nvmlDeviceGetCount()):
            with suppress(pynvml.NVMLError):
                found.append(_usage(index))
    except pynvml.NVMLError:
        return []
    finally:
        with suppress(pynvml.NVMLError):
            pynvml.nvmlShutdown()
    return found


def _usage(index: int) -> Usage:
    """How much of a GPU is used just now.

    Raises:
        NVMLError: its memory cannot be asked for.
    """
    handle = pynvml.nvmlDeviceGetHandleByIndex(index)
    memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
    share = None
    with suppress(pynvml.NVMLError):
        share = pynvml.nvmlDeviceGetUtilizationRates(handle).gpu / 100
    return Usage(index=index, used=int(memory.used), total=int(memory.total), utilization=share)
