// AnyValue: a tensor, sequence, map or absent optional that owns (or shares) what it holds.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "cycloid/export.h"
#include "cycloid/result.h"
#include "cycloid/tensor_view.h"

namespace CYCLOID_API cycloid {

class Datum;

// Immutable; copies are cheap and share the elements. Safe to read from several threads at once.
class AnyValue {
 public:
  enum class Kind { kNone, kTensor, kSequence, kMap };

  AnyValue();  // kNone: an optional without a value
  ~AnyValue();
  AnyValue(const AnyValue&);
  AnyValue(AnyValue&&) noexcept;
  AnyValue& operator=(const AnyValue&);
  AnyValue& operator=(AnyValue&&) noexcept;

  // A tensor with a copy of the elements. Errors: a negative or overflowing shape, fewer bytes than elements, null data.
  static Result<AnyValue> copy_of(const TensorView& tensor);
  // A tensor that shares the elements (not for strings, which are copied); `owner` keeps them alive. Errors as above.
  static Result<AnyValue> borrow(const TensorView& tensor, std::shared_ptr<const void> owner);
  static AnyValue sequence(const std::vector<AnyValue>& items);
  // Keys: an int64 or string tensor of rank 1; values: a tensor of rank 1 with as many elements.
  static Result<AnyValue> map(const AnyValue& keys, const AnyValue& values);

  Kind kind() const;

  // Of a tensor (a bug otherwise): valid while this value or a copy of it lives.
  TensorView tensor() const;
  // Items of a sequence, entries of a map, 0 for kNone, the first size of a tensor (1 for a scalar).
  std::size_t size() const;
  // Of a sequence, i < size() (a bug otherwise).
  AnyValue item(std::size_t i) const;
  // Of a map (a bug otherwise).
  AnyValue map_keys() const;
  AnyValue map_values() const;

  // For the library's own use.
  explicit AnyValue(Datum datum);
  const Datum& datum() const { return *datum_; }

 private:
  std::shared_ptr<const Datum> datum_;
};

}  // namespace cycloid
