#include "backends/onnxruntime/ort_values.h"

#include <cstring>

#include "base/error.h"

namespace cycloid::ort {
namespace {

// ONNXTensorElementDataType has DType's numbers up to here, and a byte or more for each element.
constexpr int kLastSharedType = static_cast<int>(DType::kFloat8E5M2FNUZ);

Result<DType> to_dtype(int element_type) {
  if (element_type < 1 || element_type > kLastSharedType) {
    return unsupported("ONNX Runtime's element type {} has no counterpart of a byte or more", element_type);
  }
  return static_cast<DType>(element_type);
}

Result<Dims> dims_of(const Api& api, const OrtTensorInfo* info) {
  std::size_t rank = 0;
  CYCLOID_TRY(check(api, api(kGetDimensionsCount, info, &rank)));
  std::vector<std::int64_t> dims(rank);
  CYCLOID_TRY(check(api, api(kGetDimensions, info, dims.data(), rank)));
  return Dims(dims.begin(), dims.end());
}

Result<Tensor> strings_of(const Api& api, const OrtValue* value, Tensor tensor) {
  const auto count = static_cast<std::size_t>(tensor.element_count());
  std::size_t bytes = 0;
  CYCLOID_TRY(check(api, api(kGetStringTensorDataLength, value, &bytes)));
  std::string text(bytes, '\0');
  std::vector<std::size_t> offsets(count + 1, bytes);
  if (count > 0)
    CYCLOID_TRY(check(api, api(kGetStringTensorContent, value, text.data(), bytes, offsets.data(), count)));
  std::span<std::string> to = tensor.mutable_data<std::string>();
  for (std::size_t i = 0; i < count; ++i) to[i] = text.substr(offsets[i], offsets[i + 1] - offsets[i]);
  return tensor;
}

Result<Tensor> to_tensor(const Api& api, const OrtValue* value) {
  OrtTensorInfo* raw = nullptr;
  CYCLOID_TRY(check(api, api(kGetTensorTypeAndShape, value, &raw)));
  const auto info = own(api, kReleaseTensorInfo, raw);
  int element_type = 0;
  CYCLOID_TRY(check(api, api(kGetTensorElementType, info.get(), &element_type)));
  CYCLOID_ASSIGN(const DType dtype, to_dtype(element_type));
  CYCLOID_ASSIGN(Dims dims, dims_of(api, info.get()));
  CYCLOID_ASSIGN(Tensor tensor, Tensor::zeros(dtype, std::move(dims)));
  if (dtype == DType::kString) return strings_of(api, value, std::move(tensor));
  void* data = nullptr;
  CYCLOID_TRY(check(api, api(kGetTensorMutableData, const_cast<OrtValue*>(value), &data)));
  if (tensor.byte_count() > 0) std::memcpy(tensor.mutable_bytes(), data, tensor.byte_count());
  return tensor;
}

Result<Owned<OrtValue>> element(const Api& api, OrtAllocator* allocator, const OrtValue* value, std::size_t index) {
  OrtValue* raw = nullptr;
  CYCLOID_TRY(check(api, api(kGetValue, value, static_cast<int>(index), allocator, &raw)));
  return own(api, kReleaseValue, raw);
}

Result<int> kind_of(const Api& api, const OrtValue* value) {
  int kind = 0;
  CYCLOID_TRY(check(api, api(kGetValueType, value, &kind)));
  return kind;
}

}  // namespace

Result<Owned<OrtValue>> to_value(const Api& api, OrtAllocator* allocator, const Tensor& tensor) {
  const int element_type = static_cast<int>(tensor.dtype());
  CYCLOID_TRY(to_dtype(element_type));
  const std::vector<std::int64_t> dims(tensor.dims().begin(), tensor.dims().end());
  OrtValue* raw = nullptr;
  CYCLOID_TRY(check(api, api(kCreateTensorAsOrtValue, allocator, dims.data(), dims.size(), element_type, &raw)));
  auto value = own(api, kReleaseValue, raw);
  if (tensor.dtype() == DType::kString) {
    std::vector<const char*> strings;
    for (const std::string& s : tensor.data<std::string>()) strings.push_back(s.c_str());
    CYCLOID_TRY(check(api, api(kFillStringTensor, value.get(), strings.data(), strings.size())));
    return value;
  }
  void* data = nullptr;
  CYCLOID_TRY(check(api, api(kGetTensorMutableData, value.get(), &data)));
  if (tensor.byte_count() > 0) std::memcpy(data, tensor.bytes(), tensor.byte_count());
  return value;
}

Status append_tensors(const Api& api, OrtAllocator* allocator, const std::string& name, const OrtValue* value,
                      std::vector<NamedTensor>& tensors) {
  if (value == nullptr) return {};  // an optional output that the model did not give
  CYCLOID_ASSIGN(const int kind, kind_of(api, value));
  if (kind == kTypeTensor) {
    CYCLOID_ASSIGN(Tensor tensor, to_tensor(api, value).in("output '" + name + "'"));
    tensors.push_back({name, std::move(tensor)});
    return {};
  }
  if (kind != kTypeSequence) return unsupported("output '{}' is neither a tensor nor a sequence", name);
  std::size_t count = 0;
  CYCLOID_TRY(check(api, api(kGetValueCount, value, &count)));
  std::vector<Tensor> rows;
  for (std::size_t i = 0; i < count; ++i) {
    CYCLOID_ASSIGN(const Owned<OrtValue> item, element(api, allocator, value, i));
    CYCLOID_ASSIGN(const int item_kind, kind_of(api, item.get()));
    if (item_kind != kTypeMap) {
      CYCLOID_TRY(append_tensors(api, allocator, name + "_" + std::to_string(i), item.get(), tensors));
      continue;
    }
    CYCLOID_ASSIGN(const Owned<OrtValue> values, element(api, allocator, item.get(), 1));  // 0: keys, 1: values
    CYCLOID_ASSIGN(Tensor row, to_tensor(api, values.get()));
    rows.push_back(std::move(row));
  }
  if (rows.empty()) return {};
  CYCLOID_ASSIGN(Tensor stacked, stack_rows(name, rows));
  tensors.push_back({name, std::move(stacked)});
  return {};
}

Result<ModelInput> to_model_input(const Api& api, std::string name, const OrtTypeInfo* type) {
  int kind = 0;
  CYCLOID_TRY(check(api, api(kGetOnnxTypeFromTypeInfo, type, &kind)));
  if (kind != kTypeTensor) return unsupported("'{}' is not a tensor", name);
  const OrtTensorInfo* info = nullptr;  // owned by `type`
  CYCLOID_TRY(check(api, api(kCastTypeInfoToTensorInfo, type, &info)));
  int element_type = 0;
  CYCLOID_TRY(check(api, api(kGetTensorElementType, info, &element_type)));
  ModelInput input;
  CYCLOID_ASSIGN(input.dtype, to_dtype(element_type).in("'" + name + "'"));
  CYCLOID_ASSIGN(input.dims, dims_of(api, info));
  // A shape that the model does not declare reads as rank 0: the session checks the rank of a real scalar itself.
  input.any_rank = input.dims.empty();
  input.name = std::move(name);
  return input;
}

}  // namespace cycloid::ort
