"""A device that its workers share, and that one of them may have alone: with real processes."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from hpsearch.errors import UnreachableError
from hpsearch.home import Home
from hpsearch.workers.sharing import Device, Turn, device_key


def never() -> bool:
    return False


def at_once() -> bool:
    return True


@pytest.fixture
def devices(home: Home) -> Iterator[list[Device]]:
    """Three parts in the use of one device; locks belong to open files, not to processes."""
    opened = [Device(home, "gpu-0") for _ in range(3)]
    yield opened
    for device in opened:
        device.close()


def test_many_share_it_and_nobody_wants_it_alone(devices: list[Device]) -> None:
    for device in devices:
        assert device.share(at_once)
    assert not any(device.is_wanted for device in devices)


def test_who_wants_it_alone_waits_for_the_others_and_keeps_new_ones_out(home: Home) -> None:
    first, second, third = (Device(home, "gpu-0") for _ in range(3))
    assert first.share(at_once)
    taken: list[bool] = []
    thread = threading.Thread(target=lambda: taken.append(second.take(never)))
    thread.start()
    until = time.monotonic() + 20
    while not first.is_wanted:
        assert time.monotonic() < until
        time.sleep(0.005)
    assert not third.share(at_once)
    assert taken == []
    first.close()  # starts anew
    thread.join(20)
    assert taken == [True]
    assert third.is_wanted
    second.close()
    assert third.share(at_once)
    third.close()


def test_one_after_the_other_has_it_alone(devices: list[Device]) -> None:
    assert devices[0].take(at_once)
    assert not devices[1].take(at_once)
    assert not devices[2].share(at_once)


def test_devices_have_nothing_to_do_with_one_another(home: Home, devices: list[Device]) -> None:
    assert devices[0].take(at_once)
    other = Device(home, "cpu")
    assert other.take(at_once)
    other.close()


def test_a_kill_gives_it_back(home: Home, devices: list[Device]) -> None:
    code = f"""
from pathlib import Path
from hpsearch.home import Home
from hpsearch.workers.sharing import Device
assert Device(Home(Path({str(home.root)!r})), "gpu-0").take(lambda: True)
print("has it", flush=True)
input()
"""
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"has it\n"
        assert devices[0].is_wanted
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert devices[0].share(at_once)


@pytest.mark.parametrize(
    ("visible", "key"),
    [
        (None, "gpu-all"),
        ("", "cpu"),
        ("-1", "cpu"),
        ("GPU-8f2a", "gpu-GPU-8f2a"),
        ("MIG-GPU-8f/1/0", "gpu-MIG-GPU-8f_1_0"),
        ("0,1", "gpu-0_1"),
    ],
)
def test_a_device_is_known_by_what_the_process_may_see(
    monkeypatch: pytest.MonkeyPatch, visible: str | None, key: str
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert device_key() == key


def test_locks_that_cannot_be_made_are_said(home: Home) -> None:
    home.locks.touch()
    with pytest.raises(UnreachableError, match="cannot be written"):
        Device(home, "cpu")


def test_turns_are_taken_one_after_the_other(home: Home) -> None:
    first, second, other = Turn(home, "a"), Turn(home, "a"), Turn(home, "b")
    assert first.take(at_once)
    assert not second.take(at_once)
    assert other.take(at_once)
    first.close()
    assert second.take(at_once)
    second.close()
    other.close()
