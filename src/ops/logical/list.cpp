#include "ops/logical/logical.h"
#include "ops/logical/where.h"
#include "ops/op_list.h"

namespace cycloid {

void add_logical_ops(OpList& list) {
  add_comparison_ops(list);
  list.push_back(&kWhere);
}

}  // namespace cycloid
