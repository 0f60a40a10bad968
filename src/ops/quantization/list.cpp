#include "ops/op_list.h"
#include "ops/quantization/integer_products.h"
#include "ops/quantization/qlinear.h"
#include "ops/quantization/quantize.h"

namespace cycloid {

void add_quantization_ops(OpList& list) {
  add_integer_product_ops(list);
  add_qlinear_ops(list);
  add_quantize_ops(list);
}

}  // namespace cycloid
