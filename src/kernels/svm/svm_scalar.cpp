#include "kernels/svm/svm_body.h"

namespace cycloid::kernels {

const SvmBodies svm_bodies_scalar = kSvmBodies;

}  // namespace cycloid::kernels
