"""A network that breaks the contract is refused by what it breaks; one that keeps it answers the same in any batch."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

from rakurs.errors import PackError
from rakurs.inference.network import OUTPUTS, Answers, Network, load_network
from rakurs.pack import NetworkFile, digest_of
from rakurs.study import FloatArray
from rakurs.task import Task, read_task
from tests.packs import LABELS, random_network, task_text

SIDE = 64
Change = Callable[[onnx.ModelProto], object]


@pytest.fixture
def task(tmp_path: Path) -> Task:
    path = tmp_path / "task.toml"
    path.write_text(task_text(("frontal",), tuple(LABELS), side=SIDE), encoding="utf-8")
    return read_task(path)


def load(model: onnx.ModelProto, task: Task, *, folder: Path) -> Network:
    path = folder / "frontal.onnx"
    path.write_bytes(model.SerializeToString())
    return load_network(NetworkFile(path=path, digest=digest_of(path)), task, threads=1)


def noise(n: int) -> FloatArray:
    return np.random.default_rng(0).standard_normal((n, 1, SIDE, SIDE), np.float32)


def farthest(one: Answers, other: Answers) -> float:
    return max(float(np.abs(getattr(one, part) - getattr(other, part)).max()) for part in OUTPUTS)


def joined(*parts: Answers) -> Answers:
    return Answers(**{part: np.concatenate([getattr(answers, part) for answers in parts]) for part in OUTPUTS})


def output(model: onnx.ModelProto, name: str) -> onnx.ValueInfoProto:
    entries: dict[str, onnx.ValueInfoProto] = {entry.name: entry for entry in model.graph.output}
    return entries[name]


def remove(model: onnx.ModelProto, name: str) -> None:
    model.graph.output.remove(output(model, name))


def rename_input(model: onnx.ModelProto) -> None:
    model.graph.input[0].name = "film"
    model.graph.node[0].input[0] = "film"


def add_input(model: onnx.ModelProto) -> None:
    model.graph.input.append(helper.make_tensor_value_info("age", TensorProto.FLOAT, ["n"]))


def replace_output(model: onnx.ModelProto, name: str, *, by: list[onnx.NodeProto], shape: list[str | int]) -> None:
    """Let nodes that read `<name>_before` write the output `name`, of this shape."""
    for node in model.graph.node:
        node.output[:] = [f"{name}_before" if each == name else each for each in node.output]
        node.input[:] = [f"{name}_before" if each == name else each for each in node.input]
    remove(model, name)
    model.graph.node.extend(by)
    model.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))


def flatten(model: onnx.ModelProto, name: str, *, width: int) -> None:
    replace_output(model, name, by=[helper.make_node("Flatten", [f"{name}_before"], [name])], shape=["n", width])


def lengthen(model: onnx.ModelProto, name: str, *, width: int) -> None:
    """Give a (n, width) output a third axis."""
    model.graph.initializer.append(helper.make_tensor(f"{name}_axis", TensorProto.INT64, [1], [2]))
    nodes = [helper.make_node("Unsqueeze", [f"{name}_before", f"{name}_axis"], [name])]
    replace_output(model, name, by=nodes, shape=["n", width, 1])


def double(model: onnx.ModelProto, name: str, *, shape: list[str | int]) -> None:
    """Give an output twice as many labels."""
    nodes = [helper.make_node("Concat", [f"{name}_before"] * 2, [name], axis=1)]
    replace_output(model, name, by=nodes, shape=shape)


def test_a_network_that_keeps_the_contract_is_loaded(task: Task, tmp_path: Path) -> None:
    network = load(random_network(4, side=SIDE), task, folder=tmp_path)

    answers = network.run(noise(3))

    assert answers.logits.shape == (3, 4)
    assert answers.heat_maps.shape == (3, 4, 8, 8)
    assert answers.embedding.shape == (3, 8)


def test_the_answers_are_those_of_the_reference_implementation_of_onnx(task: Task, tmp_path: Path) -> None:
    model = random_network(4, side=SIDE)

    answers = load(model, task, folder=tmp_path).run(noise(2))

    expected = ReferenceEvaluator(model).run(list(OUTPUTS), {"image": noise(2)})
    for name, wanted in zip(OUTPUTS, expected, strict=True):
        np.testing.assert_allclose(getattr(answers, name), wanted, atol=1e-4)


def test_the_order_in_which_a_file_names_its_outputs_does_not_matter(task: Task, tmp_path: Path) -> None:
    model = random_network(4, side=SIDE)
    reordered = random_network(4, side=SIDE)
    entries = list(reversed(reordered.graph.output))
    del reordered.graph.output[:]
    reordered.graph.output.extend(entries)

    answers = load(reordered, task, folder=tmp_path).run(noise(2))

    assert farthest(answers, load(model, task, folder=tmp_path).run(noise(2))) == 0


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (rename_input, "expected one 'image' (n, 1, 64, 64)"),
        (add_input, "expected one 'image' (n, 1, 64, 64)"),
        (lambda model: remove(model, "logits"), "the outputs logits are missing"),
        (lambda model: remove(model, "heat_maps"), "the outputs heat_maps are missing"),
        (lambda model: remove(model, "embedding"), "the outputs embedding are missing"),
        (lambda model: lengthen(model, "logits", width=4), "'logits' has 3 axes, expected 2"),
        (lambda model: flatten(model, "heat_maps", width=256), "'heat_maps' has 2 axes, expected 4"),
        (lambda model: lengthen(model, "embedding", width=8), "'embedding' has 3 axes, expected 2"),
        (lambda model: double(model, "logits", shape=["n", 8]), "'logits' has 8 labels, the task 4"),
        (lambda model: double(model, "heat_maps", shape=["n", 8, 8, 8]), "'heat_maps' has 8 labels, the task 4"),
    ],
)
def test_a_network_that_breaks_the_contract_is_refused_by_what_it_breaks(
    task: Task, tmp_path: Path, *, change: Change, fault: str
) -> None:
    model = random_network(4, side=SIDE)
    change(model)

    with pytest.raises(PackError) as caught:
        load(model, task, folder=tmp_path)

    assert caught.value.message.startswith("frontal.onnx breaks the network contract: ")
    assert fault in caught.value.message


def test_a_network_for_another_size_of_images_is_refused(task: Task, tmp_path: Path) -> None:
    with pytest.raises(PackError, match=r"expected one 'image' \(n, 1, 64, 64\)"):
        load(random_network(4, side=32), task, folder=tmp_path)


def test_every_fault_is_said_at_once(task: Task, tmp_path: Path) -> None:
    with pytest.raises(PackError) as caught:
        load(random_network(3, side=32), task, folder=tmp_path)

    faults = caught.value.message.split("; ")
    assert [fault for fault in faults if "3 labels, the task 4" in fault] == faults[-2:]
    assert len(faults) == 3


@pytest.mark.parametrize(("kind", "type_name"), [(TensorProto.DOUBLE, "double"), (TensorProto.FLOAT16, "float16")])
def test_a_network_that_takes_other_numbers_than_float32_is_refused(
    task: Task, tmp_path: Path, *, kind: int, type_name: str
) -> None:
    model = random_network(4, side=SIDE)
    model.graph.node[0].input[0] = "narrowed"
    model.graph.node.insert(0, helper.make_node("Cast", ["image"], ["narrowed"], to=TensorProto.FLOAT))
    model.graph.input[0].type.tensor_type.elem_type = kind

    with pytest.raises(PackError, match=rf"'image' is tensor\({type_name}\), expected tensor\(float\)"):
        load(model, task, folder=tmp_path)


@pytest.mark.parametrize(
    "content", [b"", b"not a network", b"\x08\x08"], ids=["empty", "text", "a version and no more"]
)
def test_a_file_that_is_no_network_is_refused(task: Task, tmp_path: Path, *, content: bytes) -> None:
    path = tmp_path / "frontal.onnx"
    path.write_bytes(content)

    with pytest.raises(PackError, match=r"frontal\.onnx cannot be loaded as an ONNX network"):
        load_network(NetworkFile(path=path, digest=digest_of(path)), task)


def test_a_file_that_is_gone_is_refused(task: Task, tmp_path: Path) -> None:
    with pytest.raises(PackError, match=r"frontal\.onnx cannot be loaded as an ONNX network"):
        load_network(NetworkFile(path=tmp_path / "frontal.onnx", digest="sha256:0"), task)


def test_a_batch_gives_the_answers_that_its_images_get_alone(task: Task, tmp_path: Path) -> None:
    network, images = load(random_network(4, side=SIDE), task, folder=tmp_path), noise(5)

    together = network.run(images)

    alone = joined(*(network.run(images[row : row + 1]) for row in range(5)))
    assert farthest(together, alone) < 1e-4


def test_several_threads_may_ask_one_network(task: Task, tmp_path: Path) -> None:
    network, images = load(random_network(4, side=SIDE), task, folder=tmp_path), noise(8)
    expected = [network.run(images[row : row + 1]) for row in range(8)]

    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda row: network.run(images[row : row + 1]), range(8)))

    assert max(farthest(one, other) for one, other in zip(answers, expected, strict=True)) == 0
