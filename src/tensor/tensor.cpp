#include "tensor/tensor.h"

#include <cstdlib>
#include <cstring>
#include <limits>
#include <new>
#include <optional>

#include "base/error.h"
#include "base/work_bounds.h"
#include "tensor/endless.h"

namespace cycloid {
namespace {

// Allocations up to this size are charged to the budget in force but never refused: it is asked again after each node, and
// nobody handles the failure of a list of sizes.
constexpr std::size_t kNeverRefused = std::size_t{64} << 10;

// Memory charged to the budget in force, if there is one.
class Charge {
 public:
  // Nothing where it does not fit.
  static std::optional<Charge> take(std::size_t bytes, bool refusable = true) {
    Charge charge;
    const WorkBounds* bounds = work_bounds();
    if (bounds == nullptr || bounds->memory == nullptr) return charge;
    if (!refusable || bytes <= kNeverRefused) {
      bounds->memory->force(bytes);
    } else if (!bounds->memory->take(bytes)) {
      return std::nullopt;
    }
    charge.budget_ = bounds->memory;
    charge.bytes_ = bytes;
    return charge;
  }
  void give_back() const {
    if (budget_ != nullptr) budget_->give_back(bytes_);
  }

 private:
  std::shared_ptr<MemoryBudget> budget_;
  std::size_t bytes_ = 0;
};

struct FreeDeleter {
  Charge charge;
  void operator()(const void* p) const {
    std::free(const_cast<void*>(p));
    charge.give_back();
  }
};

struct StringsDeleter {
  Charge charge;
  void operator()(const std::vector<std::string>* p) const {
    delete p;
    charge.give_back();
  }
};

std::size_t rounded(std::size_t bytes) {
  constexpr std::size_t kLine = Tensor::kAlignment;
  return bytes == 0 ? kLine : (bytes + kLine - 1) / kLine * kLine;
}

// Null where there is no memory, or none left of the budget.
std::shared_ptr<const void> allocate_bytes(std::size_t bytes, bool refusable) {
  std::optional<Charge> charge = Charge::take(rounded(bytes), refusable);
  if (!charge) return nullptr;
  void* memory = std::aligned_alloc(Tensor::kAlignment, rounded(bytes));
  if (memory == nullptr) {
    charge->give_back();
    return nullptr;
  }
  return {static_cast<const void*>(memory), FreeDeleter{*std::move(charge)}};
}

std::shared_ptr<const void> allocate_strings(std::size_t count) {
  std::optional<Charge> charge = Charge::take(count * sizeof(std::string));
  if (!charge) return nullptr;
  std::vector<std::string>* strings = nullptr;
  try {
    strings = new std::vector<std::string>(count);
  } catch (const std::exception&) {
    charge->give_back();
    return nullptr;
  }
  return {strings, StringsDeleter{*std::move(charge)}};
}

}  // namespace

Result<Tensor> Tensor::empty(DType dtype, Dims dims) {
  const auto count = cycloid::element_count(dims);
  const std::size_t size = size_of(dtype);
  constexpr auto kMaxBytes = static_cast<std::uint64_t>(std::numeric_limits<std::ptrdiff_t>::max()) - kAlignment;
  if (!count || (size != 0 && static_cast<std::uint64_t>(*count) > kMaxBytes / size)) {
    return invalid_argument("a tensor of shape {} is too large or has a negative size", to_string(dims));
  }
  if (work_bounds() != nullptr && is_endless_nothing(dims)) {
    return make_error(ErrorCode::kResourceExhausted, "a tensor of shape {} has no elements, but too many rows",
                      to_string(dims));
  }
  Tensor tensor;
  tensor.dtype_ = dtype;
  tensor.count_ = *count;
  const auto elements = static_cast<std::size_t>(*count);
  if (dtype == DType::kString) {
    if (elements <= kMaxBytes / sizeof(std::string)) tensor.owner_ = allocate_strings(elements);
  } else {
    tensor.owner_ = allocate_bytes(elements * size, true);
    tensor.bytes_ = static_cast<const std::byte*>(tensor.owner_.get());
  }
  if (tensor.owner_ == nullptr) {
    return make_error(ErrorCode::kResourceExhausted,
                      "no memory for a {} tensor of shape {}, or none left of the limit (max_memory)", to_string(dtype),
                      to_string(dims));
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
    std::shared_ptr<const void> copy = allocate_bytes(byte_count(), false);
    CYCLOID_CHECK(copy != nullptr);
    auto* bytes = static_cast<std::byte*>(const_cast<void*>(copy.get()));
    if (byte_count() != 0) std::memcpy(bytes, bytes_, byte_count());
    owner_ = std::move(copy);
    bytes_ = bytes;
    borrowed_ = false;
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
