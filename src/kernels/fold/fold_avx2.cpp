#include "kernels/fold/fold_body.h"

namespace cycloid::kernels {

const FoldBodies fold_bodies_avx2 = CYCLOID_FOLD_BODIES;

}  // namespace cycloid::kernels
