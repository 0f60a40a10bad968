#include "ops/linalg/list.h"

#include "ops/op_list.h"

namespace cycloid {

void add_linalg_ops(OpList& list) {
  list.insert(list.end(), {
                              &kDet,
                              &kEinsum,
                              &kGemm,
                              &kMatMul,
                              &kTrilu,
                          });
}

}  // namespace cycloid
