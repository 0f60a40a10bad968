#include "cycloid/model.h"

#include <new>
#include <stdexcept>

#include "base/error.h"
#include "graph/graph.h"
#include "onnx/import/import.h"
#include "onnx/reader.h"
#include "ops/op.h"

namespace cycloid {
namespace {

ValueInfo::Kind public_kind(ValueType::Kind kind) {
  switch (kind) {
    case ValueType::Kind::kUnknown: return ValueInfo::Kind::kUnknown;
    case ValueType::Kind::kTensor: return ValueInfo::Kind::kTensor;
    case ValueType::Kind::kSequence: return ValueInfo::Kind::kSequence;
    case ValueType::Kind::kOptional: return ValueInfo::Kind::kOptional;
    case ValueType::Kind::kMap: return ValueInfo::Kind::kMap;
  }
  return ValueInfo::Kind::kUnknown;
}

ValueInfo describe_value(const std::string& name, const ValueType& type) {
  ValueInfo info{.name = name, .kind = public_kind(type.kind), .dtype = type.dtype, .type = to_string(type)};
  if (!type.is_tensor() || !type.shape) return info;
  info.has_rank = true;
  for (const Dim& dim : *type.shape) {
    info.shape.push_back(dim.known().value_or(-1));
    const std::string text = dim.is_known() ? std::string() : dim.to_string();
    info.symbols.push_back(text.starts_with('?') ? std::string() : text);
  }
  return info;
}

Result<Model> finish(ModelIr ir, const onnx::OverridableInputs& overridable) {
  const auto opset = ir.opsets.find("");
  const std::int64_t source = opset == ir.opsets.end() ? 0 : opset->second;
  try {
    CYCLOID_TRY(onnx::to_normal_form(ir));
    CYCLOID_TRY(infer_types(ir));
  } catch (const std::bad_alloc&) {
    return make_error(ErrorCode::kResourceExhausted, "no memory to import the model");
  } catch (const std::length_error&) {
    return make_error(ErrorCode::kResourceExhausted, "no memory to import the model");
  }
  std::vector<ValueInfo> infos;
  for (const auto& input : overridable.all) infos.push_back(describe_value(input.name, input.type));
  return Model(std::make_shared<const ModelIr>(std::move(ir)), source, std::move(infos));
}

}  // namespace

struct Model::State {
  std::shared_ptr<const ModelIr> ir;
  std::vector<ValueInfo> inputs, outputs, overridable;
  std::int64_t source_opset = 0;
};

Result<Model> Model::load(const std::string& path, const LoadOptions& options) {
  onnx::OverridableInputs overridable{.open = {options.overridden.begin(), options.overridden.end()}};
  CYCLOID_ASSIGN(ModelIr read, onnx::read_model(path, &overridable));  // its errors name the path
  return finish(std::move(read), overridable).in(path);
}

Result<Model> Model::from_bytes(std::span<const std::byte> bytes, const std::string& base_dir,
                                const LoadOptions& options) {
  onnx::OverridableInputs overridable{.open = {options.overridden.begin(), options.overridden.end()}};
  CYCLOID_ASSIGN(ModelIr read, onnx::read_model(bytes, base_dir.empty() ? std::nullopt : std::optional(base_dir),
                                                nullptr, &overridable));
  return finish(std::move(read), overridable);
}

Model::Model(std::shared_ptr<const ModelIr> ir, std::int64_t source_opset,
             std::vector<ValueInfo> overridable_initializers) {
  auto state = std::make_shared<State>();
  state->source_opset = source_opset;
  state->overridable = std::move(overridable_initializers);
  const auto describe = [&](ValueId id) { return describe_value(ir->graph.value(id).name, ir->graph.value(id).type); };
  for (const ValueId id : ir->graph.inputs()) state->inputs.push_back(describe(id));
  for (const ValueId id : ir->graph.outputs()) state->outputs.push_back(describe(id));
  state->ir = std::move(ir);
  state_ = std::move(state);
}

// A moved-from Model shares the model too, so no Model is ever empty.
Model::Model(const Model&) = default;
// NOLINTNEXTLINE(performance-move-constructor-init)
Model::Model(Model&& other) noexcept : Model(other) {}
Model& Model::operator=(const Model&) = default;
Model& Model::operator=(Model&& other) noexcept {
  state_ = other.state_;
  return *this;
}
Model::~Model() = default;

std::span<const ValueInfo> Model::inputs() const { return state_->inputs; }
std::span<const ValueInfo> Model::outputs() const { return state_->outputs; }
std::span<const ValueInfo> Model::overridable_initializers() const { return state_->overridable; }
const std::string& Model::graph_name() const { return state_->ir->graph.name(); }
const std::string& Model::producer_name() const { return state_->ir->producer_name; }
const std::string& Model::doc() const { return state_->ir->doc; }
std::map<std::string, std::int64_t> Model::opsets() const {
  return {state_->ir->opsets.begin(), state_->ir->opsets.end()};
}
std::map<std::string, std::string> Model::metadata() const {
  return {state_->ir->metadata.begin(), state_->ir->metadata.end()};
}
std::size_t Model::node_count() const { return count_nodes(state_->ir->graph); }
std::int64_t Model::source_opset() const { return state_->source_opset; }
const std::shared_ptr<const ModelIr>& Model::ir() const { return state_->ir; }

}  // namespace cycloid
