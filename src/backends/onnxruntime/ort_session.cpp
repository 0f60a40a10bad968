#include "backends/onnxruntime/ort_session.h"

#include <algorithm>

#include "base/error.h"

namespace cycloid::ort {
namespace {

using NameEntry = decltype(kSessionGetInputName);
using TypeEntry = decltype(kSessionGetInputTypeInfo);

Result<std::string> name_of(const Api& api, OrtAllocator* allocator, const OrtSession* session, NameEntry entry,
                            std::size_t i) {
  char* raw = nullptr;
  CYCLOID_TRY(check(api, api(entry, session, i, allocator, &raw)));
  std::string name = raw;
  CYCLOID_TRY(check(api, api(kAllocatorFree, allocator, raw)));
  return name;
}

Result<Owned<OrtTypeInfo>> type_of(const Api& api, const OrtSession* session, TypeEntry entry, std::size_t i) {
  OrtTypeInfo* raw = nullptr;
  CYCLOID_TRY(check(api, api(entry, session, i, &raw)));
  return own(api, kReleaseTypeInfo, raw);
}

// The names of the dynamic sizes of input `index`.
Status read_symbols(const Api& api, const OrtTypeInfo* type, std::size_t index, Signature& signature) {
  const OrtTensorInfo* info = nullptr;
  CYCLOID_TRY(check(api, api(kCastTypeInfoToTensorInfo, type, &info)));
  std::vector<const char*> names(signature.inputs[index].dims.size());
  CYCLOID_TRY(check(api, api(kGetSymbolicDimensions, info, names.data(), names.size())));
  for (std::size_t axis = 0; axis < names.size(); ++axis) {
    if (signature.inputs[index].dims[axis] >= 0 || names[axis] == nullptr || *names[axis] == '\0') continue;
    signature.symbols.emplace_back(names[axis]);
    signature.symbol_places.emplace_back(index, axis);
  }
  return {};
}

// Adds the initializers that the run may override and is given a value for.
Status read_overridden(const Api& api, OrtAllocator* allocator, const OrtSession* session,
                       const std::vector<NamedTensor>& given, Signature& signature) {
  std::size_t count = 0;
  CYCLOID_TRY(check(api, api(kSessionGetOverridableInitializerCount, session, &count)));
  for (std::size_t i = 0; i < count; ++i) {
    CYCLOID_ASSIGN(std::string name, name_of(api, allocator, session, kSessionGetOverridableInitializerName, i));
    if (std::ranges::none_of(given, [&](const NamedTensor& one) { return one.name == name; })) continue;
    CYCLOID_ASSIGN(const auto type, type_of(api, session, kSessionGetOverridableInitializerTypeInfo, i));
    CYCLOID_ASSIGN(ModelInput input, to_model_input(api, std::move(name), type.get()));
    signature.inputs.push_back(std::move(input));
  }
  return {};
}

}  // namespace

Result<Signature> read_signature(const Api& api, OrtAllocator* allocator, const OrtSession* session,
                                 const std::vector<NamedTensor>& given) {
  Signature signature;
  std::size_t count = 0;
  CYCLOID_TRY(check(api, api(kSessionGetInputCount, session, &count)));
  for (std::size_t i = 0; i < count; ++i) {
    CYCLOID_ASSIGN(std::string name, name_of(api, allocator, session, kSessionGetInputName, i));
    CYCLOID_ASSIGN(const auto type, type_of(api, session, kSessionGetInputTypeInfo, i));
    CYCLOID_ASSIGN(ModelInput input, to_model_input(api, std::move(name), type.get()));
    signature.inputs.push_back(std::move(input));
    CYCLOID_TRY(read_symbols(api, type.get(), i, signature));
  }
  CYCLOID_TRY(read_overridden(api, allocator, session, given, signature));
  CYCLOID_TRY(check(api, api(kSessionGetOutputCount, session, &count)));
  for (std::size_t i = 0; i < count; ++i) {
    CYCLOID_ASSIGN(std::string name, name_of(api, allocator, session, kSessionGetOutputName, i));
    CYCLOID_ASSIGN(const auto type, type_of(api, session, kSessionGetOutputTypeInfo, i));
    int kind = 0;
    CYCLOID_TRY(check(api, api(kGetOnnxTypeFromTypeInfo, type.get(), &kind)));
    signature.outputs.push_back({std::move(name), kind == kTypeTensor});
  }
  return signature;
}

Status Session::prepare() {
  OrtRunOptions* options = nullptr;
  CYCLOID_TRY(check(api_, api_(kCreateRunOptions, &options)));
  run_options_ = own(api_, kReleaseRunOptions, options);
  return {};
}

Status Session::bind_outputs() {
  OrtMemoryInfo* raw = nullptr;
  CYCLOID_TRY(check(api_, api_(kCreateCpuMemoryInfo, kDeviceAllocator, kMemoryDefault, &raw)));
  const auto memory = own(api_, kReleaseMemoryInfo, raw);
  for (const Port& output : signature_.outputs) {
    CYCLOID_TRY(check(api_, api_(kBindOutputToDevice, binding_.get(), output.name.c_str(), memory.get())));
  }
  return {};
}

Status Session::set_inputs(const std::vector<NamedTensor>& inputs) {
  CYCLOID_ASSIGN(const std::vector<std::size_t> matches, match_inputs(signature_.inputs, inputs));
  std::vector<Owned<OrtValue>> values;
  for (std::size_t match : matches) {
    CYCLOID_ASSIGN(Owned<OrtValue> value,
                   to_value(api_, allocator_, inputs[match].tensor).in("input '" + inputs[match].name + "'"));
    values.push_back(std::move(value));
  }
  // A binding keeps the shapes of the outputs of its last run, so new inputs get a new binding.
  const bool all_tensors =
      std::all_of(signature_.outputs.begin(), signature_.outputs.end(), [](const Port& o) { return o.is_tensor; });
  binding_.reset();
  if (all_tensors) {
    OrtIoBinding* raw = nullptr;
    CYCLOID_TRY(check(api_, api_(kCreateIoBinding, session_.get(), &raw)));
    binding_ = own(api_, kReleaseIoBinding, raw);
    for (std::size_t i = 0; i < values.size(); ++i) {
      CYCLOID_TRY(check(api_, api_(kBindInput, binding_.get(), signature_.inputs[i].name.c_str(), values[i].get())));
    }
    CYCLOID_TRY(bind_outputs());
  }
  release_outputs();
  input_names_.clear();
  input_values_.clear();
  output_names_.clear();
  for (std::size_t i = 0; i < values.size(); ++i) {
    input_names_.push_back(signature_.inputs[i].name.c_str());
    input_values_.push_back(values[i].get());
  }
  for (const Port& output : signature_.outputs) output_names_.push_back(output.name.c_str());
  output_values_.assign(signature_.outputs.size(), nullptr);
  inputs_ = std::move(values);
  return {};
}

Status Session::run() {
  OrtStatus* status = nullptr;
  if (binding_) {
    status = api_(kRunWithBinding, session_.get(), run_options_.get(), binding_.get());
  } else {
    status = api_(kRun, session_.get(), run_options_.get(), input_names_.data(), input_values_.data(),
                  input_values_.size(), output_names_.data(), output_names_.size(), output_values_.data());
  }
  return status == nullptr ? Status() : check(api_, status);
}

Result<std::vector<NamedTensor>> Session::outputs() {
  std::vector<NamedTensor> tensors;
  if (!binding_) {
    for (std::size_t i = 0; i < output_values_.size(); ++i) {
      CYCLOID_TRY(append_tensors(api_, allocator_, signature_.outputs[i].name, output_values_[i], tensors));
    }
    return tensors;
  }
  OrtValue** raw = nullptr;
  std::size_t count = 0;
  CYCLOID_TRY(check(api_, api_(kGetBoundOutputValues, binding_.get(), allocator_, &raw, &count)));
  std::vector<Owned<OrtValue>> values;
  for (std::size_t i = 0; i < count; ++i) values.push_back(own(api_, kReleaseValue, raw[i]));
  if (raw != nullptr) CYCLOID_TRY(check(api_, api_(kAllocatorFree, allocator_, raw)));
  for (std::size_t i = 0; i < count; ++i) {
    CYCLOID_TRY(append_tensors(api_, allocator_, signature_.outputs[i].name, values[i].get(), tensors));
  }
  return tensors;
}

void Session::release_outputs() {
  for (OrtValue*& value : output_values_) {
    if (value != nullptr) api_(kReleaseValue, value);
    value = nullptr;
  }
}

}  // namespace cycloid::ort
