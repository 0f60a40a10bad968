#include "kernels/rowwise/rowwise_body.h"

namespace cycloid::kernels {

const RowwiseBodies rowwise_bodies_scalar = {softmax_rows, softmax_columns, normalize_rows,
                                             lrn_rows,     kReduceColumns,  kReduceRows};

}  // namespace cycloid::kernels
