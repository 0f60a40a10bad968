#include "cycloid/any_value.h"

#include <cstring>

#include "base/error.h"
#include "ops/datum.h"

namespace cycloid {
namespace {

// The view's element count, or what is wrong with the view.
Result<std::int64_t> check_view(const TensorView& view) {
  if (view.dtype == DType::kUndefined) return invalid_argument("a tensor needs an element type");
  const Dims dims(view.shape.begin(), view.shape.end());
  const std::optional<std::int64_t> count = element_count(dims);
  if (!count) return invalid_argument("the shape {} has a negative size or too many elements", to_string(dims));
  const std::size_t each = view.dtype == DType::kString ? sizeof(std::string) : size_of(view.dtype);
  if (static_cast<std::size_t>(*count) > SIZE_MAX / each || view.bytes < static_cast<std::size_t>(*count) * each) {
    return invalid_argument("{} elements of {} need more than the {} bytes given", *count, to_string(view.dtype),
                            view.bytes);
  }
  if (*count > 0 && view.data == nullptr) return invalid_argument("the tensor's memory is null");
  return *count;
}

}  // namespace

AnyValue::AnyValue() : datum_(std::make_shared<const Datum>()) {}
AnyValue::AnyValue(Datum datum) : datum_(std::make_shared<const Datum>(std::move(datum))) {}
AnyValue::~AnyValue() = default;
AnyValue::AnyValue(const AnyValue&) = default;
// The source of a move stays usable.
// NOLINTNEXTLINE(performance-move-constructor-init)
AnyValue::AnyValue(AnyValue&& other) noexcept : AnyValue(other) {}
AnyValue& AnyValue::operator=(const AnyValue&) = default;
AnyValue& AnyValue::operator=(AnyValue&& other) noexcept {
  datum_ = other.datum_;
  return *this;
}

Result<AnyValue> AnyValue::copy_of(const TensorView& view) {
  CYCLOID_ASSIGN(const std::int64_t count, check_view(view));
  CYCLOID_ASSIGN(Tensor tensor, Tensor::empty(view.dtype, Dims(view.shape.begin(), view.shape.end())));
  if (view.dtype == DType::kString) {
    const std::span<std::string> to = tensor.mutable_data<std::string>();
    std::copy_n(static_cast<const std::string*>(view.data), count, to.begin());
  } else if (count > 0) {
    std::memcpy(tensor.mutable_bytes(), view.data, tensor.byte_count());
  }
  return AnyValue(Datum(std::move(tensor)));
}

Result<AnyValue> AnyValue::borrow(const TensorView& view, std::shared_ptr<const void> owner) {
  if (view.dtype == DType::kString) return copy_of(view);
  CYCLOID_TRY(check_view(view));
  return AnyValue(
      Datum(Tensor::borrow(view.dtype, Dims(view.shape.begin(), view.shape.end()), view.data, std::move(owner))));
}

AnyValue AnyValue::sequence(const std::vector<AnyValue>& items) {
  Sequence sequence;
  for (const AnyValue& item : items) sequence.items.push_back(*item.datum_);
  return AnyValue(Datum(std::move(sequence)));
}

Result<AnyValue> AnyValue::map(const AnyValue& keys, const AnyValue& values) {
  const Tensor* k = keys.datum_->tensor();
  const Tensor* v = values.datum_->tensor();
  if (k == nullptr || v == nullptr || k->rank() != 1 || v->rank() != 1 || k->element_count() != v->element_count()) {
    return invalid_argument("a map needs keys and values that are tensors of rank 1 with equally many elements");
  }
  if (k->dtype() != DType::kInt64 && k->dtype() != DType::kString) {
    return invalid_argument("a map's keys are int64 or string, not {}", to_string(k->dtype()));
  }
  return AnyValue(Datum(Map{*k, *v}));
}

AnyValue::Kind AnyValue::kind() const {
  if (datum_->tensor() != nullptr) return Kind::kTensor;
  if (datum_->sequence() != nullptr) return Kind::kSequence;
  return datum_->map() != nullptr ? Kind::kMap : Kind::kNone;
}

TensorView AnyValue::tensor() const {
  const Tensor* tensor = datum_->tensor();
  CYCLOID_CHECK(tensor != nullptr);
  if (tensor->dtype() == DType::kString) {
    const std::span<const std::string> strings = tensor->data<std::string>();
    return {DType::kString, tensor->dims(), strings.data(), strings.size_bytes()};
  }
  return {tensor->dtype(), tensor->dims(), tensor->bytes(), tensor->byte_count()};
}

std::size_t AnyValue::size() const {
  if (const Tensor* tensor = datum_->tensor())
    return tensor->rank() == 0 ? 1 : static_cast<std::size_t>(tensor->dim(0));
  if (const Sequence* sequence = datum_->sequence()) return sequence->items.size();
  if (const Map* map = datum_->map()) return static_cast<std::size_t>(map->keys.element_count());
  return 0;
}

AnyValue AnyValue::item(std::size_t i) const {
  const Sequence* sequence = datum_->sequence();
  CYCLOID_CHECK(sequence != nullptr && i < sequence->items.size());
  return AnyValue(sequence->items[i]);
}

AnyValue AnyValue::map_keys() const {
  CYCLOID_CHECK(datum_->map() != nullptr);
  return AnyValue(Datum(datum_->map()->keys));
}

AnyValue AnyValue::map_values() const {
  CYCLOID_CHECK(datum_->map() != nullptr);
  return AnyValue(Datum(datum_->map()->values));
}

}  // namespace cycloid
