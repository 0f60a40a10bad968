#include "kernels/svm/svm_body.h"

namespace cycloid::kernels {

const SvmBodies svm_bodies_avx512 = kSvmBodies;

}  // namespace cycloid::kernels
