import pytest
import torch

from pinnlearn.arrays import DeviceNotAvailableError, available_device, resolve_device


def with_gpus(monkeypatch, count):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)


def test_devices_and_dtypes_by_name(monkeypatch):
    assert resolve_device("cpu", "float32") == (torch.device("cpu"), torch.float32)
    assert resolve_device(torch.device("cpu"), "float64") == (torch.device("cpu"), torch.float64)
    with_gpus(monkeypatch, 2)
    assert resolve_device("cuda:1", "float64")[0] == torch.device("cuda:1")
    assert resolve_device("auto", "float64")[0] == torch.device("cuda")
    with_gpus(monkeypatch, 0)
    assert resolve_device("auto", "float64")[0] == torch.device("cpu")


@pytest.mark.parametrize(
    ("device", "dtype", "message"),
    [
        ("tpu", "float64", "'tpu' is unknown; choose one of .*'cpu', 'cuda'"),
        ("cuda:x", "float64", "'cuda:x' is malformed; write 'cuda', or 'cuda:1'"),
        ("cpu:", "float64", "'cpu:' is malformed"),
        (None, "float64", "None is unknown"),
        ("cpu", "float16", "'float16' is unknown; choose one of .*'float32', 'float64'"),
        ("mps", "float64", "no float64; use dtype='float32'"),
    ],
)
def test_unknown_or_malformed_devices_say_what_to_write(device, dtype, message):
    with pytest.raises(ValueError, match=message):
        resolve_device(device, dtype)


@pytest.mark.parametrize(("count", "device"), [(0, "cuda"), (0, "cuda:0"), (1, "cuda:1")])
def test_a_device_that_is_not_there(monkeypatch, count, device):
    with_gpus(monkeypatch, count)
    with pytest.raises(DeviceNotAvailableError, match=f"'{device}' is not available on this machine; use device='cpu'"):
        resolve_device(device, "float64")
    with pytest.warns(UserWarning, match="predicting on the CPU"):
        assert available_device(device, "float64")[0] == torch.device("cpu")
