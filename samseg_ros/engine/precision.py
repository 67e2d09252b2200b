# SPDX-License-Identifier: Apache-2.0
"""A bundle's graph in fewer bits: fp16 or bf16 where the network computes, fp32 where it reads and decides.

TensorRT 11 and TensorRT-RTX compute in the types that the graph has, and know no other way to be told; older
versions can. So it is the graph that carries the precision, for every runtime and version the same.
"""

from __future__ import annotations

from collections.abc import Iterable

import onnx
from onnx import NodeProto, TensorProto, helper, version_converter

from samseg_ros.engine.engine import ATTENTION_FP32, EngineError

TYPES = {"fp16": TensorProto.FLOAT16, "bf16": TensorProto.BFLOAT16}

# TensorRT-RTX cannot build these in bf16 (1.7 fails to infer the type of their result).
_NOT_IN_BF16 = {"ConvTranspose"}

# The first version of ONNX whose Q/DQ take fp16. (TensorRT 8.6 cannot read all of it, and needs not: there
# flags say what is fp16.)
_FP16_AROUND_INT8 = 19

# What the time goes into. All between the first and the last of these is computed in few bits: not the
# normalisation of the picture before them, nor the scores, argmax and confidence behind them.
_HEAVY = {"Conv", "ConvTranspose", "Gemm", "MatMul"}
_QUANTISED = {"QuantizeLinear", "DequantizeLinear"}
# These make constants or numbers of another type: what they give stays as it is.
_UNTOUCHED = {"Cast", "Constant", "ConstantOfShape", "Range"}
# Inputs that must stay fp32 whatever the others are.
_ONLY_FIRST_INPUT = {"Resize"}


def typed(graph: bytes, step: str) -> bytes:
    """The serialised `graph` with the types of ``fp32``, ``fp16``, ATTENTION_FP32, ``bf16`` or ``int8``.

    For int8 it is the quantised graph that is given; what is left becomes fp16. EngineError as of `lowered`.
    """
    if step == "fp32":
        return graph
    model = onnx.load_from_string(graph)
    if step == "int8" and _opset(model) < _FP16_AROUND_INT8:
        model = version_converter.convert_version(model, _FP16_AROUND_INT8)
    if step == "bf16":
        but = {node.output[0] for node in model.graph.node if node.op_type in _NOT_IN_BF16}
        return lowered(model, "bf16", but).SerializeToString()
    return lowered(model, "fp16", attention(model) if step == ATTENTION_FP32 else ()).SerializeToString()


def _opset(model: onnx.ModelProto) -> int:
    return max(one.version for one in model.opset_import if one.domain in ("", "ai.onnx"))


def attention_of(graph: bytes) -> set[str]:
    """As :func:`attention`, of a serialised graph."""
    return attention(onnx.load_from_string(graph))


def lowered(model: onnx.ModelProto, precision: str, but: Iterable[str] = ()) -> onnx.ModelProto:
    """The model with its network in `precision`, ``fp16`` or ``bf16``; inputs and outputs stay as they are.

    Nodes whose first output is named in `but` stay in fp32. EngineError for a graph with branches or loops.
    """
    if any(part.HasField("g") or part.graphs for node in model.graph.node for part in node.attribute):
        raise EngineError(f"a graph with branches or loops cannot be made {precision}; choose fp32.")
    model = onnx.shape_inference.infer_shapes(model)
    few = _network(model.graph) - set(but)
    floats = _floats(model.graph)
    wide = {value.name for value in model.graph.output}  # what is read in fp32
    wide |= {value for node in model.graph.node if node.output[0] not in few for value in node.input}
    nodes: list[NodeProto] = []
    narrow: dict[str, str] = {}  # value: its name in few bits

    def cast(value: str, to: int, name: str) -> str:
        nodes.append(helper.make_node("Cast", [value], [name], name, to=to))
        return name

    for given in model.graph.node:
        node = NodeProto()
        node.CopyFrom(given)
        if given.output[0] not in few:
            nodes.append(node)
            continue
        for i, value in enumerate(given.input):
            if value in floats and not (i and node.op_type in _ONLY_FIRST_INPUT):
                if value not in narrow:
                    narrow[value] = cast(value, TYPES[precision], f"{value}/{precision}")
                node.input[i] = narrow[value]
        made = [value for value in given.output if value in floats]
        narrow |= {value: f"{value}/{precision}" for value in made}
        node.output[:] = [narrow.get(value, value) for value in given.output]
        nodes.append(node)
        for value in made:
            if value in wide:
                cast(narrow[value], TensorProto.FLOAT, value)
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    del model.graph.value_info[:]  # many have other types now
    return model


def attention(model: onnx.ModelProto) -> set[str]:
    """The nodes where few bits do most harm, by first output: from queries × keys to weights × values."""
    nodes = {node.output[0]: node for node in model.graph.node}
    made_by = {value: name for name, node in nodes.items() for value in node.output}
    before = {
        name: {made_by[value] for value in node.input if value in made_by} for name, node in nodes.items()
    }
    behind: dict[str, set[str]] = {name: set() for name in nodes}
    for name, makers in before.items():
        for maker in makers:
            behind[maker].add(name)

    def up_to_products(start: str, near: dict[str, set[str]]) -> set[str]:
        """What lies between a softmax and the products next to it on one side, with these."""
        found, ahead = {start}, [start]
        while ahead:
            for name in near[ahead.pop()] - found:
                if nodes[name].op_type not in _UNTOUCHED:
                    found.add(name)
                    if nodes[name].op_type != "MatMul":
                        ahead.append(name)
        return found

    found = {name for name, node in nodes.items() if node.op_type == "Attention"}
    for name, node in nodes.items():
        if node.op_type == "Softmax":
            sides = up_to_products(name, before), up_to_products(name, behind)
            # The softmax over the classes has no product behind it.
            if all(any(nodes[other].op_type == "MatMul" for other in side) for side in sides):
                found |= sides[0] | sides[1]
    return found


def _network(graph: onnx.GraphProto) -> set[str]:
    """The nodes that have something heavy at or before them, and at or behind them; by their first output."""
    # ONNX lists nodes in an order in which they can be computed.
    heavy: set[str] = set()
    multiplied: set[str] = set()
    for node in reversed(graph.node):
        # What is quantised must reach its product straight from there, and both factors in one type.
        if node.op_type in _HEAVY or (node.op_type in _QUANTISED and node.output[0] in multiplied):
            heavy.add(node.output[0])
            multiplied.update(node.input)
    fed: set[str] = set()
    after = []
    for node in graph.node:
        if node.output[0] in heavy or fed.intersection(node.input):
            fed.update(node.output)
            after.append(node)
    feeding: set[str] = set()
    network = set()
    for node in reversed(after):
        if node.output[0] in heavy or feeding.intersection(node.output):
            feeding.update(node.input)
            if node.op_type not in _UNTOUCHED:
                network.add(node.output[0])
    return network


def _floats(graph: onnx.GraphProto) -> set[str]:
    """The values that are fp32."""
    typed = [*graph.value_info, *graph.input, *graph.output]
    return {value.name for value in typed if value.type.tensor_type.elem_type == TensorProto.FLOAT} | {
        constant.name for constant in graph.initializer if constant.data_type == TensorProto.FLOAT
    }
