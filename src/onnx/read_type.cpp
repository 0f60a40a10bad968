#include "onnx/read_type.h"

#include "base/error.h"
#include "onnx/read_tensor.h"
#include "onnx/wire.h"

namespace cycloid::onnx {
namespace {

constexpr int kMaxTypeDepth = 16;

Result<Dim> read_dim(std::string_view message) {
  Dim dim = Dim::unknown();
  const Status walked = for_each_field(message, "TensorShapeProto.Dimension", [&](const Field& field) -> Status {
    std::int64_t value = 0;
    std::string_view name;
    if (field.number() == 1 && field.get(value)) dim = value >= 0 ? Dim(value) : Dim::unknown();
    if (field.number() == 2 && field.get(name)) {
      CYCLOID_TRY(check_text(name, "the name of a dimension"));
      dim = dim_of_name(name);
    }
    return {};
  });
  if (!walked) return walked.error();
  return dim;
}

// A TypeProto.Tensor.
Result<ValueType> read_tensor_type(std::string_view message) {
  ValueType type = ValueType::tensor(DType::kUndefined);
  const Status walked = for_each_field(message, "TypeProto.Tensor", [&](const Field& field) -> Status {
    std::int64_t data_type = 0;
    std::string_view shape;
    if (field.number() == 1 && field.get(data_type) && data_type != 0) {
      CYCLOID_ASSIGN(type.dtype, to_dtype(data_type));
    }
    if (field.number() == 2 && field.get(shape)) {
      type.shape.emplace();
      return for_each_field(shape, "TensorShapeProto", [&](const Field& dim) -> Status {
        std::string_view dim_message;
        if (dim.number() != 1 || !dim.get(dim_message)) return {};
        if (type.shape->size() == kMaxRank) return unsupported("a shape of more than {} dimensions", kMaxRank);
        CYCLOID_ASSIGN(Dim size, read_dim(dim_message));
        type.shape->push_back(std::move(size));
        return {};
      });
    }
    return {};
  });
  if (!walked) return walked.error();
  return type;
}

// A TypeProto.Sequence, .Optional (element type in field 1) or .Map (key type in field 1, value type in field 2).
Result<ValueType> read_container_type(std::string_view message, ValueType::Kind kind, int depth) {
  ValueType type;
  type.kind = kind;
  type.element = std::make_shared<ValueType>();
  const std::uint32_t element_field = kind == ValueType::Kind::kMap ? 2 : 1;
  const Status walked = for_each_field(message, "TypeProto", [&](const Field& field) -> Status {
    std::int64_t key = 0;
    std::string_view element;
    if (kind == ValueType::Kind::kMap && field.number() == 1 && field.get(key) && key != 0) {
      CYCLOID_ASSIGN(type.dtype, to_dtype(key));
    }
    if (field.number() == element_field && field.get(element)) {
      CYCLOID_ASSIGN(ValueType inner, read_type(element, depth + 1));
      type.element = std::make_shared<ValueType>(std::move(inner));
    }
    return {};
  });
  if (!walked) return walked.error();
  return type;
}

}  // namespace

Result<ValueType> read_type(std::string_view message, int depth) {
  if (depth > kMaxTypeDepth) return invalid_model("types are nested more than {} deep", kMaxTypeDepth);
  ValueType type;
  const Status walked = for_each_field(message, "TypeProto", [&](const Field& field) -> Status {
    std::string_view inner;
    if (!field.get(inner)) return {};
    const auto read = [&]() -> Result<ValueType> {
      switch (field.number()) {
        case 1: return read_tensor_type(inner);
        case 4: return read_container_type(inner, ValueType::Kind::kSequence, depth);
        case 5: return read_container_type(inner, ValueType::Kind::kMap, depth);
        case 9: return read_container_type(inner, ValueType::Kind::kOptional, depth);
        case 7: return unsupported("an opaque type");
        case 8: return unsupported("the sparse tensor type (sparse initializers and constants are supported)");
        default: return type;
      }
    };
    CYCLOID_ASSIGN(type, read());
    return {};
  });
  if (!walked) return walked.error();
  return type;
}

Result<ValueDraft> read_value_info(std::string_view message) {
  ValueDraft value;
  std::string_view type;
  const Status walked = for_each_field(message, "ValueInfoProto", [&](const Field& field) -> Status {
    if (field.number() == 1) field.get(value.name);
    if (field.number() == 2) field.get(type);
    return {};
  });
  if (!walked) return walked.error();
  CYCLOID_TRY(check_text(value.name, "a value's name"));
  auto read = read_type(type);
  if (!read) return read.error().in(fmt::format("value '{}'", value.name));
  value.type = *std::move(read);
  return value;
}

}  // namespace cycloid::onnx
