#include "tensor/tensor.h"

#include <cstdlib>
#include <cstring>
#include <limits>
#include <new>

#include "base/error.h"

namespace cycloid {
namespace {

struct FreeDeleter {
  void operator()(const void* p) const { std::free(const_cast<void*>(p)); }
};

}  // namespace

Result<Tensor> Tensor::empty(DType dtype, Dims dims) {
  const auto count = cycloid::element_count(dims);
  const std::size_t size = size_of(dtype);
  constexpr auto kMaxBytes = static_cast<std::uint64_t>(std::numeric_limits<std::ptrdiff_t>::max()) - kAlignment;
  if (!count || (size != 0 && static_cast<std::uint64_t>(*count) > kMaxBytes / size)) {
    return invalid_argument("a tensor of shape {} is too large or has a negative size", to_string(dims));
  }
  Tensor tensor;
  tensor.dtype_ = dtype;
  tensor.count_ = *count;
  const auto out_of_memory = [&] {
    return make_error(ErrorCode::kResourceExhausted, "no memory for a {} tensor of shape {}", to_string(dtype),
                      to_string(dims));
  };
  if (dtype == DType::kString) {
    try {
      tensor.owner_ = std::make_shared<std::vector<std::string>>(static_cast<std::size_t>(*count));
    } catch (const std::exception&) {
      return out_of_memory();
    }
  } else {
    const std::size_t bytes = (static_cast<std::size_t>(*count) * size + kAlignment - 1) / kAlignment * kAlignment;
    void* memory = std::aligned_alloc(kAlignment, bytes == 0 ? kAlignment : bytes);
    if (memory == nullptr) return out_of_memory();
    tensor.owner_ = std::shared_ptr<const void>(memory, FreeDeleter());
    tensor.bytes_ = static_cast<const std::byte*>(memory);
  }
  tensor.dims_ = std::move(dims);
  return tensor;
}

Result<Tensor> Tensor::zeros(DType dtype, Dims dims) {
  CYCLOID_ASSIGN(Tensor tensor, empty(dtype, std::move(dims)));
  if (tensor.byte_count() != 0) std::memset(tensor.mutable_bytes(), 0, tensor.byte_count());
  return tensor;
}

Tensor Tensor::borrow(DType dtype, Dims dims, const void* bytes, std::shared_ptr<const void> owner) {
  const auto count = cycloid::element_count(dims);
  CYCLOID_CHECK(count.has_value() && dtype != DType::kString);
  Tensor tensor;
  tensor.dtype_ = dtype;
  tensor.dims_ = std::move(dims);
  tensor.count_ = *count;
  tensor.bytes_ = static_cast<const std::byte*>(bytes);
  tensor.owner_ = std::move(owner);
  tensor.borrowed_ = true;
  return tensor;
}

std::byte* Tensor::mutable_bytes() {
  CYCLOID_CHECK(dtype_ != DType::kString);
  if (borrowed_ || owner_.use_count() > 1) {
    Tensor copy = empty(dtype_, dims_).value();
    if (byte_count() != 0) std::memcpy(const_cast<std::byte*>(copy.bytes_), bytes_, byte_count());
    *this = std::move(copy);
  }
  return const_cast<std::byte*>(bytes_);
}

const std::string* Tensor::strings() const {
  return static_cast<const std::vector<std::string>*>(owner_.get())->data();
}

std::string* Tensor::mutable_strings() {
  if (owner_.use_count() > 1) {
    owner_ = std::make_shared<std::vector<std::string>>(*static_cast<const std::vector<std::string>*>(owner_.get()));
  }
  return const_cast<std::string*>(strings());
}

Tensor Tensor::reshaped(Dims dims) const {
  const auto count = cycloid::element_count(dims);
  CYCLOID_CHECK(count == count_);
  Tensor tensor = *this;
  tensor.dims_ = std::move(dims);
  return tensor;
}

bool identical(const Tensor& a, const Tensor& b) {
  if (a.dtype() != b.dtype() || a.dims() != b.dims()) return false;
  if (a.dtype() == DType::kString) {
    const auto x = a.data<std::string>();
    const auto y = b.data<std::string>();
    return std::equal(x.begin(), x.end(), y.begin());
  }
  return a.byte_count() == 0 || std::memcmp(a.bytes(), b.bytes(), a.byte_count()) == 0;
}

std::vector<std::int64_t> to_int64s(const Tensor& tensor) {
  std::vector<std::int64_t> values;
  const bool done = dispatch<std::int64_t, std::int32_t, std::int16_t, std::int8_t, std::uint64_t, std::uint32_t,
                             std::uint16_t, std::uint8_t, bool>(tensor.dtype(), [&]<class T>(T) {
    const auto data = tensor.data<T>();
    values.assign(data.begin(), data.end());
  });
  CYCLOID_CHECK(done);
  return values;
}

Tensor int64s(std::span<const std::int64_t> values) {
  return Tensor::of<std::int64_t>({static_cast<std::int64_t>(values.size())}, values);
}

}  // namespace cycloid
