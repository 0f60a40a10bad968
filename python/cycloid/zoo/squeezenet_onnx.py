"""SqueezeNet as an ONNX model: x (N, 3, H, W) to y (N, classes), both float32. It is written without PyTorch."""

from onnx import TensorProto, checker, helper, numpy_helper

from cycloid.zoo.squeezenet import CLASSES, Parameters

OPSET = 17


class Writer:
    """Appends nodes; every method takes a value's name and returns its result's."""

    def __init__(self):
        self.parameters = Parameters()
        self.nodes = []
        self.initializers = []

    def node(self, op_type, inputs, **attributes):
        name = f"{op_type}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op_type, inputs, [name], name=name, **attributes))
        return name

    def conv_relu(self, x, channels, out_channels, kernel, **attributes):
        inputs = [x]
        for kind, array in zip(("weight", "bias"), self.parameters.draw(out_channels, channels, kernel), strict=True):
            inputs.append(f"{kind}_{len(self.nodes)}")
            self.initializers.append(numpy_helper.from_array(array, inputs[-1]))
        return self.node("Relu", [self.node("Conv", inputs, kernel_shape=[kernel, kernel], **attributes)])

    def pool(self, x):
        return self.node("MaxPool", [x], kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)

    def fire(self, x, channels, squeeze, expand):
        x = self.conv_relu(x, channels, squeeze, 1)
        small = self.conv_relu(x, squeeze, expand, 1)
        large = self.conv_relu(x, squeeze, expand, 3, pads=[1, 1, 1, 1])
        return self.node("Concat", [small, large], axis=1)


def make_model(architecture):
    writer = Writer()
    channels = architecture.stem_channels
    x = writer.pool(writer.conv_relu("x", 3, channels, architecture.stem_kernel, strides=[2, 2]))
    for layer in architecture.layers:
        if layer == "pool":
            x = writer.pool(x)
        else:
            x = writer.fire(x, channels, *layer)
            channels = 2 * layer[1]
    x = writer.node("GlobalAveragePool", [writer.conv_relu(x, channels, CLASSES, 1)])
    writer.nodes.append(helper.make_node("Flatten", [x], ["y"], name="Flatten", axis=1))
    graph = helper.make_graph(
        writer.nodes,
        "squeezenet",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 3, "height", "width"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", CLASSES])],
        writer.initializers,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    checker.check_model(model, full_check=True)
    return model
