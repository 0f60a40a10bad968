#include "onnx/write_tensor.h"

#include <algorithm>

namespace cycloid::onnx {
namespace {

bool is_packed(DType dtype) { return bits_of(dtype) < 8; }

std::uint64_t stored_bytes(const Tensor& tensor) {
  if (!is_packed(tensor.dtype())) return tensor.byte_count();
  const std::uint64_t each = 8 / static_cast<std::uint64_t>(bits_of(tensor.dtype()));
  return (static_cast<std::uint64_t>(tensor.element_count()) + each - 1) / each;
}

void write_entry(protozero::pbf_writer& to, const std::string& key, const std::string& value) {
  protozero::pbf_writer entry(to, 13);
  entry.add_string(1, key);
  entry.add_string(2, value);
}

}  // namespace

std::uint64_t ExternalTensors::add(const Tensor& tensor) {
  const std::uint64_t offset = (end_ + kAlignment - 1) / kAlignment * kAlignment;
  end_ = offset + stored_bytes(tensor);
  tensors_.emplace_back(offset, tensor);
  return offset;
}

std::string packed(const Tensor& tensor) {
  const char* from = reinterpret_cast<const char*>(tensor.bytes());
  if (!is_packed(tensor.dtype())) return {from, tensor.byte_count()};
  const int bits = bits_of(tensor.dtype());
  const std::int64_t per_byte = 8 / bits;
  const unsigned mask = (1U << bits) - 1;
  std::string bytes(stored_bytes(tensor), '\0');
  for (std::int64_t i = 0; i < tensor.element_count(); ++i) {
    const unsigned value = (static_cast<unsigned char>(from[i]) & mask) << (i % per_byte * bits);
    char& byte = bytes[static_cast<std::size_t>(i / per_byte)];
    byte = static_cast<char>(static_cast<unsigned char>(byte) | value);
  }
  return bytes;
}

void write_tensor(protozero::pbf_writer& to, const Tensor& tensor, const std::string& name, ExternalTensors* external) {
  to.add_packed_int64(1, tensor.dims().begin(), tensor.dims().end());
  to.add_int32(2, static_cast<std::int32_t>(tensor.dtype()));
  if (!name.empty()) to.add_string(8, name);
  if (tensor.dtype() == DType::kString) {
    for (const std::string& text : tensor.data<std::string>()) to.add_bytes(6, text);
  } else if (external != nullptr && external->takes(tensor)) {
    write_entry(to, "location", external->location());
    write_entry(to, "offset", std::to_string(external->add(tensor)));
    write_entry(to, "length", std::to_string(stored_bytes(tensor)));
    to.add_int32(14, 1);  // data_location: EXTERNAL
  } else if (is_packed(tensor.dtype())) {
    to.add_bytes(9, packed(tensor));
  } else {
    to.add_bytes(9, reinterpret_cast<const char*>(tensor.bytes()), tensor.byte_count());
  }
}

}  // namespace cycloid::onnx
