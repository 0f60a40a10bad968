#include "onnx/read_tensor.h"

#include <charconv>
#include <cstring>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "base/error.h"
#include "onnx/wire.h"

namespace cycloid::onnx {
namespace {

// The fields of a TensorProto, in the numbers of onnx.proto.
struct TensorMessage {
  std::string name;
  Dims dims;
  std::int64_t data_type = 0;
  std::vector<float> floats;
  std::vector<std::int64_t> int32s;
  std::vector<std::int64_t> int64s;
  std::vector<double> doubles;
  std::vector<std::uint64_t> uint64s;
  std::vector<std::string_view> strings;
  std::optional<std::string_view> raw;
  std::int64_t location = 0;
  std::vector<std::pair<std::string, std::string>> external;
  bool segmented = false;
};

constexpr std::int64_t kExternal = 1;

Result<std::pair<std::string, std::string>> read_entry(std::string_view message) {
  std::pair<std::string, std::string> entry;
  const Status walked = for_each_field(message, "StringStringEntryProto", [&](const Field& field) -> Status {
    if (field.number() == 1) field.get(entry.first);
    if (field.number() == 2) field.get(entry.second);
    return {};
  });
  if (!walked) return walked.error();
  return entry;
}

Result<TensorMessage> read_fields(std::string_view message) {
  TensorMessage tensor;
  const Status walked = for_each_field(message, "TensorProto", [&](const Field& field) -> Status {
    std::string_view bytes;
    switch (field.number()) {
      case 1: return field.append(tensor.dims);
      case 2: field.get(tensor.data_type); return {};
      case 3: tensor.segmented = true; return {};
      case 4: return field.append(tensor.floats);
      case 5: return field.append(tensor.int32s);
      case 6:
        if (field.get(bytes)) tensor.strings.push_back(bytes);
        return {};
      case 7: return field.append(tensor.int64s);
      case 8: field.get(tensor.name); return {};
      case 9:
        if (field.get(bytes)) tensor.raw = bytes;
        return {};
      case 10: return field.append(tensor.doubles);
      case 11: return field.append(tensor.uint64s);
      case 13: {
        if (!field.get(bytes)) return {};
        CYCLOID_ASSIGN(auto entry, read_entry(bytes));
        tensor.external.push_back(std::move(entry));
        return {};
      }
      case 14: field.get(tensor.location); return {};
      default: return {};
    }
  });
  if (!walked) return walked.error();
  return tensor;
}

// The bytes of `count` elements as files pack them.
std::uint64_t packed_bytes(DType dtype, std::int64_t count) {
  const auto n = static_cast<std::uint64_t>(count);
  const auto bits = static_cast<std::uint64_t>(bits_of(dtype));
  return bits >= 8 ? n * (bits / 8) : n / (8 / bits) + (n % (8 / bits) != 0);
}

bool packed_bytes_overflow(DType dtype, std::int64_t count) {
  return static_cast<std::uint64_t>(count) > std::numeric_limits<std::uint64_t>::max() / 2 / 16 && bits_of(dtype) >= 8;
}

// Elements narrower than a byte, from packed bytes; byte(i) gives the i-th.
template <class Byte>
void unpack(Tensor& tensor, Byte byte) {
  const int bits = bits_of(tensor.dtype());
  const std::int64_t per_byte = 8 / bits;
  const unsigned mask = (1U << bits) - 1;
  const bool sign = is_signed_integer(tensor.dtype());
  std::byte* to = tensor.mutable_bytes();
  for (std::int64_t i = 0; i < tensor.element_count(); ++i) {
    unsigned value =
        (static_cast<unsigned>(byte(static_cast<std::size_t>(i / per_byte))) >> (i % per_byte * bits)) & mask;
    if (sign && (value >> (bits - 1)) != 0) value |= ~mask;
    to[i] = static_cast<std::byte>(value);
  }
}

bool only_zero_and_one(std::span<const std::byte> bytes) {
  unsigned seen = 0;
  for (const std::byte byte : bytes) seen |= static_cast<unsigned>(byte);
  return seen <= 1;
}

Result<Tensor> from_raw(DType dtype, const Dims& dims, std::int64_t count, std::span<const std::byte> raw,
                        const std::shared_ptr<const void>& owner) {
  if (dtype == DType::kString) return invalid_model("strings cannot be stored as raw bytes");
  if (packed_bytes_overflow(dtype, count) || packed_bytes(dtype, count) != raw.size()) {
    return invalid_model("{} bytes of data do not fit {}{}", raw.size(), to_string(dtype), to_string(dims));
  }
  const std::size_t size = size_of(dtype);
  const std::size_t alignment = dtype == DType::kComplex64 || dtype == DType::kComplex128 ? size / 2 : size;
  if (bits_of(dtype) >= 8 && owner != nullptr && count != 0 &&
      reinterpret_cast<std::uintptr_t>(raw.data()) % alignment == 0 &&
      (dtype != DType::kBool || only_zero_and_one(raw))) {
    return Tensor::borrow(dtype, dims, raw.data(), owner);
  }
  CYCLOID_ASSIGN(Tensor tensor, Tensor::empty(dtype, dims));
  if (bits_of(dtype) < 8) {
    unpack(tensor, [&](std::size_t i) { return raw[i]; });
  } else if (dtype == DType::kBool) {  // a bool that is neither 0 nor 1 is undefined behaviour
    std::byte* to = tensor.mutable_bytes();
    for (std::size_t i = 0; i < raw.size(); ++i) to[i] = std::byte(raw[i] != std::byte{0});
  } else if (!raw.empty()) {
    std::memcpy(tensor.mutable_bytes(), raw.data(), raw.size());
  }
  return tensor;
}

Error wrong_count(DType dtype, const Dims& dims, std::size_t found) {
  return invalid_model("{} elements in the field for {} do not fit shape {}", found, to_string(dtype), to_string(dims));
}

// Plain numbers of the field's own type. Complex numbers are pairs.
template <class T>
Result<Tensor> from_numbers(DType dtype, const Dims& dims, std::int64_t count, const std::vector<T>& numbers) {
  const std::size_t each = size_of(dtype) / sizeof(T);
  if (numbers.size() % each != 0 || numbers.size() / each != static_cast<std::uint64_t>(count)) {
    return wrong_count(dtype, dims, numbers.size() / each);
  }
  CYCLOID_ASSIGN(Tensor tensor, Tensor::empty(dtype, dims));
  if (!numbers.empty()) std::memcpy(tensor.mutable_bytes(), numbers.data(), numbers.size() * sizeof(T));
  return tensor;
}

// The range of the integers that stand for an element: bit patterns for floats, whole bytes for packed types.
std::pair<std::int64_t, std::int64_t> range_of(DType dtype) {
  switch (dtype) {
    case DType::kInt8: return {-128, 127};
    case DType::kInt16: return {-32768, 32767};
    case DType::kInt32: return {std::numeric_limits<std::int32_t>::min(), std::numeric_limits<std::int32_t>::max()};
    case DType::kUInt16:
    case DType::kFloat16:
    case DType::kBFloat16: return {0, 65535};
    case DType::kUInt32: return {0, std::numeric_limits<std::uint32_t>::max()};
    case DType::kBool: return {0, 1};
    default: return {0, 255};
  }
}

// Integers narrowed to the element type.
template <class T>
Result<Tensor> from_integers(DType dtype, const Dims& dims, std::int64_t count, const std::vector<T>& numbers) {
  const auto [low, high] = range_of(dtype);
  const bool packed = bits_of(dtype) < 8;
  if (numbers.size() != (packed ? packed_bytes(dtype, count) : static_cast<std::uint64_t>(count))) {
    return wrong_count(dtype, dims, numbers.size());
  }
  for (const T number : numbers) {
    // A packed byte of signed elements may have been written as a signed number.
    const bool fits = std::cmp_greater_equal(number, packed ? -128 : low) && std::cmp_less_equal(number, high);
    if (!fits) return invalid_model("the element {} is out of the range of {}", number, to_string(dtype));
  }
  CYCLOID_ASSIGN(Tensor tensor, Tensor::empty(dtype, dims));
  if (packed) {
    unpack(tensor, [&](std::size_t i) { return static_cast<std::byte>(numbers[i]); });
    return tensor;
  }
  std::byte* to = tensor.mutable_bytes();
  const std::size_t size = size_of(dtype);
  for (const T number : numbers) {
    std::memcpy(to, &number, size);  // little-endian: the low bytes come first
    to += size;
  }
  return tensor;
}

Result<Tensor> from_strings(const Dims& dims, std::int64_t count, const std::vector<std::string_view>& strings) {
  if (strings.size() != static_cast<std::uint64_t>(count)) return wrong_count(DType::kString, dims, strings.size());
  CYCLOID_ASSIGN(Tensor tensor, Tensor::empty(DType::kString, dims));
  const std::span<std::string> to = tensor.mutable_data<std::string>();
  for (std::size_t i = 0; i < strings.size(); ++i) to[i] = std::string(strings[i]);
  return tensor;
}

Result<Tensor> from_typed(DType dtype, const Dims& dims, std::int64_t count, const TensorMessage& message) {
  switch (dtype) {
    case DType::kFloat32:
    case DType::kComplex64: return from_numbers(dtype, dims, count, message.floats);
    case DType::kFloat64:
    case DType::kComplex128: return from_numbers(dtype, dims, count, message.doubles);
    case DType::kInt64: return from_numbers(dtype, dims, count, message.int64s);
    case DType::kUInt64: return from_numbers(dtype, dims, count, message.uint64s);
    case DType::kUInt32: return from_integers(dtype, dims, count, message.uint64s);
    case DType::kString: return from_strings(dims, count, message.strings);
    default: return from_integers(dtype, dims, count, message.int32s);
  }
}

Result<std::uint64_t> parse_size(const std::string& text, std::string_view what) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value > std::numeric_limits<std::int64_t>::max()) {
    return invalid_model("the external data's {} '{}' is not a size in bytes", what, text);
  }
  return value;
}

Result<Tensor> from_external(DType dtype, const Dims& dims, std::int64_t count, const TensorMessage& message,
                             ReadContext& context) {
  if (dtype == DType::kString) return invalid_model("strings cannot be external data");
  std::string location;
  std::uint64_t offset = 0;
  std::optional<std::uint64_t> length;
  for (const auto& [key, value] : message.external) {
    if (key == "location") location = value;
    if (key == "offset") {
      CYCLOID_ASSIGN(offset, parse_size(value, key));
    }
    if (key == "length") {
      CYCLOID_ASSIGN(length, parse_size(value, key));
    }
  }
  if (packed_bytes_overflow(dtype, count)) return invalid_model("a tensor of shape {} is too large", to_string(dims));
  if (!length) length = packed_bytes(dtype, count);
  CYCLOID_ASSIGN(const ExternalData::Bytes bytes, context.external.get(location, offset, length));
  return from_raw(dtype, dims, count, bytes.data, bytes.owner);
}

Result<Tensor> to_tensor(const TensorMessage& message, ReadContext& context) {
  CYCLOID_ASSIGN(const DType dtype, to_dtype(message.data_type));
  if (message.dims.size() > kMaxRank)
    return unsupported("it has {} dimensions; at most {} are supported", message.dims.size(), kMaxRank);
  if (message.segmented) return unsupported("it is stored in segments, which ONNX no longer allows");
  const auto count = element_count(message.dims);
  if (!count) return invalid_model("its shape {} has a negative size or too many elements", to_string(message.dims));
  if (message.location == kExternal) return from_external(dtype, message.dims, *count, message, context);
  if (message.raw) {
    const std::span<const char> raw(message.raw->data(), message.raw->size());
    return from_raw(dtype, message.dims, *count, std::as_bytes(raw), context.owner);
  }
  return from_typed(dtype, message.dims, *count, message);
}

// The positions of a sparse tensor's values in the dense one.
Result<std::vector<std::int64_t>> linear_indices(const Tensor& indices, std::int64_t values, const Dims& dims,
                                                 std::int64_t count) {
  if (indices.dtype() != DType::kInt64) return invalid_model("a sparse tensor's indices must be int64");
  const std::span<const std::int64_t> data = indices.data<std::int64_t>();
  const bool linear = indices.rank() == 1;
  const std::int64_t rank = linear ? 1 : static_cast<std::int64_t>(dims.size());
  if (!(linear && indices.dim(0) == values) &&
      !(indices.rank() == 2 && indices.dim(0) == values && indices.dim(1) == rank)) {
    return invalid_model("a sparse tensor's indices have shape {}, for {} values of a tensor of rank {}",
                         to_string(indices.dims()), values, dims.size());
  }
  std::vector<std::int64_t> positions;
  for (std::int64_t i = 0; i < values; ++i) {
    std::int64_t position = 0;
    for (std::int64_t axis = 0; axis < rank; ++axis) {
      const std::int64_t index = data[static_cast<std::size_t>(i * rank + axis)];
      const std::int64_t size = linear ? count : dims[static_cast<std::size_t>(axis)];
      if (index < 0 || index >= size) return invalid_model("a sparse tensor's index {} is out of range", index);
      position = position * size + index;  // stays below count
    }
    positions.push_back(position);
  }
  return positions;
}

Result<Tensor> densify(const Tensor& values, const Tensor& indices, const Dims& dims, ReadContext& context) {
  const auto count = element_count(dims);
  if (!count) return invalid_model("its shape {} has a negative size or too many elements", to_string(dims));
  if (values.rank() != 1) return invalid_model("a sparse tensor's values must be of rank 1");
  CYCLOID_ASSIGN(const auto positions, linear_indices(indices, values.element_count(), dims, *count));
  const std::size_t size = values.dtype() == DType::kString ? sizeof(std::string) : size_of(values.dtype());
  if (static_cast<std::uint64_t>(*count) > context.sparse_bytes_left / size) {
    return make_error(ErrorCode::kResourceExhausted, "the sparse tensor of shape {} is too large to be made dense",
                      to_string(dims));
  }
  context.sparse_bytes_left -= static_cast<std::size_t>(*count) * size;
  CYCLOID_ASSIGN(Tensor dense, Tensor::zeros(values.dtype(), dims));
  if (values.dtype() == DType::kString) {
    const auto to = dense.mutable_data<std::string>();
    for (std::size_t i = 0; i < positions.size(); ++i)
      to[static_cast<std::size_t>(positions[i])] = values.data<std::string>()[i];
  } else {
    std::byte* to = dense.mutable_bytes();
    for (std::size_t i = 0; i < positions.size(); ++i) {
      std::memcpy(to + static_cast<std::size_t>(positions[i]) * size, values.bytes() + i * size, size);
    }
  }
  return dense;
}

}  // namespace

Result<DType> to_dtype(std::int64_t data_type) {
  if (data_type == 27 || data_type == 28) {
    return unsupported("the element type {} is not supported", data_type == 27 ? "float6e2m3" : "float6e3m2");
  }
  if (data_type <= 0 || data_type >= kDTypeCount) return invalid_model("{} is not an element type of ONNX", data_type);
  return static_cast<DType>(data_type);
}

Status check_text(std::string_view text, std::string_view what) {
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const std::size_t length = byte < 0x80                      ? 1
                               : byte >> 5 == 6 && byte >= 0xC2 ? 2
                               : byte >> 4 == 14                ? 3
                               : byte >> 3 == 30                ? 4
                                                                : 0;
    bool valid = length != 0 && i + length <= text.size();
    std::uint32_t code = length == 1 ? byte : byte & (0x7FU >> length);
    for (std::size_t j = 1; valid && j < length; ++j) {
      const auto next = static_cast<unsigned char>(text[i + j]);
      valid = next >> 6 == 2;
      code = code << 6 | (next & 0x3FU);
    }
    if (valid && length == 3) valid = code >= 0x800 && (code < 0xD800 || code > 0xDFFF);
    if (valid && length == 4) valid = code >= 0x10000 && code <= 0x10FFFF;
    if (!valid || byte == 0) return invalid_model("{} is not UTF-8 text", what);
    i += length;
  }
  return {};
}

Result<NamedTensor> read_tensor(std::string_view message, ReadContext& context) {
  CYCLOID_ASSIGN(TensorMessage fields, read_fields(message));
  CYCLOID_TRY(check_text(fields.name, "a tensor's name"));
  auto tensor = to_tensor(fields, context);
  if (!tensor) return tensor.error().in(fmt::format("tensor '{}'", fields.name));
  return NamedTensor{std::move(fields.name), *std::move(tensor)};
}

Result<NamedTensor> read_sparse_tensor(std::string_view message, ReadContext& context) {
  std::string_view values_message;
  std::string_view indices_message;
  Dims dims;
  const Status walked = for_each_field(message, "SparseTensorProto", [&](const Field& field) -> Status {
    if (field.number() == 1) field.get(values_message);
    if (field.number() == 2) field.get(indices_message);
    if (field.number() == 3) return field.append(dims);
    return {};
  });
  if (!walked) return walked.error();
  CYCLOID_ASSIGN(NamedTensor values, read_tensor(values_message, context));
  CYCLOID_ASSIGN(const NamedTensor indices, read_tensor(indices_message, context));
  auto dense = densify(values.tensor, indices.tensor, dims, context);
  if (!dense) return dense.error().in(fmt::format("sparse tensor '{}'", values.name));
  return NamedTensor{std::move(values.name), *std::move(dense)};
}

}  // namespace cycloid::onnx
