#include "kernels/fold/fold_body.h"

namespace cycloid::kernels {

const FoldBodies fold_bodies_scalar = CYCLOID_FOLD_BODIES;

}  // namespace cycloid::kernels
