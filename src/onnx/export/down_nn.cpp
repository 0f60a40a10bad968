// Normalisation, dropout, sampling of images by position, Resize.
#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "onnx/export/down_converter.h"

namespace cycloid::onnx {
namespace {

bool used(const NodeEditor& edit, NodeEditor& of, std::size_t output) {
  const auto& outputs = edit.node().outputs;
  return output < outputs.size() && outputs[output].valid() && !of.graph().is_dead(outputs[output]);
}

// From 12 on ratio and training_mode are inputs; before, what is not told to train does not.
Status dropout_12(NodeEditor& edit) {
  if (edit.has_input(2)) {
    CYCLOID_ASSIGN(const Tensor* training, constant_input(edit, 2));
    if (training->element_count() != 1 || training->dtype() != DType::kBool || training->data<bool>()[0]) {
      return unsupported("it is in training mode");
    }
  }
  truncate_inputs(edit, 1);
  if (used(edit, edit, 1)) return unsupported("before opset 12 only training makes a mask");
  return {};
}

Status gemm_11(NodeEditor& edit) {
  if (edit.has_input(2)) return {};
  const DType dtype = edit.dtype(0);
  if (dtype != DType::kFloat32 && dtype != DType::kFloat64 && dtype != DType::kFloat16) {
    return unsupported("it has no C, and its element type is not known to be a float");
  }
  edit.set_input(2, edit.scalar_like("c", 0, 0));
  return {};
}

// Before 16 boxes were not shifted by half a pixel; what the attribute says is dropped with it where it is the same.
Status roi_align_16(NodeEditor& edit) {
  CYCLOID_ASSIGN(const std::string mode, get_string(edit.node(), "coordinate_transformation_mode", "half_pixel"));
  if (mode != "output_half_pixel") return unsupported("its coordinates are '{}'", mode);
  return {};
}

Status grid_sample_20(NodeEditor& edit) {
  CYCLOID_ASSIGN(const std::string mode, get_string(edit.node(), "mode", "linear"));
  if (edit.rank(0) != 4) return unsupported("its input is not known to have four axes");
  if (mode == "linear") edit.set("mode", std::string("bilinear"));
  if (mode == "cubic") edit.set("mode", std::string("bicubic"));
  return {};
}

// Before 18 scales and sizes are of all axes.
Status resize_18(NodeEditor& edit) {
  CYCLOID_ASSIGN(const auto axes, edit.take_ints("axes"));
  if (!axes) return {};
  const auto rank = edit.rank(0);
  if (!rank) return unsupported("its input's rank is not known");
  const auto at = from_front(*axes, rank);
  if (edit.has_input(1)) return unsupported("it has axes and a region of interest");
  if (edit.has_input(2)) {
    CYCLOID_ASSIGN(const Tensor* scales, constant_input(edit, 2));
    std::vector<float> all(static_cast<std::size_t>(*rank), 1.0F);
    if (scales->dtype() != DType::kFloat32) return unsupported("its scales are not float");
    if (scales->element_count() != static_cast<std::int64_t>(at.size()))
      return invalid_model("it has {} scales for {} axes", scales->element_count(), at.size());
    for (std::size_t i = 0; i < at.size(); ++i) all.at(static_cast<std::size_t>(at[i])) = scales->data<float>()[i];
    edit.set_input(2, edit.constant("scales", Tensor::of<float>({*rank}, std::span<const float>(all))));
    return {};
  }
  CYCLOID_ASSIGN(const Tensor* sizes, constant_integers(edit, 3));
  if (sizes == nullptr || sizes->element_count() != static_cast<std::int64_t>(at.size()))
    return invalid_model("it needs a scale or a size for each of {} axes", at.size());
  const Shape& shape = *edit.types().of(edit.input(0)).shape;
  std::vector<std::int64_t> all;
  for (const Dim& dim : shape) {
    if (!dim.is_known()) return unsupported("the sizes of the axes that stay are not known");
    all.push_back(dim.value());
  }
  for (std::size_t i = 0; i < at.size(); ++i) all.at(static_cast<std::size_t>(at[i])) = to_int64s(*sizes)[i];
  edit.set_input(3, edit.ints("sizes", all));
  return {};
}

// Before 13 roi and scales have to be there, empty where not meant. Halfway cases of half_pixel_symmetric came later.
Status resize_13(NodeEditor& edit) {
  const auto fill = [&](std::size_t i, const char* name) {
    if (!edit.has_input(i)) edit.set_input(i, edit.constant(name, Tensor::of<float>({0}, std::span<const float>())));
  };
  fill(1, "roi");
  fill(2, "scales");
  return {};
}

Status resize_19(NodeEditor& edit) {
  CYCLOID_ASSIGN(const std::string mode, get_string(edit.node(), "coordinate_transformation_mode", "half_pixel"));
  if (mode == "half_pixel_symmetric") return unsupported("its coordinates are '{}'", mode);
  return {};
}

// Before 11 the coordinates are asymmetric, and nearest rounds down where it enlarges.
Status resize_11(NodeEditor& edit) {
  CYCLOID_ASSIGN(const std::string mode, get_string(edit.node(), "mode", "nearest"));
  CYCLOID_ASSIGN(const std::string coordinates,
                 get_string(edit.node(), "coordinate_transformation_mode", "half_pixel"));
  CYCLOID_ASSIGN(const std::string nearest, get_string(edit.node(), "nearest_mode", "round_prefer_floor"));
  if (coordinates != "asymmetric" || mode == "cubic")
    return unsupported("mode '{}' with coordinates '{}'", mode, coordinates);
  CYCLOID_ASSIGN(const Tensor* scales, constant_input(edit, 2));
  if (scales == nullptr || scales->dtype() != DType::kFloat32 || scales->element_count() == 0) {
    return unsupported("it is given sizes, not constant scales");
  }
  const auto factors = scales->data<float>();
  const bool enlarges = std::ranges::all_of(factors, [](float f) { return f >= 1; });
  const bool shrinks = std::ranges::all_of(factors, [](float f) { return f <= 1; });
  if (mode == "nearest" && !(enlarges && nearest == "floor") && !(shrinks && nearest == "ceil")) {
    return unsupported("its nearest_mode is '{}'", nearest);
  }
  for (const char* name :
       {"coordinate_transformation_mode", "nearest_mode", "cubic_coeff_a", "exclude_outside", "extrapolation_value"}) {
    edit.drop(name);
  }
  edit.set_inputs({edit.input(0), edit.input(2)});
  if (edit.version() == 10) return {};
  if (!enlarges) return unsupported("it shrinks, which Upsample does not");
  edit.graph().set_operator(edit.id(), "", "Upsample");
  if (edit.version() < 9) {
    edit.set("scales", std::vector<float>(factors.begin(), factors.end()));
    truncate_inputs(edit, 1);
  }
  return {};
}

constexpr DownConverter kConverters[] = {
    {"Dropout", 12, dropout_12},        {"Gemm", 11, gemm_11},     {"RoiAlign", 16, roi_align_16},
    {"GridSample", 20, grid_sample_20}, {"Resize", 19, resize_19}, {"Resize", 18, resize_18},
    {"Resize", 13, resize_13},          {"Resize", 11, resize_11},
};

}  // namespace

std::span<const DownConverter> nn_down_converters() { return kConverters; }

}  // namespace cycloid::onnx
