#include "ops/control/list.h"

#include "ops/op_list.h"

namespace cycloid {

void add_control_ops(OpList& list) {
  list.insert(list.end(), {
                              &kIf,
                              &kLoop,
                              &kScan,
                              &kSequenceMap,
                          });
}

}  // namespace cycloid
