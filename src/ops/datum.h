// Datum: what a value holds while the reference evaluation runs: a tensor, a sequence, an optional or a map.
#pragma once

#include <memory>
#include <variant>
#include <vector>

#include "tensor/tensor.h"

namespace cycloid {

class Datum;

struct Sequence {
  std::vector<Datum> items;
};
// Keys (int64 or string, rank 1) and values, one a key: a tensor of rank 1 where they are numbers or strings.
struct Map {
  Tensor keys;
  Tensor values;
};
// An optional without a value. An optional with one is that value itself.
struct None {};

class Datum {
 public:
  Datum() : state_(None{}) {}
  Datum(Tensor tensor) : state_(std::move(tensor)) {}  // NOLINT(google-explicit-constructor)
  Datum(Sequence sequence)                             // NOLINT(google-explicit-constructor)
      : state_(std::make_shared<const Sequence>(std::move(sequence))) {}
  Datum(Map map) : state_(std::make_shared<const Map>(std::move(map))) {}  // NOLINT(google-explicit-constructor)

  bool is_none() const { return std::holds_alternative<None>(state_); }
  const Tensor* tensor() const { return std::get_if<Tensor>(&state_); }
  const Sequence* sequence() const {
    const auto* p = std::get_if<std::shared_ptr<const Sequence>>(&state_);
    return p != nullptr ? p->get() : nullptr;
  }
  const Map* map() const {
    const auto* p = std::get_if<std::shared_ptr<const Map>>(&state_);
    return p != nullptr ? p->get() : nullptr;
  }

 private:
  std::variant<None, Tensor, std::shared_ptr<const Sequence>, std::shared_ptr<const Map>> state_;
};

}  // namespace cycloid
