// ai.onnx.ml.
#include "base/error.h"
#include "onnx/import/converter.h"

namespace cycloid::onnx {
namespace {

// Before 2: strings to their positions in classes_strings, or positions to strings, by the input's type.
Status label_encoder_2(NodeEditor& edit) {
  CYCLOID_ASSIGN(const auto classes, get_strings(edit.node(), "classes_strings"));
  edit.drop("classes_strings");
  std::vector<std::int64_t> positions;
  for (std::size_t i = 0; i < classes.size(); ++i) positions.push_back(static_cast<std::int64_t>(i));
  switch (edit.dtype(0)) {
    case DType::kString:
      edit.set("keys_strings", classes);
      edit.set("values_int64s", positions);
      edit.drop("default_string");
      return {};
    case DType::kInt64:
      edit.set("keys_int64s", positions);
      edit.set("values_strings", classes);
      edit.drop("default_int64");
      return {};
    default: return unsupported("LabelEncoder before ai.onnx.ml 2 needs to know whether its input is string or int64");
  }
}

constexpr Converter kConverters[] = {{"LabelEncoder", 2, label_encoder_2}};

}  // namespace

std::span<const Converter> ml_converters() { return kConverters; }

}  // namespace cycloid::onnx
