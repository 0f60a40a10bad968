// Upsample and Resize.
#include <algorithm>

#include "base/error.h"
#include "onnx/import/converter.h"

namespace cycloid::onnx {
namespace {

Tensor floats(std::span<const float> values) {
  return Tensor::of<float>({static_cast<std::int64_t>(values.size())}, values);
}

// Before 7: scales of the last two of four axes. Before 9: an attribute of all axes.
Status upsample_9(NodeEditor& edit) {
  std::vector<float> scales;
  if (edit.version() < 7) {
    CYCLOID_ASSIGN(const auto height, edit.take_float("height_scale"));
    CYCLOID_ASSIGN(const auto width, edit.take_float("width_scale"));
    if (!height || !width) return invalid_model("it needs the attributes height_scale and width_scale");
    scales = {1, 1, *height, *width};
  } else {
    CYCLOID_ASSIGN(scales, get_floats(edit.node(), "scales"));
    if (scales.empty()) return invalid_model("it needs the attribute scales");
    edit.drop("scales");
  }
  edit.set_input(1, edit.constant("scales", floats(scales)));
  return {};
}

Status upsample_11(NodeEditor& edit) {
  edit.graph().set_operator(edit.id(), "", "Resize");
  return {};
}

// Resize of version 10, and Upsample, which it replaced: output x is made from input x / scale, which "nearest" rounds
// down where it enlarges and up where it shrinks (what the operator's test data and ONNX Runtime do).
Status resize_11(NodeEditor& edit) {
  const auto given = get_string(edit.node(), "mode", "nearest");
  if (!given) return given.error();
  const std::string mode = *given == "bilinear" ? "linear" : *given;  // bilinear: Upsample of version 1
  edit.set("mode", mode);
  edit.set("coordinate_transformation_mode", std::string("asymmetric"));
  edit.set_inputs({edit.input(0), ValueId{}, edit.input(1)});
  if (mode != "nearest") return {};
  bool shrinks = false;
  bool enlarges = false;
  if (const Tensor* scales = edit.graph().constant(edit.input(2));
      scales != nullptr && scales->dtype() == DType::kFloat32) {
    for (const float scale : scales->data<float>()) {
      shrinks = shrinks || scale < 1;
      enlarges = enlarges || scale > 1;
    }
  }
  if (shrinks && enlarges) return unsupported("Resize of opset 10 that shrinks one axis and enlarges another");
  edit.set("nearest_mode", std::string(shrinks ? "ceil" : "floor"));
  return {};
}

// Before 13 roi and scales had to be there, empty where not meant.
Status resize_13(NodeEditor& edit) {
  const auto drop_empty = [&](std::size_t i) {
    const Tensor* tensor = edit.graph().constant(edit.input(i));
    if (tensor != nullptr && tensor->element_count() == 0) edit.set_input(i, {});
  };
  drop_empty(2);
  CYCLOID_ASSIGN(const std::string coordinates,
                 get_string(edit.node(), "coordinate_transformation_mode", "half_pixel"));
  if (coordinates != "tf_crop_and_resize") drop_empty(1);
  if (coordinates != "tf_half_pixel_for_nn") return {};
  // (x + 0.5) / scale rounded down is half_pixel's (x + 0.5) / scale - 0.5 rounded to the nearest, halves up.
  CYCLOID_ASSIGN(const std::string mode, get_string(edit.node(), "mode", "nearest"));
  CYCLOID_ASSIGN(const std::string nearest, get_string(edit.node(), "nearest_mode", "round_prefer_floor"));
  if (mode != "nearest" || nearest != "floor") {
    return unsupported("the coordinates 'tf_half_pixel_for_nn' with mode '{}' and nearest_mode '{}'", mode, nearest);
  }
  edit.set("coordinate_transformation_mode", std::string("half_pixel"));
  edit.set("nearest_mode", std::string("round_prefer_ceil"));
  return {};
}

constexpr Converter kConverters[] = {
    {"Upsample", 9, upsample_9},
    {"Upsample", 11, upsample_11},
    {"Resize", 11, resize_11},
    {"Resize", 13, resize_13},
};

}  // namespace

std::span<const Converter> resize_converters() { return kConverters; }

}  // namespace cycloid::onnx
