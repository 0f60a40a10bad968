// What is known of a value that comes from one of several places.
#pragma once

#include <vector>

#include "graph/type.h"

namespace cycloid {

// Joins types, and remembers the sizes it had to make unknown: joining once more leaves those as they are, so that
// joining over and over comes to rest.
class TypeJoin {
 public:
  // What holds of values of type `a` as well as of type `b`. Kinds or dtypes that differ give an error.
  Result<ValueType> join(const ValueType& a, const ValueType& b);

 private:
  Dim join(const Dim& a, const Dim& b);
  std::vector<Dim> widened_;
};

}  // namespace cycloid
