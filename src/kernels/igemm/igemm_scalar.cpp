#include "kernels/igemm/igemm_body.h"
#include "kernels/igemm/igemm_fold_body.h"

#define CYCLOID_IGEMM(isa, vectors, max_rows, best_rows) CYCLOID_IGEMM_##isa(vectors, max_rows, best_rows)
#define CYCLOID_IGEMM_scalar(vectors, max_rows, best_rows) igemm_panel<vectors, max_rows>(best_rows),
#define CYCLOID_IGEMM_avx2(vectors, max_rows, best_rows)
#define CYCLOID_IGEMM_avx512(vectors, max_rows, best_rows)

namespace cycloid::kernels {

const IgemmKernels igemm_kernels_scalar = {
    kLanes,
    {
#include "kernels/igemm/manifest.inc"
    },
    post_process,
    {igemm_folds<2>(), igemm_folds<4>(), igemm_folds<8>()},
};

}  // namespace cycloid::kernels
