#include "onnx/read_attribute.h"

#include <utility>

#include "base/error.h"
#include "onnx/read_type.h"
#include "onnx/wire.h"

namespace cycloid::onnx {
namespace {

using Kind = AttributeKind;

// The fields of an AttributeProto; messages within it are read once its type is known.
struct AttributeMessage {
  std::string name;
  std::string reference;
  std::int64_t kind = 0;
  float f = 0;
  std::int64_t i = 0;
  std::string_view bytes;  // s, t, g, tp, sparse_tensor
  std::vector<float> floats;
  std::vector<std::int64_t> ints;
  std::vector<std::string_view> list;  // strings, tensors, graphs, sparse_tensors
};

struct FieldMeaning {
  std::uint32_t number;
  Kind kind;
};
constexpr FieldMeaning kSingles[] = {
    {4, Kind::kString}, {5, Kind::kTensor}, {6, Kind::kGraph}, {14, Kind::kTypeProto}, {22, Kind::kSparseTensor}};
constexpr FieldMeaning kLists[] = {{9, Kind::kStrings},
                                   {10, Kind::kTensors},
                                   {11, Kind::kGraphs},
                                   {15, Kind::kTypeProtos},
                                   {23, Kind::kSparseTensors}};

Status read_value_fields(std::string_view message, AttributeMessage& attribute) {
  // Files older than IR version 2 do not say the type: there the field that is set tells it.
  std::int64_t guessed = 0;
  const auto wanted = [&](Kind kind) {
    if (attribute.kind != 0) return attribute.kind == static_cast<std::int64_t>(kind);
    guessed = static_cast<std::int64_t>(kind);
    return true;
  };
  const Status walked = for_each_field(message, "AttributeProto", [&](const Field& field) -> Status {
    switch (field.number()) {
      case 2:
        if (wanted(Kind::kFloat)) field.get(attribute.f);
        return {};
      case 3:
        if (wanted(Kind::kInt)) field.get(attribute.i);
        return {};
      case 7: return wanted(Kind::kFloats) ? field.append(attribute.floats) : Status();
      case 8: return wanted(Kind::kInts) ? field.append(attribute.ints) : Status();
      default: break;
    }
    for (const FieldMeaning& single : kSingles) {
      if (field.number() == single.number && wanted(single.kind)) field.get(attribute.bytes);
    }
    for (const FieldMeaning& many : kLists) {
      std::string_view item;
      if (field.number() == many.number && wanted(many.kind) && field.get(item)) attribute.list.push_back(item);
    }
    return {};
  });
  if (!walked) return walked.error();
  if (attribute.kind == 0) attribute.kind = guessed;
  return {};
}

Result<Tensor> read_tensor_value(std::string_view message, bool sparse, ReadContext& context) {
  CYCLOID_ASSIGN(NamedTensor tensor, sparse ? read_sparse_tensor(message, context) : read_tensor(message, context));
  return std::move(tensor.tensor);
}

Result<Attribute> to_value(const AttributeMessage& attribute, ReadContext& context) {
  const auto kind = static_cast<Kind>(attribute.kind);
  switch (kind) {
    case Kind::kFloat: return Attribute(attribute.f);
    case Kind::kInt: return Attribute(attribute.i);
    case Kind::kString: return Attribute(std::string(attribute.bytes));
    case Kind::kFloats: return Attribute(attribute.floats);
    case Kind::kInts: return Attribute(attribute.ints);
    case Kind::kStrings: return Attribute(std::vector<std::string>(attribute.list.begin(), attribute.list.end()));
    case Kind::kGraph:
    case Kind::kGraphs: return Attribute();
    case Kind::kTensor:
    case Kind::kSparseTensor: {
      CYCLOID_ASSIGN(Tensor tensor, read_tensor_value(attribute.bytes, kind == Kind::kSparseTensor, context));
      return Attribute(std::move(tensor));
    }
    case Kind::kTensors:
    case Kind::kSparseTensors: {
      std::vector<Tensor> tensors;
      for (const std::string_view message : attribute.list) {
        CYCLOID_ASSIGN(Tensor tensor, read_tensor_value(message, kind == Kind::kSparseTensors, context));
        tensors.push_back(std::move(tensor));
      }
      return Attribute(std::move(tensors));
    }
    case Kind::kTypeProto: {
      auto type = read_type(attribute.bytes);
      if (!type) return type.error();
      return Attribute(*std::move(type));
    }
    case Kind::kTypeProtos: return unsupported("a list of types is not supported");
    case Kind::kUndefined: return invalid_model("it has neither a type nor a value");
  }
  return invalid_model("{} is not an attribute type of ONNX", attribute.kind);
}

}  // namespace

Result<NamedAttribute> read_attribute(std::string_view message, ReadContext& context) {
  AttributeMessage fields;
  const Status walked = for_each_field(message, "AttributeProto", [&](const Field& field) -> Status {
    if (field.number() == 1) field.get(fields.name);
    if (field.number() == 20) field.get(fields.kind);
    if (field.number() == 21) field.get(fields.reference);
    return {};
  });
  if (!walked) return walked.error();
  CYCLOID_TRY(check_text(fields.name, "an attribute's name"));
  CYCLOID_TRY(check_text(fields.reference, "the name of a referred attribute"));
  if (fields.name.empty()) return invalid_model("an attribute has no name");
  NamedAttribute result;
  result.name = fields.name;
  if (!fields.reference.empty()) {
    const bool known = fields.kind >= 0 && fields.kind <= static_cast<std::int64_t>(Kind::kTypeProtos);
    result.value = AttributeReference{fields.reference, known ? static_cast<std::int32_t>(fields.kind) : 0};
    return result;
  }
  const std::string place = fmt::format("attribute '{}'", fields.name);
  CYCLOID_TRY(read_value_fields(message, fields).in(place));
  auto value = to_value(fields, context);
  if (!value) return value.error().in(place);
  result.value = *std::move(value);
  result.kind = static_cast<Kind>(fields.kind);
  if (result.kind == Kind::kGraph) result.graphs = {fields.bytes};
  if (result.kind == Kind::kGraphs) result.graphs = std::move(fields.list);
  return result;
}

}  // namespace cycloid::onnx
