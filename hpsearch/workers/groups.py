"""Control groups: the folders in which the system says what it allows this process."""

from pathlib import Path, PurePosixPath

_CGROUPS = Path("/sys/fs/cgroup")
_OWN_GROUPS = Path("/proc/self/cgroup")


def own_groups(controller: str) -> list[Path]:
    """Folders that may describe this process's control groups and those above them.

    In a container the own group is often mounted at the top, whatever its path says.

    Args:
        controller: whose folders to name for version 1: ``cpu`` or ``memory``.
    """
    folders = [_CGROUPS, _CGROUPS / controller]
    for line in read(_OWN_GROUPS).splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        top = _CGROUPS / controller if controllers else _CGROUPS
        own = PurePosixPath(path)
        folders += [top / str(group).lstrip("/") for group in (own, *own.parents)]
    return folders


def read(file: Path) -> str:
    """A file's text; empty where it cannot be read."""
    try:
        return file.read_text(encoding="utf-8")
    except OSError:
        return ""
